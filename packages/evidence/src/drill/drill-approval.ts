import {
  countApprovers,
  type DrillRecord,
  type Instant,
  type SignedBytes,
  type TrustState,
  type VerifyContext,
} from '@nixfleet/contracts';

/** Whose signature a record has: of somebody who is an approver now, or who was one when it was made. */
export type DrillApproval = 'current' | 'former';

/** What is said of a record whose approval is `former`: it counts, since they were one when they signed it. */
export const formerApprover = 'signed by somebody who is no longer an approver';

/**
 * Null where nobody signed it whose word counts. Somebody who left is asked for what they signed while they were an approver: under
 * the newest trust of `trust` (oldest first) that was signed before the latest time which the record names, since a record is no
 * older than that. One that is dated back to a time before somebody was removed is at odds with what else is known of it: with the
 * release that carried it, and with the hosts' journals.
 */
export async function drillApproval(
  ctx: VerifyContext,
  {
    trust,
    record,
    signed,
  }: { readonly trust: readonly TrustState[]; readonly record: DrillRecord; readonly signed: SignedBytes },
): Promise<DrillApproval | null> {
  const isApproved = async (state: TrustState | undefined): Promise<boolean> =>
    state !== undefined && (await countApprovers(ctx, state, `drill@${ctx.fleet}`, signed)).signers.size > 0;
  if (await isApproved(trust.at(-1))) return 'current';
  const at = recordedAt(record);
  return (await isApproved(trust.findLast(({ document }) => document.signedAt <= at))) ? 'former' : null;
}

/** The latest time that a record names: it was not signed before. */
export function recordedAt({ endedAt, observedUntil = endedAt }: DrillRecord): Instant {
  return observedUntil > endedAt ? observedUntil : endedAt;
}
