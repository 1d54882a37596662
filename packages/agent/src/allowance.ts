import type { Clock } from '@nixfleet/contracts';

/**
 * How often something may happen that others can cause at will: `burst` times at once, then once per `refillMs`. What
 * comes sooner is told how long to wait, at most `refillMs`, and counts too.
 */
export class Allowance {
  readonly #clock: Clock;
  readonly #burst: number;
  readonly #refillMs: number;
  /** Monotonic milliseconds at which everything taken so far would be refilled. */
  #refilledAt = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, { burst, refillMs }: { readonly burst: number; readonly refillMs: number }) {
    this.#clock = clock;
    this.#burst = burst;
    this.#refillMs = refillMs;
  }

  /** Milliseconds to wait before doing it; 0: now. */
  take(): number {
    const now = this.#clock.monotonicMs();
    const spanMs = this.#burst * this.#refillMs;
    this.#refilledAt = Math.min(Math.max(this.#refilledAt, now) + this.#refillMs, now + spanMs + this.#refillMs);
    return Math.max(0, this.#refilledAt - now - spanMs);
  }

  /** Takes one if it need not wait. */
  tryTake(): boolean {
    const isFree = this.#refilledAt + this.#refillMs <= this.#clock.monotonicMs() + this.#burst * this.#refillMs;
    if (isFree) this.take();
    return isFree;
  }
}

/** One allowance for each of a few kinds, so that garbage of one kind does not silence another. */
export class AllowancePerKind {
  readonly #clock: Clock;
  readonly #rate: { readonly burst: number; readonly refillMs: number };
  readonly #byKind = new Map<string, Allowance>();

  constructor(clock: Clock, rate: { readonly burst: number; readonly refillMs: number }) {
    this.#clock = clock;
    this.#rate = rate;
  }

  /** `kind` is one of our own words, never a peer's: there is no bound on their number. */
  tryTake(kind: string): boolean {
    const allowance = this.#byKind.get(kind) ?? new Allowance(this.#clock, this.#rate);
    this.#byKind.set(kind, allowance);
    return allowance.tryTake();
  }
}
