import {
  accept,
  addSeconds,
  documentBytesMax,
  type HeadDocument,
  type HeadFloor,
  headFloorOf,
  headPath,
  holdsMax,
  type Instant,
  parseSignaturePath,
  refuse,
  releaseFloorOf,
  Sha256Hex,
  type SignedBytes,
  type Signer,
  sealDocument,
  type TrustState,
  type Verified,
  type VerifiedHead,
  type VerifyContext,
  verifyHead,
  verifyHold,
} from '@nixfleet/contracts';
import type { FloorStore, Floors } from './floors.ts';
import { readContent, readTrust, type TrustChain, type VerifiedTree } from './read-release.ts';
import type { ReleaseOutcome } from './release-refusal.ts';
import { type ReleaseTree, readSigned, type TreeChange } from './release-tree.ts';
import { addSignatures, signedFiles } from './sign-document.ts';

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
  if (!stored && !input.isFirstUse) {
    const hint = 'restore its file, or say that this is the first use';
    return refuse('floor-lost', `this signer does not know what it signed last: ${hint}`);
  }
  const chain = await readTrust(ctx, { tree, start: input.start, floor: stored?.trust ?? null });
  if (!chain.ok) return chain;
  const trust = chain.value.newest;
  const published = await readSigned(tree, headPath, documentBytesMax.head);
  const before = published && (await publishedHead(ctx, chain.value, published, stored?.head ?? null, now));
  if (before && !before.ok) return before;
  if (!before && stored?.head)
    return refuse('missing', `${headPath} is gone; version ${stored.head.version} was published`);
  const release = input.release ?? before?.value.document.release;
  if (!release) return refuse('missing', 'nothing was released yet');

  const holds = await activeHolds(ctx, tree, trust, now);
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
    holds: [...holds.value],
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
  const named = before?.value.document.release;
  if (named && release.version < named.version) {
    return refuse('rolled-back', `release ${release.version}: the published head names version ${named.version}`);
  }
  if (named && release.version === named.version && release.sha256 !== named.sha256) {
    return refuse('equivocation', `release ${release.version}: the published head names another one of this version`);
  }

  // Before the signature exists: a second run after a crash must not sign other bytes under this version.
  const remembered = floorsOf(trust, before?.value ?? null, stored);
  await input.floors.write({ ...remembered, headVersionSigned: document.version });
  const { bytes } = await sealDocument(ctx.crypto, document);
  const signed = await addSignatures({
    crypto: ctx.crypto,
    signed: { bytes, signatures: new Map() },
    signers: input.signers,
    trust: trust,
    names: trust.document.roles.head.signers,
    role: 'head',
  });
  if (!signed.ok) return signed;
  const head = await verifyHead(ctx, { trust: trust, signed: signed.value, floor: remembered.head, now });
  if (!head.ok) return head;
  const change: TreeChange = {
    files: signedFiles(headPath, signed.value),
    removed: await staleSignatures(tree, signed.value.signatures),
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

/**
 * Holds in `holds/` that enough approvers signed and that have not ended, by hash, sorted. One that does not verify is
 * not named: it would stop agents on the word of whoever can write to the branch. More than `holdsMax` is a refusal,
 * since leaving one out would lift it.
 */
async function activeHolds(
  ctx: VerifyContext,
  tree: ReleaseTree,
  trust: TrustState,
  now: Instant,
): Promise<ReleaseOutcome<readonly Sha256Hex[]>> {
  const active: Sha256Hex[] = [];
  for (const name of await tree.list('holds')) {
    const hash = Sha256Hex.safeParse(name.replace(/\.json$/, ''));
    if (!hash.success || parseSignaturePath(name)) continue;
    const signed = await readSigned(tree, `holds/${name}`, documentBytesMax.hold);
    if (!signed) continue;
    const head = unsignedHead({ signedAt: now, holds: [hash.data] } as HeadDocument);
    const hold = await verifyHold(ctx, { trust, head, signed, now });
    if (hold.ok) active.push(hash.data);
  }
  if (active.length > holdsMax)
    return refuse('too-many-holds', `expected at most ${holdsMax} holds, got ${active.length}`);
  return accept(active.sort());
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
