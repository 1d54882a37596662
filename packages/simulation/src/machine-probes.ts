import type { Probes } from '@nixfleet/agent';
import { CheckName, HealthCheck } from '@nixfleet/contracts';
import type { Closures } from './closures.ts';
import type { Life } from './life.ts';
import type { Machine } from './machine.ts';
import type { Scheduler } from './scheduler.ts';

const web = CheckName.parse('web');
/** How long after a switch a closure that sickens begins to fail its probe, in milliseconds. */
const sickeningMs = 150_000;

/** The probes port of one incarnation: how the service does on this machine is the running closure's behaviour. */
export function machineProbes(
  machine: Machine,
  deps: {
    readonly life: Life;
    readonly scheduler: Scheduler;
    readonly closures: Closures;
    readonly intervalSeconds: number;
  },
): Probes {
  const { life, scheduler, closures, intervalSeconds } = deps;
  const check = HealthCheck.parse({
    kind: 'exec',
    command: ['/check'],
    intervalSeconds,
    failureThreshold: 2,
  });
  let isOdd = false;
  const isPassing = (): boolean => {
    isOdd = !isOdd;
    switch (closures.behaviourOf(machine.running)) {
      case 'sick':
        return false;
      case 'flapping':
        return isOdd;
      case 'sickening':
        return scheduler.nowMs - machine.runningSinceMs < sickeningMs;
      default:
        return true;
    }
  };
  return {
    declared: () => life.cross(() => ({ ok: true, checks: [[web, check]] })),
    run: () =>
      life.cross(() => (isPassing() ? { status: 'pass' } : { status: 'fail', detail: 'expected 0, got 1' }), 30),
  };
}
