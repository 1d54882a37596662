import {
  accept,
  documentBytesMax,
  entriesOf,
  type Floor,
  fleetPath,
  type HeadFloor,
  headPath,
  holdPath,
  type Instant,
  type Refusal,
  refuse,
  releasePath,
  rolloutPath,
  type TrustState,
  trialsAt,
  trustPath,
  trustStepsMax,
  type Verified,
  type VerifiedFleet,
  type VerifiedHead,
  type VerifiedHold,
  type VerifiedManifest,
  type VerifiedRelease,
  type VerifiedTrial,
  type VerifyContext,
  verifyFleet,
  verifyHead,
  verifyHold,
  verifyManifest,
  verifyRelease,
  verifyTrial,
  walkTrust,
} from '@nixfleet/contracts';
import { type ReleaseTree, readSigned } from './release-tree.ts';

/** A whole published release, every document of it verified in the order of an agent. */
export interface VerifiedTree {
  readonly trust: TrustState;
  readonly head: VerifiedHead;
  readonly release: VerifiedRelease;
  readonly fleet: VerifiedFleet;
  /** The current manifest of every channel, by channel. */
  readonly manifests: ReadonlyMap<string, VerifiedManifest>;
  /** Earlier rollouts that may finish. */
  readonly mayFinish: readonly VerifiedManifest[];
  /** Trials that have not run out, by host. */
  readonly trials: ReadonlyMap<string, VerifiedTrial>;
  /** Holds that the head names and that are in force. */
  readonly holds: readonly VerifiedHold[];
}

export interface ReadFloors {
  readonly trust: Floor | null;
  readonly head: HeadFloor | null;
  readonly release: Floor | null;
}

export const noFloors: ReadFloors = { trust: null, head: null, release: null };

/**
 * Walks the trust chain of a tree, from a starting point that the caller trusts. Returns every version passed, the
 * newest last.
 */
export async function readTrust(
  ctx: VerifyContext,
  {
    tree,
    start,
    floor = null,
  }: { readonly tree: ReleaseTree; readonly start: TrustState; readonly floor?: Floor | null },
): Promise<Verified<TrustChain>> {
  const states = [start];
  let newest = start;
  for (let steps = 0, version = start.document.version; steps < trustStepsMax; steps++, version++) {
    const signed = await readSigned(tree, trustPath(version), documentBytesMax.trust);
    // The starting point itself may be missing from a mirror; the documents after it may not.
    if (!signed && version > start.document.version) break;
    if (!signed) continue;
    const walked = await walkTrust(ctx, { current: newest, next: [signed] });
    if (!walked.ok) return walked;
    if (walked.value !== newest) states.push(walked.value);
    newest = walked.value;
  }
  const { version } = newest.document;
  if (floor && version < floor.version) {
    return refuse('rolled-back', `trust ${version}: version ${floor.version} was already accepted`);
  }
  if (floor && version === floor.version && newest.sha256 !== floor.sha256) {
    return refuse('equivocation', `trust ${version}: ${newest.sha256}, but ${floor.sha256} was accepted`);
  }
  return accept({ newest, states });
}

/** A verified chain from the starting point on. */
export interface TrustChain {
  readonly newest: TrustState;
  /** Oldest first, `newest` last. */
  readonly states: readonly TrustState[];
}

/**
 * What CI builds its next release on: what is published, verified under the newest trust. Only if signers were replaced
 * since, so that old signatures do not count any more, under an older one, and then only the very release that this CI
 * saw verified before (`floors.release`): otherwise whoever held a revoked key could slip content into the next release.
 * Holds are not read: nothing is built on them, and the next head names those that are there then.
 */
export async function readPublished(
  ctx: VerifyContext,
  input: {
    readonly tree: ReleaseTree;
    readonly chain: TrustChain;
    readonly floors: ReadFloors;
    readonly now: Instant;
  },
): Promise<Verified<VerifiedTree | null>> {
  const { chain, floors } = input;
  const next = { ...input, expired: 'accept', holds: 'ignore' } as const;
  const newest = await readRelease(ctx, { ...next, trust: chain.newest });
  if (newest.ok || newest.reason !== 'too-few-signers' || !floors.release) return newest;
  for (const trust of chain.states.slice(0, -1).reverse()) {
    const older = await readRelease(ctx, { ...next, trust });
    if (older.ok && older.value?.release.sha256 === floors.release.sha256) return older;
  }
  return newest;
}

