import { z } from 'zod';
import { DocumentRef, envelope } from './document.ts';
import { Instant } from './instant.ts';
import { Sha256Hex } from './names.ts';

/** Most holds that one head can name. */
export const holdsMax = 64;

/** `head.json`: which release is current, until when, under which holds. TUF's timestamp role. */
export const HeadDocument = z.object({
  ...envelope('head'),
  version: z.int().min(1),
  signedAt: Instant,
  expiresAt: Instant,
  release: DocumentRef.extend({ version: z.int().min(1) }),
  /** The active holds, each by the SHA-256 of its bytes, sorted: a thief can hide one no longer than the head lives. */
  holds: z.array(Sha256Hex).max(holdsMax),
});
export type HeadDocument = z.infer<typeof HeadDocument>;
