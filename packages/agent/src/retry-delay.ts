import type { Clock, Random } from '@nixfleet/contracts';

/** Doubling waits with full jitter above a half, so that a fleet does not come back all at once. */
export class RetryDelay {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #firstMs: number;
  readonly #maxMs: number;
  #failures = 0;
  #nap: AbortController | null = null;

  constructor(
    { clock, random }: { readonly clock: Clock; readonly random: Random },
    { firstMs, maxMs }: { readonly firstMs: number; readonly maxMs: number },
  ) {
    this.#clock = clock;
    this.#random = random;
    this.#firstMs = firstMs;
    this.#maxMs = maxMs;
  }

  /** True if it had failed before: what was out of reach is back. */
  succeeded(): boolean {
    const isBack = this.#failures > 0;
    this.#failures = 0;
    return isBack;
  }

  /** Milliseconds to wait after one more failure. */
  failed(): number {
    const full = Math.min(this.#firstMs * 2 ** Math.min(this.#failures, 20), this.#maxMs);
    this.#failures++;
    return full / 2 + (full / 2) * this.#random.uniform();
  }

  /** Rejects when `signal` aborts. */
  async wait(waitMs: number, signal: AbortSignal): Promise<void> {
    const nap = new AbortController();
    const stop = (): void => nap.abort();
    signal.addEventListener('abort', stop, { once: true });
    this.#nap = nap;
    try {
      await this.#clock.sleep(waitMs, nap.signal);
    } catch (error) {
      if (!nap.signal.aborted) throw error;
      signal.throwIfAborted();
    } finally {
      this.#nap = null;
      signal.removeEventListener('abort', stop);
    }
  }

  /** Ends the wait, if one is under way: there is reason to think that the next try succeeds. */
  cutShort(): void {
    this.#nap?.abort();
  }

  /** As `cutShort`, and later waits are short again: what failed so far says nothing about what comes. */
  startOver(): void {
    this.#failures = 0;
    this.cutShort();
  }
}
