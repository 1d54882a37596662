import { type Clock, type Instant, instantToMs, msToInstant } from '@nixfleet/contracts';

/** Built no earlier than this: before any signed document, a clock that says less is wrong. */
export const builtAt = '2026-01-01T00:00:00Z' as Instant;

/**
 * The agent's idea of now (design §4): the latest of the wall clock, what was verified or persisted, and the build time.
 * A clock that was set back so does not bring an expired document back to life. What was verified grows older with
 * monotonic time, or a soak and a back-off would last until such a clock is right again.
 */
export class AgentTime {
  readonly #clock: Clock;
  #floorMs: number;
  #floorAtMs: number;

  constructor(clock: Clock, persisted: Instant | null) {
    this.#clock = clock;
    this.#floorMs = Math.max(instantToMs(builtAt), persisted === null ? 0 : instantToMs(persisted));
    this.#floorAtMs = clock.monotonicMs();
  }

  now(): Instant {
    return msToInstant(Math.max(this.#clock.now(), this.#leastMs()));
  }

  /** A verified `signedAt`: time has reached it. */
  reached(instant: Instant): void {
    this.#floorMs = Math.max(this.#leastMs(), instantToMs(instant));
    this.#floorAtMs = this.#clock.monotonicMs();
  }

  #leastMs(): number {
    return this.#floorMs + this.#clock.monotonicMs() - this.#floorAtMs;
  }
}
