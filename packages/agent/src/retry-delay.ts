import type { Random } from '@nixfleet/contracts';

/** Doubling waits with full jitter above a half, so that a fleet does not come back all at once. */
export class RetryDelay {
  readonly #random: Random;
  readonly #firstMs: number;
  readonly #maxMs: number;
  #failures = 0;

  constructor(random: Random, { firstMs, maxMs }: { readonly firstMs: number; readonly maxMs: number }) {
    this.#random = random;
    this.#firstMs = firstMs;
    this.#maxMs = maxMs;
  }

  succeeded(): void {
    this.#failures = 0;
  }

  /** Milliseconds to wait after one more failure. */
  failed(): number {
    const full = Math.min(this.#firstMs * 2 ** Math.min(this.#failures, 20), this.#maxMs);
    this.#failures++;
    return full / 2 + (full / 2) * this.#random.uniform();
  }
}
