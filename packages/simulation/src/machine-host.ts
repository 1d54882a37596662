import type { Host } from '@nixfleet/agent';
import { Sha256Hex } from '@nixfleet/contracts';
import type { ActivationOutcome } from '@nixfleet/engine';
import type { Life } from './life.ts';
import type { Machine } from './machine.ts';
import type { Appointment, Scheduler } from './scheduler.ts';

/** From what another process does to when it is noticed, in milliseconds. */
const pollMs = 250;

/** The host port of one incarnation of the agent on a machine. */
export function machineHost(machine: Machine, { life, scheduler, isClockSynchronised }: MachineHostDeps): Host {
  /** Looks until `look` says something: a moment after each time that there may be something new to see. */
  const until = <Value>(look: () => Value | null, signal?: AbortSignal): Promise<Value> =>
    life.wait<Value>((settle) => {
      let next: Appointment | null = null;
      const check = (): void => {
        next = null;
        const value = look();
        if (value === null) return;
        stop();
        settle(value);
      };
      const lookIn = (ms: number): void => {
        next ??= scheduler.after(ms, check);
      };
      const unwatch = machine.watch(() => (life.isOver ? unwatch() : lookIn(pollMs)));
      const stop = (): void => {
        unwatch();
        if (next) scheduler.cancel(next);
      };
      lookIn(0);
      return stop;
    }, signal);
  const outcome = (): ActivationOutcome | null => {
    const found = machine.activation();
    if (found === 'running') return null;
    return found === 'unknown' ? lost : found;
  };
  const settledDeadMan = () => {
    const report = machine.deadMan();
    return report.kind === 'fired' && report.ok === null ? null : report;
  };
  return {
    environment: {},
    locate: (path) => path,
    bootId: () => life.cross(() => machine.bootId),
    running: () => life.cross(() => machine.running),
    bootDefault: () => life.cross(() => machine.bootDefault),
    isClockSynchronised: () => life.cross(isClockSynchronised),
    bootShortage: () => life.cross(() => null),
    isGoingDown: () => life.cross(() => machine.isGoingDown),
    // It is up at once.
    isComingUp: async () => false,
    arm: (to, seconds) =>
      life.cross(() => {
        const problem = machine.arm(to, seconds);
        return problem === null ? { ok: true } : { ok: false, detail: problem };
      }, 20),
    deadMan: () => life.cross(() => machine.deadMan()),
    keepGuarded: () => life.cross(() => machine.keepGuarded(), 50),
    awaitDeadMan: (signal) => until(settledDeadMan, signal),
    disarm: () => life.cross(() => machine.disarm(), 5),
    standDown: () => life.cross(() => machine.standDown()),
    activate: async (closure, { timeoutSeconds }, signal) => {
      await life.cross(() => machine.startActivation(closure, timeoutSeconds), 10);
      return until(outcome, signal);
    },
    awaitActivation: (signal) => until(outcome, signal),
    activation: () => life.cross(() => machine.activation()),
    setDefault: (closure) =>
      life.cross(() => {
        const problem = machine.setDefault(closure);
        return problem === null ? ({ ok: true } as const) : ({ ok: false, detail: problem } as const);
      }, 10),
    wasBootOrdered: () => life.cross(() => machine.wasBootOrdered),
    rebootPending: () => life.cross(() => machine.rebootPending),
    reboot: (order) =>
      life.cross(() => {
        machine.reboot(order);
        return { ok: true } as const;
      }, 10),
    revert: async (to, signal) => {
      const isOurs = await life.cross(() => machine.takeRevert());
      if (!isOurs) {
        const report = await until(settledDeadMan, signal);
        if (report.kind === 'fired' && machine.running === to) return { running: to, by: 'dead-man' };
      }
      let isDone = false;
      await life.cross(() =>
        machine.goBack(to, () => {
          isDone = true;
        }),
      );
      await until(() => (isDone ? true : null), signal);
      return life.cross(() => ({ running: machine.running, by: 'agent' as const }));
    },
  };
}

export interface MachineHostDeps {
  readonly life: Life;
  readonly scheduler: Scheduler;
  readonly isClockSynchronised: () => boolean;
}

const lost: ActivationOutcome = {
  kind: 'failed',
  cause: 'activation-failed',
  output: {
    exitCode: null,
    durationMs: 0,
    outputSha256: Sha256Hex.parse('0'.repeat(64)),
    excerpt: 'the process of the switch ended without leaving an outcome',
  },
};
