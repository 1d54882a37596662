/** The machine's time. Implemented by adapters named `…clock.ts`, and in tests by a clock advanced by hand. */
export interface Clock {
  /** Wall clock in milliseconds since the epoch. May jump, either way; never use it for a deadline. */
  now(): number;
  /** Milliseconds since an arbitrary start. Never goes back; suspended time counts. For every deadline and duration. */
  monotonicMs(): number;
  /**
   * Resolves once `ms` of monotonic time have passed (at once for 0 and less). Rejects with `signal.reason` as soon as the
   * signal aborts, as `node:timers/promises` does, so that nothing after it runs by mistake.
   */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** To abort a sleep with that is only cut short: one for all of them, since making an error is dear and nobody reads this one. */
export const woken = new Error('woken');

/** Randomness. Implemented by adapters named `…random.ts`; seeded in tests and simulation. */
export interface Random {
  /** `length` unpredictable bytes. */
  bytes(length: number): Uint8Array;
  /** A number of at least 0 and below 1, evenly spread. For jitter, not for secrets. */
  uniform(): number;
}
