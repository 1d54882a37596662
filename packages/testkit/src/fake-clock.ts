import type { Clock, Instant } from '@nixfleet/contracts';
import { instantToMs, msToInstant } from '@nixfleet/contracts';

interface Sleeper {
  readonly wakeAtMs: number;
  readonly wake: () => void;
}

/** Turns of the event loop given to whatever a sleeper's end sets in motion before time moves on. */
const turnsPerWake = 3;

/**
 * A clock that stands still until it is advanced.
 *
 *     const clock = new FakeClock('2026-06-01T08:00:00Z');
 *     const slept = clock.sleep(5_000);
 *     await clock.advance(5_000);      // wakes sleepers in order of their time
 *     clock.setWall('2020-01-01T00:00:00Z'); // the wall clock jumps; deadlines do not care
 */
export class FakeClock implements Clock {
  #monotonicMs = 0;
  #wallMs: number;
  readonly #sleepers = new Set<Sleeper>();

  constructor(start: Instant | string = '2026-06-01T08:00:00Z') {
    this.#wallMs = Date.parse(start);
  }

  now(): number {
    return this.#wallMs;
  }

  /** `now()` as documents write it, rounded down to a second. */
  instant(): Instant {
    return msToInstant(this.#wallMs);
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  /** How many are asleep: zero means that advancing would change nothing but the time. */
  get sleeping(): number {
    return this.#sleepers.size;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (ms <= 0) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#sleepers.delete(sleeper);
        reject(signal?.reason);
      };
      const sleeper: Sleeper = {
        wakeAtMs: this.#monotonicMs + ms,
        wake: () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      this.#sleepers.add(sleeper);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  /** Lets `ms` pass, on both clocks. Sleepers wake one by one at their time, and what they start may sleep again. */
  async advance(ms: number): Promise<void> {
    const until = this.#monotonicMs + ms;
    await turns();
    for (let next = this.#next(until); next; next = this.#next(until)) {
      this.#pass(next.wakeAtMs);
      this.#sleepers.delete(next);
      next.wake();
      await turns();
    }
    this.#pass(until);
  }

  /** Sets the wall clock alone: an administrator or NTP stepped it. */
  setWall(instant: Instant | string): void {
    this.#wallMs = instantToMs(instant as Instant);
  }

  #next(until: number): Sleeper | undefined {
    let next: Sleeper | undefined;
    for (const sleeper of this.#sleepers) {
      if (sleeper.wakeAtMs <= until && (!next || sleeper.wakeAtMs < next.wakeAtMs)) next = sleeper;
    }
    return next;
  }

  #pass(toMs: number): void {
    this.#wallMs += toMs - this.#monotonicMs;
    this.#monotonicMs = toMs;
  }
}

async function turns(): Promise<void> {
  for (let i = 0; i < turnsPerWake; i++) await new Promise((resolve) => setImmediate(resolve));
}
