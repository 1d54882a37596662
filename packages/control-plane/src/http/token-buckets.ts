import type { Clock } from '@nixfleet/contracts';

export interface BucketLimits {
  readonly perSecond: number;
  /** Tokens of a bucket that has rested. */
  readonly burst: number;
  /** Buckets kept; past it the one unused for longest is forgotten. */
  readonly bucketsMax: number;
}

interface Bucket {
  tokens: number;
  at: number;
}

/** One token bucket a key: a noisy identity or address uses up its own. */
export class TokenBuckets {
  readonly #clock: Clock;
  readonly #limits: BucketLimits;
  /** Least recently used first. */
  readonly #buckets = new Map<string, Bucket>();

  constructor(clock: Clock, limits: BucketLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /** True if `tokens` were there, and takes them. */
  take(key: string, tokens = 1): boolean {
    const { perSecond, burst, bucketsMax } = this.#limits;
    const now = this.#clock.monotonicMs();
    const bucket = this.#buckets.get(key) ?? { tokens: burst, at: now };
    bucket.tokens = Math.min(burst, bucket.tokens + ((now - bucket.at) / 1000) * perSecond);
    bucket.at = now;
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    if (this.#buckets.size > bucketsMax) {
      for (const oldest of this.#buckets.keys()) {
        this.#buckets.delete(oldest);
        break;
      }
    }
    if (bucket.tokens < tokens) return false;
    bucket.tokens -= tokens;
    return true;
  }

  get size(): number {
    return this.#buckets.size;
  }
}
