import { z } from 'zod';
import { envelope, Reason } from './document.ts';
import { Instant } from './instant.ts';
import { ChannelName } from './names.ts';

/** `holds/<sha256>.json`: an approver's brake on one channel. It can only stop. */
export const HoldDocument = z.object({
  ...envelope('hold'),
  channel: ChannelName,
  reason: Reason,
  createdAt: Instant,
  /** At most 90 days after `createdAt`. */
  expiresAt: Instant,
});
export type HoldDocument = z.infer<typeof HoldDocument>;

/** Longest life of one hold, in seconds: 90 days. */
export const holdSecondsMax = 90 * 24 * 3600;
