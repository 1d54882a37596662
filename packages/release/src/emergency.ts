import {
  accept,
  addSeconds,
  countApprovers,
  type Instant,
  type ReleaseDocument,
  refuse,
  type SignedBytes,
  type TrustState,
  type VerifyContext,
} from '@nixfleet/contracts';
import type { ReleaseOutcome } from './release-refusal.ts';

export type Emergency = NonNullable<ReleaseDocument['emergency']>;

/** Longest life of an emergency, in seconds: a week. What passes windows and freezes for longer is no emergency. */
export const emergencySecondsMax = 7 * 24 * 3600;

/** What can be told before anything is built: an end that makes sense, and people who could approve it. */
export function requireEmergency(
  emergency: Emergency | undefined,
  { trust, now }: { readonly trust: TrustState; readonly now: Instant },
): ReleaseOutcome<null> {
  if (!emergency) return accept(null);
  const latestEnd = addSeconds(now, emergencySecondsMax);
  if (emergency.expiresAt <= now || emergency.expiresAt > latestEnd) {
    return refuse(
      'invalid',
      `an emergency made now ends before ${latestEnd} (at most 7 days), got ${emergency.expiresAt}`,
    );
  }
  const { signers, emergencyThreshold } = trust.document.roles.approver;
  if (signers.length >= emergencyThreshold) return accept(null);
  const detail = `trust asks for ${emergencyThreshold} approvers of an emergency and names ${signers.length}`;
  return refuse('too-few-signers', `${detail}: nobody could approve it`);
}

/**
 * Null unless the release claims an emergency that too few approved yet; else what is missing, for people. `expired` for
 * one that ran out while it waited: it would be published as an ordinary release, which nobody asked for.
 */
export async function missingApprovals(
  ctx: VerifyContext,
  input: {
    readonly document: ReleaseDocument;
    readonly signed: SignedBytes;
    readonly trust: TrustState;
    readonly now: Instant;
  },
): Promise<ReleaseOutcome<string | null>> {
  const { document, signed, trust, now } = input;
  const { emergency, version } = document;
  if (!emergency) return accept(null);
  if (emergency.expiresAt <= now) {
    return refuse('expired', `the emergency of release ${version} ended at ${emergency.expiresAt}: assemble it again`);
  }
  const { signers } = await countApprovers(ctx, trust, `release@${ctx.fleet}`, signed);
  const { emergencyThreshold } = trust.document.roles.approver;
  if (signers.size >= emergencyThreshold) return accept(null);
  const have = signers.size === 0 ? 'none' : `${signers.size} (${[...signers].sort().join(', ')})`;
  return accept(`expected ${emergencyThreshold} approvers of the emergency, got ${have}`);
}
