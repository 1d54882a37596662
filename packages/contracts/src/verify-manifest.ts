import type { RolloutId, Sha256Hex } from './names.ts';
import { parseDocument } from './parse-document.ts';
import { entriesOf, lookup } from './record.ts';
import { accept, refuse, type Verified } from './refusal.ts';
import { type ManifestHost, RolloutManifest } from './rollout-manifest.ts';
import { sha256Hex } from './sha256.ts';
import type { VerifyContext } from './signed-bytes.ts';
import type { VerifiedFleet } from './verify-fleet.ts';
import type { VerifiedRelease } from './verify-release.ts';

export interface VerifiedManifest {
  readonly document: RolloutManifest;
  readonly rolloutId: RolloutId;
  readonly bytes: Uint8Array;
  /** False for an earlier rollout that may still run to its end. */
  readonly isCurrent: boolean;
}

/**
 * Order, and what each check stops:
 * 1. the release has the channel, and names the rollout as its current one or one that may finish;
 * 2. size (of the current one) and hash, before parsing: endless data, a manifest from elsewhere;
 * 3. canonical form, type, fleet, schema version, requirements, shape;
 * 4. the channel: another channel's manifest under this one's name (mix-and-match);
 * 5. `introducedIn`: not after the release that names it, and not before what this reader accepted last
 *    (`superseded`: stops `mayFinish` from bringing a host back to an older closure);
 * 6. waves that hosts name exist, windows and their end go together (`invalid`).
 */
export async function verifyManifest(
  ctx: VerifyContext,
  input: {
    readonly release: VerifiedRelease;
    readonly channel: string;
    readonly bytes: Uint8Array;
    /** Default: the channel's current rollout. */
    readonly rolloutId?: string;
    /** `introducedIn` of the manifest that this host accepted last. */
    readonly accepted?: number;
  },
): Promise<Verified<VerifiedManifest>> {
  const { release, channel, bytes, accepted } = input;
  const named = lookup(release.document.channels, channel);
  if (!named) return refuse('unknown-channel', `rollout: the release has no channel ${channel}`);
  const rolloutId = [named.rolloutId, ...named.mayFinish].find((id) => id === (input.rolloutId ?? named.rolloutId));
  if (!rolloutId) {
    return refuse('wrong-rollout', `rollout ${input.rolloutId}: not one of channel ${channel} in this release`);
  }
  const isCurrent = rolloutId === named.rolloutId;
  const bytesExact = isCurrent ? { bytesExact: named.bytes } : {};
  const read = await readManifest(ctx, { release, bytes, rolloutId, ...bytesExact });
  if (!read.ok) return read;
  const document = read.value;
  if (document.channel !== channel) {
    return refuse('wrong-channel', `rollout ${rolloutId}: expected channel ${channel}, got ${document.channel}`);
  }
  const { introducedIn } = document;
  if (accepted !== undefined && introducedIn < accepted) {
    const detail = `introduced in release ${introducedIn}, but one of release ${accepted} was accepted`;
    return refuse('superseded', `rollout ${rolloutId}: ${detail}`);
  }
  return accept({ document, rolloutId, bytes, isCurrent });
}

/** Size, hash, form and shape, and that it is not of a later release: what holds of every manifest that a release names. */
export async function readManifest(
  ctx: VerifyContext,
  {
    release,
    bytes,
    rolloutId,
    bytesExact = bytes.length,
  }: {
    readonly release: VerifiedRelease;
    readonly bytes: Uint8Array;
    readonly rolloutId: RolloutId;
    readonly bytesExact?: number;
  },
): Promise<Verified<RolloutManifest>> {
  if (bytes.length !== bytesExact) {
    return refuse('size-mismatch', `rollout ${rolloutId}: expected ${bytesExact} bytes, got ${bytes.length}`);
  }
  const hash = await sha256Hex(ctx.crypto, bytes);
  if (!sameHash(hash, rolloutId)) return refuse('hash-mismatch', `rollout: expected ${rolloutId}, got ${hash}`);
  const parsed = await parseDocument(ctx, { type: 'rollout', schema: RolloutManifest }, bytes);
  if (!parsed.ok) return parsed;
  const { document } = parsed.value;
  const { introducedIn } = document;
  if (introducedIn > release.document.version) {
    const detail = `introduced in release ${introducedIn}, but release ${release.document.version} names it`;
    return refuse('wrong-version', `rollout ${rolloutId}: ${detail}`);
  }
  const problems = shapeProblems(document);
  if (problems.length > 0) return refuse('invalid', `rollout ${rolloutId}: ${problems.join('; ')}`);
  return accept(document);
}

// The two brands do not mix: a rolloutId is a hash, but not every hash is a rolloutId.
function sameHash(left: Sha256Hex, right: RolloutId): boolean {
  return left === right;
}

function shapeProblems(document: RolloutManifest): string[] {
  const problems: string[] = [];
  for (const [name, { wave }] of entriesOf(document.hosts)) {
    if (wave >= document.waves.length) problems.push(`hosts.${name}.wave: ${wave} of ${document.waves.length} waves`);
  }
  if ((document.windows === null) !== (document.resolvedUntil === null)) {
    problems.push('windows and resolvedUntil: null together or not at all');
  }
  return problems;
}

/**
 * What one host is to run under a manifest. `wrong-channel` when the newest fleet has the host elsewhere, so that an
 * older manifest that may still finish does not reach a host that moved.
 */
export function manifestEntry(manifest: RolloutManifest, fleet: VerifiedFleet, host: string): Verified<ManifestHost> {
  const declared = lookup(fleet.document.hosts, host);
  if (!declared) return refuse('unknown-host', `host ${host}: not in the fleet`);
  if (declared.channel !== manifest.channel) {
    return refuse(
      'wrong-channel',
      `host ${host}: in channel ${declared.channel}, the rollout is ${manifest.channel}'s`,
    );
  }
  const entry = lookup(manifest.hosts, host);
  return entry
    ? accept(entry)
    : refuse('unknown-host', `host ${host}: not in the rollout of channel ${manifest.channel}`);
}
