import {
  accept,
  type DocumentRefusalCode,
  documentBytesMax,
  type Floor,
  fleetPath,
  type HeadFloor,
  headPath,
  holdPath,
  type Instant,
  type Refusal,
  type RolloutId,
  refuse,
  releasePath,
  reportPath,
  rolloutPath,
  sha256Hex,
  type TrustState,
  trialsAt,
  type VerifiedFleet,
  type VerifiedHead,
  type VerifiedHold,
  type VerifiedManifest,
  type VerifiedRelease,
  type VerifyContext,
  verifyFleet,
  verifyHead,
  verifyHold,
  verifyManifest,
  verifyRelease,
  verifyTrial,
} from '@nixfleet/contracts';
import type { MissingBrake } from '../store/store.ts';
import { keyIdsOf, type ReleaseReader, readSigned } from './signed-files.ts';

const endOfTime = '2999-01-01T00:00:00Z' as Instant;

/** Everything one head leads to, verified as an agent would. */
export interface VerifiedTree {
  readonly trust: TrustState;
  readonly head: VerifiedHead;
  readonly release: VerifiedRelease;
  readonly fleet: VerifiedFleet;
  readonly manifests: ReadonlyMap<RolloutId, VerifiedManifest>;
  /** Those that had not run out when it was verified. */
  readonly holds: readonly VerifiedHold[];
  /** The bytes and signatures of all of it, by path. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

export type TreeRefusal = Refusal & {
  readonly missingBrake?: MissingBrake;
};

export interface TreeInput {
  readonly reader: ReleaseReader;
  readonly trust: TrustState;
  readonly floors: { readonly release: Floor | null; readonly head: HeadFloor | null };
  readonly now: Instant;
  /** The clock of this machine alone: a new head is measured by it, or each could pull the time a little further. */
  readonly wall: Instant;
  /** Bytes at hand already; only those named by hash are taken from here. */
  readonly known: ReadonlyMap<string, Uint8Array>;
}

/**
 * Head → release → fleet → the register of waivers → every manifest it names → every hold, each by the verifier that agents use. An expired head is
 * accepted, so that identities are known after a long stop; the planner starts nothing under it.
 */
export async function verifyTree(
  ctx: VerifyContext,
  input: TreeInput,
): Promise<{ readonly ok: true; readonly value: VerifiedTree } | TreeRefusal> {
  const { reader, trust, floors, now, wall, known } = input;
  const files = new Map<string, Uint8Array>();
  const keep = (found: ReadonlyMap<string, Uint8Array>): void => {
    for (const [path, bytes] of found) files.set(path, bytes);
  };
  const byHash = async (path: string, bytesMax: number): Promise<Uint8Array | null> => {
    const bytes = known.get(path) ?? (await reader.read(path, bytesMax));
    if (bytes) files.set(path, bytes);
    return bytes;
  };
  const { roles } = trust.document;

  const headFiles = await readSigned(reader, headPath, {
    bytesMax: documentBytesMax.head,
    machines: keyIdsOf(trust, roles.head.signers),
  });
  if (!headFiles) return missing(headPath);
  keep(headFiles.files);
  // The head that was accepted before is not measured again: a clock that was set back must not unseat it.
  const isKnown = floors.head?.sha256 === (await sha256Hex(ctx.crypto, headFiles.signed.bytes));
  const head = await verifyHead(ctx, {
    trust,
    signed: headFiles.signed,
    floor: floors.head,
    now: isKnown ? endOfTime : wall,
    expired: 'accept',
  });
  if (!head.ok) return head;

  const named = head.value.document.release;
  const releaseFiles = await readSigned(reader, releasePath(named.sha256), {
    bytesMax: named.bytes,
    machines: keyIdsOf(trust, roles.release.signers),
    people: keyIdsOf(trust, roles.approver.signers),
  });
  if (!releaseFiles) return missing(releasePath(named.sha256));
  keep(releaseFiles.files);
  const release = await verifyRelease(ctx, {
    trust,
    head: head.value,
    signed: releaseFiles.signed,
    floor: floors.release,
    now,
  });
  if (!release.ok) return release;

  const resolved = release.value.document.resolvedFleet;
  const fleetBytes = await byHash(fleetPath(resolved.sha256), Math.min(resolved.bytes, documentBytesMax.fleet));
  if (!fleetBytes) return missing(fleetPath(resolved.sha256));
  const fleet = await verifyFleet(ctx, { release: release.value, bytes: fleetBytes });
  if (!fleet.ok) return fleet;

  // Hosts decide by it and read it here: one that they cannot have would make them go back from what an approver waived.
  const register = release.value.document.waiverRegister;
  if (register) {
    const path = reportPath(register.sha256);
    const bytes = await byHash(path, Math.min(register.bytes, documentBytesMax['waiver-register']));
    if (!bytes) return missing(path);
    const got = await sha256Hex(ctx.crypto, bytes);
    if (got !== register.sha256) return refuse('hash-mismatch', `${path}: has hash ${got}`);
  }

  const manifests = new Map<RolloutId, VerifiedManifest>();
  for (const [channel, entry] of Object.entries(release.value.document.channels)) {
    for (const rolloutId of [entry.rolloutId, ...entry.mayFinish]) {
      const bytes = await byHash(rolloutPath(rolloutId), documentBytesMax.rollout);
      if (!bytes) return missing(rolloutPath(rolloutId));
      const manifest = await verifyManifest(ctx, { release: release.value, channel, bytes, rolloutId });
      if (!manifest.ok) return manifest;
      manifests.set(rolloutId, manifest.value);
    }
  }

  for (const [host, { rolloutId, bytes: bytesMax }] of trialsAt(release.value.document, now)) {
    const bytes = await byHash(rolloutPath(rolloutId), Math.min(bytesMax, documentBytesMax.rollout));
    if (!bytes) return missing(rolloutPath(rolloutId));
    const trial = await verifyTrial(ctx, {
      release: release.value,
      fleet: fleet.value.document,
      host,
      bytes,
      now,
    });
    if (!trial.ok) return trial;
    manifests.set(rolloutId, trial.value.manifest);
  }

  const holds: VerifiedHold[] = [];
  for (const hash of head.value.document.holds) {
    const missingBrake = { until: head.value.document.expiresAt, head: head.value.document.version };
    const found = await readSigned(reader, holdPath(hash), {
      bytesMax: documentBytesMax.hold,
      machines: [],
      people: keyIdsOf(trust, roles.approver.signers),
    }).catch((): null => null);
    if (!found) return { ...missing(holdPath(hash)), missingBrake };
    const hold = await verifyHold(ctx, { trust, head: head.value, signed: found.signed, now });
    keep(found.files);
    if (hold.ok) holds.push(hold.value);
    else if (hold.reason !== 'expired') return { ...hold, missingBrake };
  }
  return accept({
    trust,
    head: head.value,
    release: release.value,
    fleet: fleet.value,
    manifests,
    holds,
    files,
  });
}

function missing(path: string): Refusal<DocumentRefusalCode> {
  return refuse('missing', `${path}: the release source does not have it`);
}
