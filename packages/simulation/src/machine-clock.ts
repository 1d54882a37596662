import type { Clock } from '@nixfleet/contracts';
import type { Life } from './life.ts';
import type { Scheduler } from './scheduler.ts';

/** Time as one computer tells it: its quartz runs a little fast or slow, and its wall clock can be set. */
export class MachineTime {
  readonly #scheduler: Scheduler;
  readonly #startMs: number;
  /** Milliseconds of its own for each true one. */
  readonly rate: number;
  /** How far the wall clock was set off, in milliseconds. */
  wallOffsetMs = 0;

  constructor(scheduler: Scheduler, startMs: number, rate = 1) {
    this.#scheduler = scheduler;
    this.#startMs = startMs;
    this.rate = rate;
  }

  monotonicMs(): number {
    return this.#scheduler.nowMs * this.rate;
  }

  now(): number {
    return Math.floor(this.#startMs + this.monotonicMs() + this.wallOffsetMs);
  }
}

/** The clock port of one program on that computer. */
export function machineClock(time: MachineTime, life: Life, scheduler: Scheduler): Clock {
  return {
    now: () => time.now(),
    monotonicMs: () => time.monotonicMs(),
    sleep: (ms, signal) => {
      if (signal?.aborted) return Promise.reject(signal.reason);
      if (ms <= 0) return Promise.resolve();
      return life.wait<void>((settle) => {
        const appointment = scheduler.after(ms / time.rate, () => settle(), true);
        return () => scheduler.cancel(appointment);
      }, signal);
    },
  };
}
