import { type Clock, type HostPhase, type Instant, instantToMs, msToInstant } from '@nixfleet/contracts';

/** Built no earlier than this: before any signed document, a clock that says less is wrong. */
export const builtAt = '2026-01-01T00:00:00Z' as Instant;

/** Phases with a deadline or an end of their own. */
const timedPhases: ReadonlySet<string> = new Set(['activating', 'rebooting', 'confirming', 'soaking', 'reverting']);

/**
 * The agent's idea of now (design §4): the latest of the wall clock, what was verified or persisted, and the build time.
 * A clock that was set back so does not bring an expired document back to life. What was verified grows older with
 * monotonic time, or a soak and a back-off would last until such a clock is right again. What was persisted does so half as
 * fast: a wall clock said it, one that had run ahead is to be caught up with, and no wait gets longer than twice as long meanwhile.
 */
export class AgentTime {
  readonly #clock: Clock;
  readonly #persistedMs: number;
  readonly #startedAtMs: number;
  #verifiedMs = 0;
  #verifiedAtMs = 0;
  #steadyFrom: { readonly ms: number; readonly atMs: number } | null = null;

  constructor(clock: Clock, persisted: Instant | null) {
    this.#clock = clock;
    this.#persistedMs = Math.max(instantToMs(builtAt), persisted === null ? 0 : instantToMs(persisted));
    this.#startedAtMs = clock.monotonicMs();
  }

  now(): Instant {
    return msToInstant(this.#nowMs());
  }

  /**
   * In a phase with a deadline time passes as the monotonic clock has it: a switch under way must not run out of its time,
   * or be done with its soak, because somebody set the clock. One that was not set when the phase began is followed.
   */
  follow(phase: Pick<HostPhase, 'name'>, isClockSynchronised: boolean): void {
    if (!timedPhases.has(phase.name)) this.#steadyFrom = null;
    else if (isClockSynchronised) this.#steadyFrom ??= { ms: this.#nowMs(), atMs: this.#clock.monotonicMs() };
  }

  /** A verified `signedAt`: time has reached it. */
  reached(instant: Instant): void {
    this.#verifiedMs = Math.max(this.#grownMs(), instantToMs(instant));
    this.#verifiedAtMs = this.#clock.monotonicMs();
  }

  /** Not yet cut to whole seconds: what is taken for a start must not lag behind the clock. */
  #nowMs(): number {
    const steady = this.#steadyFrom;
    const ms = steady ? steady.ms + this.#clock.monotonicMs() - steady.atMs : this.#clock.now();
    const persistedMs = this.#persistedMs + (this.#clock.monotonicMs() - this.#startedAtMs) / 2;
    return Math.max(ms, this.#grownMs(), persistedMs);
  }

  #grownMs(): number {
    return this.#verifiedMs === 0 ? 0 : this.#verifiedMs + this.#clock.monotonicMs() - this.#verifiedAtMs;
  }
}