/**
 * Reads and verifies everything a tree publishes. `{ ok: true, value: null }` if it has no head yet (and no floor says
 * that it once had). `expired: 'accept'` for the one who is about to sign a new head.
 */
export async function readRelease(
  ctx: VerifyContext,
  input: {
    readonly tree: ReleaseTree;
    readonly trust: TrustState;
    readonly floors: ReadFloors;
    readonly now: Instant;
    readonly expired?: 'refuse' | 'accept';
    readonly holds?: 'verify' | 'ignore';
  },
): Promise<Verified<VerifiedTree | null>> {
  const { tree, trust, floors, now, expired = 'refuse' } = input;
  const signedHead = await readSigned(tree, headPath, documentBytesMax.head, trust.keys);
  if (!signedHead) {
    return floors.head || floors.release ? missing(headPath) : accept(null);
  }
  const head = await verifyHead(ctx, { trust, signed: signedHead, floor: floors.head, now, expired });
  if (!head.ok) return head;
  const content = await readContent(ctx, { tree, trust, head: head.value, floor: floors.release, now });
  if (!content.ok) return content;
  const holds: VerifiedHold[] = [];
  for (const hash of input.holds === 'ignore' ? [] : head.value.document.holds) {
    const signed = await readSigned(tree, holdPath(hash), documentBytesMax.hold, trust.keys);
    if (!signed) return missing(holdPath(hash));
    const hold = await verifyHold(ctx, { trust, head: head.value, signed, now });
    if (hold.ok) holds.push(hold.value);
    else if (hold.reason !== 'expired') return hold;
  }
  return accept({ trust, head: head.value, ...content.value, holds });
}

export type ReleaseContent = Pick<VerifiedTree, 'release' | 'fleet' | 'manifests' | 'mayFinish' | 'trials'>;

/** The release that a head names, and everything it binds by hash. */
export async function readContent(
  ctx: VerifyContext,
  input: {
    readonly tree: ReleaseTree;
    readonly trust: TrustState;
    readonly head: VerifiedHead;
    readonly floor: Floor | null;
    readonly now: Instant;
  },
): Promise<Verified<ReleaseContent>> {
  const { tree, trust, head, floor, now } = input;
  const path = releasePath(head.document.release.sha256);
  const signed = await readSigned(tree, path, documentBytesMax.release, trust.keys);
  if (!signed) return missing(path);
  const release = await verifyRelease(ctx, { trust, head, signed, floor, now });
  if (!release.ok) return release;
  const { document } = release.value;

  const fleetBytes = await tree.read(fleetPath(document.resolvedFleet.sha256), documentBytesMax.fleet);
  if (!fleetBytes) return missing(fleetPath(document.resolvedFleet.sha256));
  const fleet = await verifyFleet(ctx, { release: release.value, bytes: fleetBytes });
  if (!fleet.ok) return fleet;

  const manifests = new Map<string, VerifiedManifest>();
  const mayFinish: VerifiedManifest[] = [];
  for (const [channel, { rolloutId, mayFinish: earlier }] of entriesOf(document.channels)) {
    for (const id of [rolloutId, ...earlier]) {
      const bytes = await tree.read(rolloutPath(id), documentBytesMax.rollout);
      if (!bytes) return missing(rolloutPath(id));
      const manifest = await verifyManifest(ctx, { release: release.value, channel, bytes, rolloutId: id });
      if (!manifest.ok) return manifest;
      if (manifest.value.isCurrent) manifests.set(channel, manifest.value);
      else mayFinish.push(manifest.value);
    }
  }
  const trials = new Map<string, VerifiedTrial>();
  for (const [host, { rolloutId, bytes: bytesMax }] of trialsAt(document, now)) {
    const bytes = await tree.read(rolloutPath(rolloutId), Math.min(bytesMax, documentBytesMax.rollout));
    if (!bytes) return missing(rolloutPath(rolloutId));
    const named = { release: release.value, fleet: fleet.value.document, host, bytes, now };
    const trial = await verifyTrial(ctx, named);
    if (!trial.ok) return trial;
    trials.set(host, trial.value);
  }
  return accept({ release: release.value, fleet: fleet.value, manifests, mayFinish, trials });
}

function missing(path: string): Refusal<'missing'> {
  return refuse('missing', `${path} is not there`);
}
