import { type EventContent, type Instant, instantToMs, type VerifiedHead } from '@nixfleet/contracts';

/** A head that ends within this time is warned of: less than two days, or less than a quarter of its life. */
const expiringSeconds = 2 * 24 * 3600;

/** Warns once of each head that is about to expire. */
export class HeadExpiry {
  #warned = '';

  /** The warning, if it is due and was not given before. */
  due(head: VerifiedHead | undefined, now: Instant): EventContent[] {
    if (!head || this.#warned === head.sha256) return [];
    const { signedAt, expiresAt } = head.document;
    const leftMs = instantToMs(expiresAt) - instantToMs(now);
    const lifeMs = instantToMs(expiresAt) - instantToMs(signedAt);
    if (leftMs > Math.min(expiringSeconds * 1000, lifeMs / 4)) return [];
    this.#warned = head.sha256;
    return [{ kind: 'head-expiring', body: { expiresAt } }];
  }
}
