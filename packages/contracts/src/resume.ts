import { z } from 'zod';
import { envelope, Reason } from './document.ts';
import { Instant } from './instant.ts';
import { Sha256Hex } from './names.ts';

/**
 * `resumes/<sha256 of the hold>.json`: approvers end one hold before its time. It is about that hold's bytes alone, so it
 * lifts no other and none that comes later, and needs no expiry of its own.
 */
export const ResumeDocument = z.object({
  ...envelope('resume'),
  hold: Sha256Hex,
  reason: Reason.optional(),
  createdAt: Instant,
});
export type ResumeDocument = z.infer<typeof ResumeDocument>;
