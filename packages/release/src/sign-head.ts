import {
  accept,
  addSeconds,
  documentBytesMax,
  type HeadDocument,
  type HeadFloor,
  headFloorOf,
  headPath,
  holdPath,
  holdsMax,
  type Instant,
  parseSignaturePath,
  type Refusal,
  refuse,
  releaseFloorOf,
  resumePath,
  type Sha256Hex,
  type SignedBytes,
  type Signer,
  sealDocument,
  type TrustState,
  type Verified,
  type VerifiedHead,
  type VerifyContext,
  verifyHead,
} from '@nixfleet/contracts';
import { type FoundHold, findHolds, isLifted } from './find-holds.ts';
import type { FloorStore, Floors } from './floors.ts';
import { noProgress, type Progress } from './progress.ts';
import { readContent, readTrust, type TrustChain, type VerifiedTree } from './read-release.ts';
import type { ReleaseOutcome } from './release-refusal.ts';
import { type ReleaseTree, readSigned, type TreeChange } from './release-tree.ts';
import { shortWindowWarnings } from './short-windows.ts';
import { addSignatures, requireRole, signedFiles } from './sign-document.ts';

/**
 * Default life of a head, in seconds: one day. Signed hourly, it survives a night without CI; a stolen control plane can
 * hide a release or a hold no longer than this.
 */
export const headSecondsDefault = 24 * 3600;
/** Shortest and longest life, in seconds: an hour, and a long weekend plus a day. */
export const headSecondsMin = 3600;
export const headSecondsMax = 7 * 24 * 3600;

export interface SignHeadInput {
  /** What will be published but for the head: the published tree, or that with a new release over it. */
  readonly tree: ReleaseTree;
  /** Trust starting point of this CI: pinned in its configuration, never taken from the tree. */
  readonly start: TrustState;
  readonly floors: FloorStore;
  readonly signers: readonly Signer[];
  readonly now: Instant;
  readonly lifeSeconds?: number;
  /** The new release to name. Default: the one that the published head names. */
  readonly release?: HeadDocument['release'];
  /** Accept what is published as the first thing this signer ever saw. Without it, lost floors are a refusal. */
  readonly isFirstUse?: boolean;
  /** Where it is told which holds are not named, and why. */
  readonly progress?: Progress;
}

/** `floor-lost` for a signer of heads that does not know what it signed last, unless this is its first use. */
export async function requireFloors({
  floors,
  headSigners,
  isFirstUse = false,
}: {
  readonly floors: FloorStore;
  readonly headSigners: readonly Signer[];
  readonly isFirstUse?: boolean;
}): Promise<ReleaseOutcome<null>> {
  if (headSigners.length === 0 || isFirstUse || (await floors.read())) return accept(null);
  return floorLost();
}

function floorLost(): Refusal<'floor-lost'> {
  const hint = 'restore its file, or say that this is the first use';
  return refuse('floor-lost', `this signer does not know what it signed last: ${hint}`);
}

export interface SignedHead {
  readonly document: HeadDocument;
  readonly change: TreeChange;
  /** To write once the head was published. */
  readonly floors: Floors;
  /** The tree as it will be, verified. */
  readonly verified: VerifiedTree;
}

/**
 * `nixfleet head sign`. A head key can choose nothing that the release role did not sign, and this program checks just
 * that before it lends the key's authority, in this order: own floors → trust chain → published head (it may have
 * expired) → release threshold, floor, hash → fleet and manifests → holds → next version, not signed before.
 */
