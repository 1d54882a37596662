import type { Floor } from './host-state.ts';
import type { Instant } from './instant.ts';
import type { ChannelName, Sha256Hex } from './names.ts';
import { parseDocument } from './parse-document.ts';
import { entriesOf } from './record.ts';
import { accept, refuse, type Verified } from './refusal.ts';
import { ReleaseDocument } from './release.ts';
import { sha256Hex } from './sha256.ts';
import type { SignedBytes, VerifyContext } from './signed-bytes.ts';
import { countApprovers, countSigners, requireThreshold } from './signer-count.ts';
import type { TrustState } from './trust-keys.ts';
import type { VerifiedHead } from './verify-head.ts';

export interface VerifiedRelease {
  readonly document: ReleaseDocument;
  readonly sha256: Sha256Hex;
  readonly bytes: Uint8Array;
  /** The trust under which it was verified. */
  readonly trust: TrustState;
  /** True when it claims an emergency that has not run out at `now`, and enough approvers signed it. */
  readonly emergencyApproved: boolean;
}

/**
 * Order, and what each check stops:
 * 1. exact size and hash as the head names them, before parsing: endless data, mix-and-match;
 * 2. canonical form, type, fleet, schema version, requirements, shape;
 * 3. `trust-behind`: signed under a newer trust than ours, whose signers we cannot know yet; fetch trust and come back;
 * 4. the release role's threshold, or the highest that trust demands for any channel: a stolen head key releases
 *    nothing, and a revoked signer no longer counts, however old the release. Also where the release lacks that channel:
 *    else fewer signers could move its hosts to a lax one, or try a closure on them;
 * 5. the version that the head says (`wrong-version`): a head that lies about what it names;
 * 6. floor: rollback, and `equivocation`. Unlike the head's, no change of keys resets it.
 */
export async function verifyRelease(
  ctx: VerifyContext,
  input: {
    readonly trust: TrustState;
    readonly head: VerifiedHead;
    readonly signed: SignedBytes;
    /** Null before the first release. */
    readonly floor: Floor | null;
    readonly now: Instant;
  },
): Promise<Verified<VerifiedRelease>> {
  const { trust, signed, floor, now } = input;
  const named = input.head.document.release;
  if (signed.bytes.length !== named.bytes) {
    return refuse('size-mismatch', `release: expected ${named.bytes} bytes, got ${signed.bytes.length}`);
  }
  const hash = await sha256Hex(ctx.crypto, signed.bytes);
  if (hash !== named.sha256) return refuse('hash-mismatch', `release: expected ${named.sha256}, got ${hash}`);
  const parsed = await parseDocument(ctx, { type: 'release', schema: ReleaseDocument }, signed.bytes);
  if (!parsed.ok) return parsed;
  const { document, sha256, bytes } = parsed.value;
  const { version } = document;

  const trustVersion = trust.document.version;
  if (document.trustVersion > trustVersion) {
    return refuse(
      'trust-behind',
      `release ${version}: signed under trust ${document.trustVersion}, at ${trustVersion}`,
    );
  }
  const { release: role } = trust.document.roles;
  const count = await countSigners(ctx, trust, role.signers, signed);
  const { threshold, channel } = releaseThreshold(trust);
  const what = channel === null ? 'the release role' : `the release role for channel ${channel}`;
  const counted = requireThreshold(count, threshold, what);
  if (!counted.ok) return refuse(counted.reason, `release ${version}: ${counted.detail}`);

  if (version !== named.version) {
    return refuse('wrong-version', `release ${version}: the head names version ${named.version}`);
  }
  if (floor && version < floor.version) {
    return refuse('rolled-back', `release ${version}: version ${floor.version} was already accepted`);
  }
  if (floor && version === floor.version && sha256 !== floor.sha256) {
    return refuse('equivocation', `release ${version}: ${sha256}, but ${floor.sha256} was accepted`);
  }
  const emergencyApproved = await isEmergencyApproved(ctx, trust, document, signed, now);
  return accept({ document, sha256, bytes, trust, emergencyApproved });
}

/** How many distinct signers a release needs, and the channel that demands so many; null where the role itself does. */
export function releaseThreshold(trust: TrustState): {
  readonly threshold: number;
  readonly channel: ChannelName | null;
} {
  const { threshold, channels = {} } = trust.document.roles.release;
  let most: { threshold: number; channel: ChannelName | null } = { threshold, channel: null };
  for (const [channel, demanded] of entriesOf<ChannelName, { threshold: number }>(channels)) {
    if (demanded.threshold > most.threshold) most = { threshold: demanded.threshold, channel };
  }
  return most;
}

async function isEmergencyApproved(
  ctx: VerifyContext,
  trust: TrustState,
  { emergency }: ReleaseDocument,
  signed: SignedBytes,
  now: Instant,
): Promise<boolean> {
  if (!emergency || emergency.expiresAt <= now) return false;
  const approvers = await countApprovers(ctx, trust, `release@${ctx.fleet}`, signed);
  return approvers.signers.size >= trust.document.roles.approver.emergencyThreshold;
}

/** What to persist once a release was accepted. */
export function releaseFloorOf(release: VerifiedRelease): Floor {
  return { version: release.document.version, sha256: release.sha256 };
}
