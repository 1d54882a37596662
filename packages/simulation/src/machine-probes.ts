import type { Probes } from '@nixfleet/agent';
import { CheckName, HealthCheck } from '@nixfleet/contracts';
import type { Closures } from './closures.ts';
import type { Dice } from './dice.ts';
import type { Life } from './life.ts';
import type { Machine } from './machine.ts';
import type { Scheduler } from './scheduler.ts';

const web = CheckName.parse('web');
/** How long after a switch a closure that sickens begins to fail its probe, in milliseconds. */
const sickeningMs = 150_000;

/** Share of the probes that take their time, and how long at most, in milliseconds. */
const slow = { share: 0.1, msMax: 400 };

/** The probes port of one incarnation: how the service does on this machine is the running closure's behaviour. */
export function machineProbes(
  machine: Machine,
  deps: {
    readonly life: Life;
    readonly scheduler: Scheduler;
    readonly dice: Dice;
    readonly closures: Closures;
    readonly intervalSeconds: number;
    /** Controls of what runs here are measured. */
    readonly hasControls: boolean;
  },
): Probes {
  const { life, scheduler, dice, closures, intervalSeconds, hasControls } = deps;
  const check = HealthCheck.parse({
    kind: 'exec',
    command: ['/check'],
    intervalSeconds,
    failureThreshold: 2,
  });
  let isOdd = false;
  const isPassing = (): boolean => {
    isOdd = !isOdd;
    if (machine.isGoingDown) return false;
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
    controls: (closure) => life.cross(() => ({ ok: true, bytes: hasControls ? closures.catalogueOf(closure) : null })),
    run: () =>
      life.cross(
        () => (isPassing() ? { status: 'pass' } : { status: 'fail', detail: 'expected 0, got 1' }),
        dice.chance(slow.share) ? dice.between(1, slow.msMax) : 0,
      ),
  };
}
