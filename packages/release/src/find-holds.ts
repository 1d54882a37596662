import {
  accept,
  countApprovers,
  type DocumentRefusalCode,
  documentBytesMax,
  HoldDocument,
  holdPath,
  type Instant,
  parseSignaturePath,
  type Refusal,
  readDocument,
  refuse,
  resumePath,
  Sha256Hex,
  type SignedBytes,
  type SignerName,
  type Verified,
  type VerifyContext,
  verifyResume,
  verifyUnnamedHold,
} from '@nixfleet/contracts';
import { ReleaseError } from './errors.ts';
import type { TrustChain } from './read-release.ts';
import { type ReleaseTree, readSigned } from './release-tree.ts';

/**
 * What became of one file of `holds/`, whoever put it there:
 * - `active`: enough approvers signed it, it has not ended, and nobody ended it;
 * - `lifted`: as many approvers ended it before its time;
 * - `ended`: its time is over;
 * - `ignored`: it does not verify, and must stop nobody on the word of whoever can write there.
 */
export type FoundHold = {
  readonly sha256: Sha256Hex;
  /** Null where the bytes under this name are no hold, or not the ones that have this hash. */
  readonly document: HoldDocument | null;
  /** Today's approvers who signed it. */
  readonly approvers: readonly SignerName[];
} & (
  | { readonly kind: 'active' | 'lifted' | 'ended' }
  | { readonly kind: 'ignored'; readonly refusal: Refusal<DocumentRefusalCode> }
);

export interface HoldsFound {
  readonly holds: ReadonlyMap<Sha256Hex, FoundHold>;
  /** Files of `holds/` that are not named by a hash. */
  readonly misnamed: readonly string[];
}

export interface FindHoldsInput {
  readonly tree: ReleaseTree;
  readonly chain: TrustChain;
  readonly now: Instant;
}

/** Everything in `holds/`, judged. Nothing there is trusted: a hold counts by its approvers, not by its place. */
export async function findHolds(ctx: VerifyContext, input: FindHoldsInput): Promise<HoldsFound> {
  const holds = new Map<Sha256Hex, FoundHold>();
  const misnamed: string[] = [];
  for (const name of await input.tree.list('holds')) {
    if (parseSignaturePath(name)) continue;
    const hash = Sha256Hex.safeParse(/^(.*)\.json$/.exec(name)?.[1]);
    if (hash.success) holds.set(hash.data, await findHold(ctx, input, hash.data));
    else misnamed.push(`holds/${name}`);
  }
  return { holds, misnamed };
}

async function findHold(ctx: VerifyContext, input: FindHoldsInput, sha256: Sha256Hex): Promise<FoundHold> {
  const { tree, chain, now } = input;
  const read = await readApproved(tree, holdPath(sha256), documentBytesMax.hold, chain);
  if (!read.ok) return { sha256, document: null, approvers: [], kind: 'ignored', refusal: read };
  const signed = read.value;
  const hold = await verifyUnnamedHold(ctx, { trust: chain.newest, sha256, signed, now });
  const isItsBytes = hold.ok || hold.reason !== 'hash-mismatch';
  const shape = readDocument(ctx.fleet, { type: 'hold', schema: HoldDocument }, signed.bytes);
  const { signers } = await countApprovers(ctx, chain.newest, `hold@${ctx.fleet}`, signed);
  const document = isItsBytes && shape.ok ? shape.value.document : null;
  const found = { sha256, document, approvers: [...signers].sort() };
  if (hold.ok) return { ...found, kind: (await isLifted(ctx, input, sha256)) ? 'lifted' : 'active' };
  return hold.reason === 'expired' ? { ...found, kind: 'ended' } : { ...found, kind: 'ignored', refusal: hold };
}

/** Whether approvers ended this hold. The hold itself need not be there any more. */
export async function isLifted(
  ctx: VerifyContext,
  { tree, chain }: Pick<FindHoldsInput, 'tree' | 'chain'>,
  hold: Sha256Hex,
): Promise<boolean> {
  const read = await readApproved(tree, resumePath(hold), documentBytesMax.resume, chain);
  if (!read.ok) return false;
  return (await verifyResume(ctx, { trust: chain.newest, hold, signed: read.value })).ok;
}

/** What lies there, with the signatures of today's approvers. */
export async function readApproved(
  tree: ReleaseTree,
  path: string,
  bytesMax: number,
  { newest }: TrustChain,
): Promise<Verified<SignedBytes>> {
  try {
    const signed = await readSigned(tree, path, bytesMax, newest.keys);
    return signed ? accept(signed) : refuse('missing', `${path} is not there`);
  } catch (error) {
    if (!(error instanceof ReleaseError) || error.code !== 'bad-input') throw error;
    return refuse('oversized', error.message);
  }
}
