import {
  accept,
  type Crypto,
  countSigners,
  documentBytesMax,
  type FleetName,
  type Instant,
  pinTrust,
  refuse,
  requireThreshold,
  type Sha256Hex,
  type SignedBytes,
  type Signer,
  sealDocument,
  type TrustDocument,
  type TrustState,
  trustPath,
  type VerifyContext,
  walkTrust,
} from '@nixfleet/contracts';
import type { ReleaseOutcome } from './release-refusal.ts';
import { type ReleaseTree, readSigned, type TreeChange } from './release-tree.ts';
import { addSignatures, signedFiles } from './sign-document.ts';

/** What an operator decides about trust; everything else of the document follows. */
export type TrustContent = Pick<TrustDocument, 'signers' | 'roles' | 'cacheKeys' | 'controlPlanes'>;

/** A trust version on its way: signed by some, perhaps not by enough. */
export interface TrustProposal {
  readonly document: TrustDocument;
  readonly sha256: Sha256Hex;
  readonly signed: SignedBytes;
  /** Null once it may be published; else who is missing, for people. */
  readonly missing: string | null;
}

/** Version 1. Its own root threshold must sign it, so that the next step is known to be possible. */
export async function initTrust(
  ctx: VerifyContext,
  input: {
    readonly fleet: FleetName;
    readonly content: TrustContent;
    readonly now: Instant;
    readonly signers: readonly Signer[];
  },
): Promise<ReleaseOutcome<TrustProposal>> {
  const { signers, roles, cacheKeys, controlPlanes } = input.content;
  const document: TrustDocument = {
    type: 'trust',
    fleet: input.fleet,
    schemaVersion: 1,
    version: 1,
    signedAt: input.now,
    signers,
    roles,
    cacheKeys,
    controlPlanes,
  };
  return propose(ctx, { document, previous: null, signers: input.signers });
}

/**
 * The next version: `change` edits the content (thresholds, signers, keys, pins, cache keys). Signed to the root
 * thresholds of the current version and of the new one; until then it is pending, and `signTrust` adds to it.
 */
export async function updateTrust(
  ctx: VerifyContext,
  input: {
    readonly current: TrustState;
    readonly change: (draft: TrustContent) => TrustContent;
    readonly now: Instant;
    readonly signers: readonly Signer[];
  },
): Promise<ReleaseOutcome<TrustProposal>> {
  const before = input.current.document;
  const { signers, roles, cacheKeys, controlPlanes } = input.change(structuredClone(before));
  const content = { signers, roles, cacheKeys, controlPlanes };
  const document: TrustDocument = { ...before, ...content, version: before.version + 1, signedAt: input.now };
  return propose(ctx, { document, previous: input.current, signers: input.signers });
}

async function propose(
  ctx: VerifyContext,
  input: {
    readonly document: TrustDocument;
    readonly previous: TrustState | null;
    readonly signers: readonly Signer[];
  },
): Promise<ReleaseOutcome<TrustProposal>> {
  const { bytes } = await sealDocument(ctx.crypto, input.document);
  return signTrust(ctx, { ...input, signed: { bytes, signatures: new Map() } });
}

/** Adds signatures to a proposal. `previous`: the version before it, null for version 1. */
export async function signTrust(
  ctx: VerifyContext,
  input: {
    readonly signed: SignedBytes;
    readonly previous: TrustState | null;
    readonly signers: readonly Signer[];
  },
): Promise<ReleaseOutcome<TrustProposal>> {
  const { previous } = input;
  const next = await pinTrust(ctx, input.signed.bytes);
  if (!next.ok) return next;
  const { document, sha256 } = next.value;
  const expected = (previous?.document.version ?? 0) + 1;
  if (document.version !== expected) {
    return refuse('wrong-version', `trust ${document.version}: expected version ${expected} next`);
  }
  const states = previous ? [next.value, previous] : [next.value];
  const names = states.flatMap((state) => state.document.roles.root.signers);
  const crypto: Crypto = ctx.crypto;
  const signed = await addSignatures({ crypto, ...input, trust: states, names, role: 'root' });
  if (!signed.ok) return signed;
  const missing: string[] = [];
  for (const state of states) {
    const { root } = state.document.roles;
    const count = await countSigners(ctx, state, root.signers, signed.value);
    const enough = requireThreshold(count, root.threshold, `the root role of trust ${state.document.version}`);
    if (!enough.ok) missing.push(enough.detail);
  }
  if (missing.length === 0 && previous) {
    // What every reader will do with it.
    const walked = await walkTrust(ctx, { current: previous, next: [signed.value] });
    if (!walked.ok) return walked;
  }
  return accept({ document, sha256, signed: signed.value, missing: missing.length === 0 ? null : missing.join('; ') });
}

/** Where a proposal waits for more signatures. One at a time: another one for the same version replaces it. */
export function pendingTrustPath(version: number): string {
  return `pending/${trustPath(version)}`;
}

/** The files of a proposal: in the chain if enough have signed, else in `pending/`. */
export function trustChange(proposal: TrustProposal): TreeChange {
  const { version } = proposal.document;
  const pending = signedFiles(pendingTrustPath(version), proposal.signed);
  if (proposal.missing !== null) return { files: pending, removed: new Set() };
  return { files: signedFiles(trustPath(version), proposal.signed), removed: new Set(pending.keys()) };
}

/** A proposal for the version after `current` that waits in `pending/`; null if there is none. Not verified yet. */
export function readPendingTrust(tree: ReleaseTree, version: number): Promise<SignedBytes | null> {
  return readSigned(tree, pendingTrustPath(version), documentBytesMax.trust);
}
