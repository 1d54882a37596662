import {
  documentBytesMax,
  type HostName,
  type Instant,
  JournalId,
  type PublicKey,
  parseMessage,
  type VerifyContext,
} from '@nixfleet/contracts';
import { type SignedEvidence, verifyEvidence } from '@nixfleet/evidence';
import { z } from 'zod';
import type { Files } from '../files.ts';

/** Longest signature file, in bytes. */
const signatureBytesMax = 8192;

/** Where a document and its signatures lie. */
export interface EvidencePaths {
  readonly evidence: string;
  readonly sig: string;
  readonly sshsig: string;
}

/** As it lies there; null where there is none. Throws like `Files.read`. */
export async function readEvidence(
  files: Files,
  { evidence, sig, sshsig }: EvidencePaths,
): Promise<SignedEvidence | null> {
  const bytes = await files.read(evidence, documentBytesMax.evidence);
  if (bytes === null) return null;
  const text = async (path: string): Promise<string | null> => {
    const read = await files.read(path, signatureBytesMax);
    return read && new TextDecoder().decode(read);
  };
  return { bytes, sig: await text(sig), sshsig: await text(sshsig) };
}

const Chained = z.object({ chain: JournalId });

/** What a document says of its chain, verified or not; null where it says nothing. */
export function chainOf({ bytes }: SignedEvidence): JournalId | null {
  const parsed = parseMessage(Chained, bytes);
  return parsed.ok ? parsed.value.chain : null;
}

/** By this host's own key, which needs no release to be known here. */
export function verifyOwnEvidence(
  ctx: VerifyContext,
  {
    signed,
    host,
    ownKey,
    now,
  }: { readonly signed: SignedEvidence; readonly host: HostName; readonly ownKey: PublicKey; readonly now: Instant },
): ReturnType<typeof verifyEvidence> {
  const keys = [{ key: ownKey, from: '2000-01-01T00:00:00Z' as Instant, until: null }];
  return verifyEvidence(ctx, { signed, host, keys, now });
}
