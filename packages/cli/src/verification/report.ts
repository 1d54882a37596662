import { z } from 'zod';

/** One statement that was checked and holds. */
export const VerificationStep = z.object({
  /** What it is about: `trust 2`, `head 88`, `release 12`, `fleet`, `rollout stable`, `journal …`. */
  document: z.string(),
  /** SHA-256 of the bytes that were checked; null for a journal, whose last event's is in the statement. */
  sha256: z.string().nullable(),
  /** One sentence: exactly what holds. */
  statement: z.string(),
  /** Whose valid signatures say so: names of signers, and keyIds (SHA-256 of the SPKI). Empty where a hash binds it. */
  signers: z.array(z.string()),
  keyIds: z.array(z.string()),
});
export type VerificationStep = z.infer<typeof VerificationStep>;

/** What `nixfleet verify … --json` prints. */
export const VerificationReport = z.object({
  ok: z.boolean(),
  fleet: z.string(),
  /** Expiry was judged at this instant. */
  at: z.string(),
  steps: z.array(VerificationStep),
  /** Why it went no further; null when everything holds. `reason` is from a closed list. */
  refusal: z.object({ reason: z.string(), detail: z.string() }).nullable(),
});
export type VerificationReport = z.infer<typeof VerificationReport>;