export async function signHead(ctx: VerifyContext, input: SignHeadInput): Promise<ReleaseOutcome<SignedHead>> {
  const { tree, now, lifeSeconds = headSecondsDefault } = input;
  if (lifeSeconds < headSecondsMin || lifeSeconds > headSecondsMax) {
    return refuse('invalid', `expected a head's life of ${headSecondsMin} to ${headSecondsMax} s, got ${lifeSeconds}`);
  }
  const stored = await input.floors.read();
  if (!stored && !input.isFirstUse) return floorLost();
  const chain = await readTrust(ctx, { tree, start: input.start, floor: stored?.trust ?? null });
  if (!chain.ok) return chain;
  const trust = chain.value.newest;
  const everyKey = { has: (keyId: string) => chain.value.states.some(({ keys }) => keys.has(keyId)) };
  const published = await readSigned(tree, headPath, documentBytesMax.head, everyKey);
  const before = published && (await publishedHead(ctx, chain.value, published, stored?.head ?? null, now));
  if (before && !before.ok) return before;
  if (!before && stored?.head)
    return refuse('missing', `${headPath} is gone; version ${stored.head.version} was published`);
  const release = input.release ?? before?.value.document.release;
  if (!release) return refuse('missing', 'nothing was released yet');

  const holds = await headHolds(ctx, { ...input, chain: chain.value, before: before?.value ?? null });
  if (!holds.ok) return holds;
  const floorInForce = stored?.headVersionSigned ?? 0;
  const document: HeadDocument = {
    type: 'head',
    fleet: ctx.fleet,
    schemaVersion: 1,
    version: Math.max(before?.value.document.version ?? 0, floorInForce) + 1,
    signedAt: now,
    expiresAt: addSeconds(now, lifeSeconds),
    release,
    holds: [...holds.value.named],
  };
  // Everything but the signature, checked before a key is asked.
  const content = await readContent(ctx, {
    tree,
    trust: trust,
    head: unsignedHead(document),
    floor: stored?.release ?? null,
    now,
  });
  if (!content.ok) return content;
  for (const detail of shortWindowWarnings(content.value.manifests, now)) {
    input.progress?.report({ step: 'sign', state: 'warning', detail });
  }
  const named = before?.value.document.release;
  if (named && release.version < named.version) {
    return refuse('rolled-back', `release ${release.version}: the published head names version ${named.version}`);
  }
  if (named && release.version === named.version && release.sha256 !== named.sha256) {
    return refuse('equivocation', `release ${release.version}: the published head names another one of this version`);
  }

  const { crypto } = ctx;
  const asHead = { crypto, signers: input.signers, names: trust.document.roles.head.signers, role: 'head' };
  // A key that cannot sign uses up neither a version nor the first use.
  const mayHead = await requireRole({ ...asHead, states: [trust] });
  if (!mayHead.ok) return mayHead;
  // Two runs with one floors file: the later one would sign the same version, and put back what the other remembered.
  const current = await input.floors.read();
  if (JSON.stringify(current) !== JSON.stringify(stored)) {
    return refuse('lost-race', 'another run with the same floors signed meanwhile');
  }
  // Before the signature exists: a second run after a crash must not sign other bytes under this version.
  const remembered = floorsOf(trust, before?.value ?? null, stored);
  await input.floors.write({ ...remembered, headVersionSigned: document.version });
  const { bytes } = await sealDocument(ctx.crypto, document);
  const signed = await addSignatures({ ...asHead, signed: { bytes, signatures: new Map() }, trust });
  if (!signed.ok) return signed;
  const head = await verifyHead(ctx, { trust: trust, signed: signed.value, floor: remembered.head, now });
  if (!head.ok) return head;
  const change: TreeChange = {
    files: signedFiles(headPath, signed.value),
    removed: new Set([...(await staleSignatures(tree, signed.value.signatures)), ...holds.value.removed]),
  };
  return accept({
    document,
    change,
    floors: {
      trust: { version: trust.document.version, sha256: trust.sha256 },
      release: releaseFloorOf(content.value.release),
      head: { ...headFloorOf(head.value), keyIds: [...head.value.keyIds] },
      headVersionSigned: document.version,
    },
    verified: { trust: trust, head: head.value, ...content.value, holds: [] },
  });
}

/** Under an older trust if the head's keys were replaced since: it then only says which release was current. */
async function publishedHead(
  ctx: VerifyContext,
  chain: TrustChain,
  signed: SignedBytes,
  floor: HeadFloor | null,
  now: Instant,
): Promise<Verified<VerifiedHead>> {
  const newest = await verifyHead(ctx, { trust: chain.newest, signed, floor, now, expired: 'accept' });
  if (newest.ok || newest.reason !== 'too-few-signers') return newest;
  for (const trust of chain.states.slice(0, -1).reverse()) {
    const older = await verifyHead(ctx, { trust, signed, floor, now, expired: 'accept' });
    if (older.ok) return older;
  }
  return newest;
}

/** Warnings about holds that are told one by one. */
const holdWarningsMax = 10;

interface HeadHolds {
  /** Sorted. */
  readonly named: readonly Sha256Hex[];
  /** Files of holds that are over, and that no head names any more. */
  readonly removed: ReadonlySet<string>;
}

