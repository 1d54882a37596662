import { z } from 'zod';
import { Instant } from './instant.ts';
import { ChannelName, Sha256Hex, SignerName } from './names.ts';

/**
 * Where a hold in `holds/` stands:
 * - `in-force`: named by the head, so every agent obeys it;
 * - `unnamed`: signed by enough approvers; control planes obey it, agents once the next head names it;
 * - `lifting`: approvers ended it, and agents obey it until the next head drops it;
 * - `pending`: too few approvers signed it; it stops nobody;
 * - `lifted`: approvers ended it, and the head no longer names it;
 * - `ended`: its time is over.
 */
export const HoldStanding = z.enum(['in-force', 'unnamed', 'lifting', 'pending', 'lifted', 'ended']);
export type HoldStanding = z.infer<typeof HoldStanding>;

export const HoldListing = z.object({
  sha256: Sha256Hex,
  standing: HoldStanding,
  channel: ChannelName,
  reason: z.string(),
  createdAt: Instant,
  expiresAt: Instant,
  /** Who signed it, of today's approvers. */
  approvers: z.array(SignerName),
});
export type HoldListing = z.infer<typeof HoldListing>;

/** What `nixfleet holds list --json` prints. */
export const HoldsView = z.object({ holds: z.array(HoldListing) });
export type HoldsView = z.infer<typeof HoldsView>;
