import {
  accept,
  addSeconds,
  type Commit,
  DrillRecord,
  documentBytesMax,
  type Instant,
  readDocument,
  refuse,
  type TrustState,
  utf8,
  type VerifyContext,
} from '@nixfleet/contracts';
import { drillApproval, drillProblem } from '@nixfleet/evidence';
import type { Git } from './git.ts';
import { type ApprovedFile, readApproved } from './read-approved.ts';
import type { ReleaseOutcome } from './release-refusal.ts';

/** Where a fleet's repository keeps records of drills: `<id>.json`, and `<id>.json.<keyId>.sshsig` beside it. */
export const drillsDirectory = 'compliance/drills';

/** Most records of one repository: one a day, for some years. */
export const drillsMax = 2000;
/** How long a rule can rest on one, in seconds: a year, and the day on which it ends. */
const restsOnSecondsMax = 367 * 86_400;

/** The records of one commit, sorted by identifier. Throws `ReleaseError` `bad-input` beyond the bounds. */
export function readDrillRecords(git: Git, commit: Commit): Promise<ApprovedFile[]> {
  return readApproved(git, commit, {
    ...{ directory: drillsDirectory, name: /^D-\d{4}-\d{4}\.json$/, what: 'records of drills' },
    ...{ bytesMax: documentBytesMax.drill, filesMax: drillsMax },
  });
}

/**
 * Refuses a release that is made from a record nobody should rest on: the rules about drills have read it where the fleet was
 * evaluated, without being able to verify anything. Whoever was an approver when it was made may have left since; `trust` is every
 * version known, oldest first. Records that are too old for any rule need not be signed at all.
 */
export async function requireDrillRecords(
  ctx: VerifyContext,
  {
    drills,
    trust,
    now,
  }: { readonly drills: readonly ApprovedFile[]; readonly trust: readonly TrustState[]; readonly now: Instant },
): Promise<ReleaseOutcome<null>> {
  const oldest = addSeconds(now, -restsOnSecondsMax);
  for (const { path, text, sshSignatures } of drills) {
    const bytes = utf8(text);
    const read = readDocument(ctx.fleet, { type: 'drill', schema: DrillRecord }, bytes);
    if (!read.ok) return refuse('compliance-invalid', `${path}: ${read.reason}: ${read.detail}`);
    const { document } = read.value;
    if (document.endedAt < oldest) continue;
    const signed = { bytes, signatures: new Map(), sshSignatures: new Map(Object.entries(sshSignatures)) };
    const approval = await drillApproval(ctx, { trust, record: document, signed });
    const problem =
      approval === null
        ? 'no approver signed it, of now or of then: have one sign it (ssh-keygen -Y sign), or take it out'
        : drillProblem(document);
    if (problem !== null) return refuse('compliance-invalid', `${path}: ${problem}`);
  }
  return accept(null);
}