/**
 * Holds in `holds/` that enough approvers signed, that have not ended, and that approvers did not end. One that does not
 * verify is not named: it would stop agents, or with a refusal every head, on the word of whoever can write to the
 * branch. It is told as a warning. One that the published head names goes only by its own time or by a resume:
 * `hold-dropped` otherwise, since deleting a file, or its signature, must lift nothing. More than `holdsMax` is a refusal
 * for the same reason.
 */
async function headHolds(
  ctx: VerifyContext,
  input: {
    readonly tree: ReleaseTree;
    readonly chain: TrustChain;
    readonly now: Instant;
    readonly before: VerifiedHead | null;
    readonly progress?: Progress;
  },
): Promise<ReleaseOutcome<HeadHolds>> {
  const { tree, now, progress = noProgress } = input;
  const { holds, misnamed } = await findHolds(ctx, input);
  const before = new Set(input.before?.document.holds);
  const dropped: Sha256Hex[] = [];
  for (const sha256 of before) {
    const hold = holds.get(sha256);
    if (hold && (hold.kind !== 'ignored' || isOver(hold, now))) continue;
    if (!(await isLifted(ctx, input, sha256))) dropped.push(sha256);
  }
  const [first] = dropped;
  if (first !== undefined) {
    const why = holds.get(first) ? 'is no longer signed by enough approvers' : 'is no longer in holds/';
    const next = 'put it back as it was, or let an approver end it';
    return refuse('hold-dropped', `hold ${first} of the published head ${why}: ${next}`);
  }
  const warnings = misnamed.map((path) => `${path} is ignored: expected a file named by its hash`);
  const active = new Set<Sha256Hex>();
  const over: string[] = [];
  for (const hold of holds.values()) {
    if (hold.kind === 'active') active.add(hold.sha256);
    else if (hold.kind === 'ended' && !before.has(hold.sha256)) over.push(...(await holdFiles(tree, hold.sha256)));
    else if (hold.kind === 'ignored') {
      warnings.push(`${holdPath(hold.sha256)} is ignored: ${hold.refusal.reason}: ${hold.refusal.detail}`);
    }
  }
  const more = warnings.length - holdWarningsMax;
  const told = warnings.slice(0, holdWarningsMax);
  if (more > 0) told.push(`and ${more} more`);
  for (const detail of told) progress.report({ step: 'sign', state: 'warning', detail });
  if (active.size > holdsMax)
    return refuse('too-many-holds', `expected at most ${holdsMax} holds, got ${active.size} at ${now}`);
  return accept({ named: [...active].sort(), removed: new Set(over) });
}

/** The head vouches for its bytes, so its own word on when it ends can be taken although nobody signs for it any more. */
function isOver({ document }: FoundHold, now: Instant): boolean {
  return document !== null && document.expiresAt <= now;
}

/** A hold, what ended it, and the signatures of both. */
async function holdFiles(tree: ReleaseTree, sha256: Sha256Hex): Promise<string[]> {
  const paths: string[] = [];
  for (const [folder, path] of [
    ['holds', holdPath(sha256)],
    ['resumes', resumePath(sha256)],
  ] as const) {
    for (const name of await tree.list(folder)) {
      const file = `${folder}/${name}`;
      if (file === path || parseSignaturePath(file)?.path === path) paths.push(file);
    }
  }
  return paths;
}

/** A head that is about to be signed, for the checks that take a verified one. */
function unsignedHead(document: HeadDocument): VerifiedHead {
  return { document, sha256: '0'.repeat(64) as Sha256Hex, bytes: new Uint8Array(), keyIds: [], isExpired: false };
}

/** What was seen published, never below what is stored. */
function floorsOf(trust: TrustState, head: VerifiedHead | null, stored: Floors | null): Floors {
  return {
    trust: { version: trust.document.version, sha256: trust.sha256 },
    release: stored?.release ?? null,
    head: head ? { ...headFloorOf(head), keyIds: [...head.keyIds] } : (stored?.head ?? null),
    headVersionSigned: stored?.headVersionSigned ?? 0,
  };
}

/** Signatures of the head before by keys that did not sign this one: they would be wrong ones. */
async function staleSignatures(tree: ReleaseTree, now: ReadonlyMap<string, Uint8Array>): Promise<Set<string>> {
  const stale = new Set<string>();
  for (const name of await tree.list('')) {
    const parsed = parseSignaturePath(name);
    if (parsed?.path === headPath && !(parsed.kind === 'sig' && now.has(parsed.keyId))) stale.add(name);
  }
  return stale;
}
