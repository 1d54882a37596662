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
  #steadyFrom: { readonly ms: number; readonly atMs: number } | null = null;

  constructor(clock: Clock, persisted: Instant | null) {
    this.#clock = clock;
    this.#floorMs = Math.max(instantToMs(builtAt), persisted === null ? 0 : instantToMs(persisted));
    this.#floorAtMs = clock.monotonicMs();
  }

  now(): Instant {
    const steady = this.#steadyFrom;
    const ms = steady ? steady.ms + this.#clock.monotonicMs() - steady.atMs : this.#clock.now();
    return msToInstant(Math.max(ms, this.#leastMs()));
  }

  /**
   * Whether time passes as the monotonic clock has it, from now on, instead of following a wall clock that jumps: a switch
   * under way must not run out of its time, or be done with its soak, because somebody set the clock.
   */
  set isSteady(isSteady: boolean) {
    if (isSteady === (this.#steadyFrom !== null)) return;
    this.#steadyFrom = isSteady ? { ms: instantToMs(this.now()), atMs: this.#clock.monotonicMs() } : null;
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
