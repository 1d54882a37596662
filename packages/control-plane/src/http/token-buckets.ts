import type { Clock } from '@nixfleet/contracts';

export interface BucketLimits {
  readonly perSecond: number;
  /** Tokens of a bucket that has rested. */
  readonly burst: number;
  /** Buckets kept; past it the one unused for longest is forgotten. */
  readonly bucketsMax: number;
}

/** How far a bucket's place in the order of use may lag behind, in milliseconds: moving it costs more than filling it. */
const orderMs = 1000;

interface Bucket {
  tokens: number;
  at: number;
  /** When it was last put at the end of the order. */
  movedAt: number;
}

/** One token bucket a key: a noisy identity or address uses up its own. */
export class TokenBuckets {
  readonly #clock: Clock;
  readonly #limits: BucketLimits;
  /** Least recently used first, to within `orderMs`. */
  readonly #buckets = new Map<string, Bucket>();

  constructor(clock: Clock, limits: BucketLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /** True if `tokens` were there, and takes them. */
  take(key: string, tokens = 1): boolean {
    const { perSecond, burst, bucketsMax } = this.#limits;
    const now = this.#clock.monotonicMs();
    let bucket = this.#buckets.get(key);
    if (!bucket || now - bucket.movedAt >= orderMs) {
      bucket = { tokens: burst, at: now, ...bucket, movedAt: now };
      this.#buckets.delete(key);
      this.#buckets.set(key, bucket);
      this.#forgetOver(bucketsMax);
    }
    bucket.tokens = Math.min(burst, bucket.tokens + ((now - bucket.at) / 1000) * perSecond);
    bucket.at = now;
    if (bucket.tokens < tokens) return false;
    bucket.tokens -= tokens;
    return true;
  }

  #forgetOver(bucketsMax: number): void {
    if (this.#buckets.size <= bucketsMax) return;
    for (const oldest of this.#buckets.keys()) {
      this.#buckets.delete(oldest);
      return;
    }
  }

  get size(): number {
    return this.#buckets.size;
  }
}
