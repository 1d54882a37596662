import {
  accept,
  countSigners,
  documentBytesMax,
  type Instant,
  ReleaseDocument,
  readDocument,
  refuse,
  releasePath,
  releaseThreshold,
  requireThreshold,
  type Sha256Hex,
  type SignedBytes,
  type Signer,
  sha256Hex,
  type TrustState,
  type VerifyContext,
} from '@nixfleet/contracts';
import { type Approver, addApprovals } from './approver.ts';
import { missingApprovals } from './emergency.ts';
import { type ReleaseFiles, readReleaseFiles } from './release-files.ts';
import type { ReleaseOutcome } from './release-refusal.ts';
import { emptyTree, overlayTree, type ReleaseTree, readSigned, type TreeChange, treeOfFiles } from './release-tree.ts';
import { requireStaticReport } from './require-static-report.ts';
import { addSignatures, signedFiles } from './sign-document.ts';

/** Where an under-signed release waits, as it will lie in `releases/` once enough have signed. */
export function pendingDirectory(sha256: Sha256Hex): string {
  return `pending/${sha256}`;
}

export interface SignedRelease {
  /** The release with its files; what to publish once a head names it. */
  readonly change: TreeChange;
  readonly document: ReleaseDocument;
  readonly sha256: Sha256Hex;
  readonly bytes: Uint8Array;
  /** Null once enough have signed; else what is missing, for people. */
  readonly missing: string | null;
}

/**
 * Signs a release that `assemble` made, or that waits in `pending/`. Whether enough have signed is for trust to say: the
 * role's threshold, the higher one of each channel that the release has, and for an emergency the number of approvers.
 */
export async function signRelease(
  ctx: VerifyContext,
  input: {
    readonly change: TreeChange;
    readonly sha256: Sha256Hex;
    readonly trust: TrustState;
    readonly signers: readonly Signer[];
    /** People who approve it as an emergency. */
    readonly approvers?: readonly Approver[];
    readonly now: Instant;
    /** What is published already, where files that the release binds may be. */
    readonly published?: ReleaseTree;
  },
): Promise<ReleaseOutcome<SignedRelease>> {
  const { change, sha256, trust } = input;
  const path = releasePath(sha256);
  const found = await readSigned(treeOfFiles(change.files), path, documentBytesMax.release);
  if (!found) return refuse('missing', `${path} is not there`);
  const hash = await sha256Hex(ctx.crypto, found.bytes);
  if (hash !== sha256) return refuse('hash-mismatch', `${path} has hash ${hash}: nothing was signed`);
  const read = readDocument(ctx.fleet, { type: 'release', schema: ReleaseDocument }, found.bytes);
  if (!read.ok) return read;
  const tree = overlayTree(input.published ?? emptyTree, change);
  const looked = await requireStaticReport(ctx, tree, { release: read.value.document, trust, now: input.now });
  if (!looked.ok) return looked;
  const { release: role } = trust.document.roles;
  const signed = await addSignatures({
    ...input,
    crypto: ctx.crypto,
    signed: found,
    names: role.signers,
    role: 'release',
  });
  if (!signed.ok) return signed;

  const { document } = read.value;
  const approved = await approve(ctx, { ...input, document, signed: signed.value });
  if (!approved.ok) return approved;
  const unapproved = await missingApprovals(ctx, { ...input, document, signed: approved.value });
  if (!unapproved.ok) return unapproved;
  const count = await countSigners(ctx, trust, role.signers, signed.value);
  const enough = requireThreshold(count, releaseThreshold(trust).threshold, 'the release role');
  const files = new Map([...change.files, ...signedFiles(path, approved.value)]);
  return accept({
    change: { files, removed: change.removed },
    document,
    sha256,
    bytes: found.bytes,
    missing: enough.ok ? unapproved.value : enough.detail,
  });
}

async function approve(
  ctx: VerifyContext,
  input: {
    readonly document: ReleaseDocument;
    readonly signed: SignedBytes;
    readonly trust: TrustState;
    readonly approvers?: readonly Approver[];
  },
): Promise<ReleaseOutcome<SignedBytes>> {
  const { document, signed, approvers = [] } = input;
  if (approvers.length === 0) return accept(signed);
  if (!document.emergency)
    return refuse('invalid', `release ${document.version} is no emergency: it needs no approval`);
  return addApprovals({ ...input, approvers, crypto: ctx.crypto, namespace: `release@${ctx.fleet}` });
}

/** Moves a release to `pending/`, where no reader looks and the next signer finds it. */
export function toPending(release: SignedRelease): TreeChange {
  const prefix = pendingDirectory(release.sha256);
  const files = new Map([...release.change.files].map(([path, bytes]) => [`${prefix}/${path}`, bytes]));
  return { files, removed: new Set() };
}

/** Folders of `releases/` in which a pending release may have files. */
const pendingFolders = ['release', 'fleet', 'rollouts', 'reports'];

/**
 * Takes a release out of `pending/`: what it is to be signed as, and a change that moves it. Whoever can write there
 * chose what lies there, so only what the hash binds is taken; what else is there goes.
 */
export async function fromPending(
  ctx: VerifyContext,
  tree: ReleaseTree,
  sha256: Sha256Hex,
): Promise<ReleaseOutcome<ReleaseFiles & { readonly change: TreeChange }>> {
  const prefix = pendingDirectory(sha256);
  const inside: ReleaseTree = {
    read: (path, bytesMax) => tree.read(`${prefix}/${path}`, bytesMax),
    list: (folder) => tree.list(`${prefix}/${folder}`),
  };
  const found = await readReleaseFiles(ctx, inside, sha256);
  if (!found.ok) return found;
  const removed = new Set<string>();
  for (const folder of pendingFolders) {
    for (const name of await inside.list(folder)) removed.add(`${prefix}/${folder}/${name}`);
  }
  return accept({ ...found.value, change: { files: found.value.files, removed } });
}
