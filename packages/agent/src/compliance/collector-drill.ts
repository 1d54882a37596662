import { join } from 'node:path';
import {
  addSeconds,
  type Clock,
  type Crypto,
  collectionFiles,
  collectionSecondsMax,
  documentBytesMax,
  drillAside,
  type Instant,
  sha256Hex,
  utf8,
} from '@nixfleet/contracts';
import type { EvidenceSignatures } from '@nixfleet/evidence';
import { AgentError } from '../errors.ts';
import type { Files } from '../files.ts';

/** How far beyond its limit a collector goes that has to be stopped, in seconds: the wait of a drill has an end too. */
const overrunSeconds = 60;
/** How old a document claims to be that nobody may believe, in seconds. */
const staleSeconds = 3600;

/** Waits until whoever ordered the collection has given up. Never returns. */
export async function overrun(clock: Clock, signal?: AbortSignal): Promise<never> {
  await clock.sleep((collectionSecondsMax + overrunSeconds) * 1000, signal);
  throw new AgentError('io', 'a drill: the collection took too long, as it was told to');
}

export function staleFrom(collectedAt: Instant): Instant {
  return addSeconds(collectedAt, -staleSeconds);
}

const copied = ['sig', 'sshsig', 'evidence'] as const;

export interface DrillPlace {
  readonly files: Files;
  readonly crypto: Crypto;
  readonly directory: string;
}

/**
 * Leaves a document that nobody may believe in the place of the newest, and nowhere else: the chain goes on from the last
 * one that is true, which is put back by the next collection.
 */
export async function failInTheEnd(
  drill: 'malformed' | 'stale' | 'unsigned',
  place: DrillPlace,
  { bytes, signatures: { sig, sshsig } }: { readonly bytes: Uint8Array; readonly signatures: EvidenceSignatures },
): Promise<void> {
  const { files, crypto, directory } = place;
  const falsified = drill === 'malformed' ? bytes.subarray(0, Math.floor(bytes.length / 2)) : bytes;
  for (const name of copied) {
    const kept = await files.read(at(directory, name), documentBytesMax.evidence);
    if (kept) await files.write(aside(directory, name), kept, 'everybody');
  }
  await files.write(join(directory, drillAside.mark), utf8(await sha256Hex(crypto, falsified)));
  const isSigned = drill !== 'unsigned';
  await put(files, at(directory, 'sig'), isSigned ? utf8(sig) : null);
  await put(files, at(directory, 'sshsig'), isSigned ? utf8(sshsig) : null);
  await put(files, at(directory, 'evidence'), falsified);
}

/** Puts back what a drill took away. A copy that is not the one that it left is none of its business. */
export async function undoDrill({ files, crypto, directory }: DrillPlace): Promise<void> {
  const mark = await files.read(join(directory, drillAside.mark), markBytesMax);
  if (mark === null) return;
  const lying = await files.read(at(directory, 'evidence'), documentBytesMax.evidence);
  if (lying !== null && (await sha256Hex(crypto, lying)) === new TextDecoder().decode(mark)) {
    // The document last: until then the mark still fits.
    for (const name of copied) {
      await put(files, at(directory, name), await files.read(aside(directory, name), documentBytesMax.evidence));
    }
  }
  await files.remove(join(directory, drillAside.directory));
}

const markBytesMax = 64;

function at(directory: string, name: keyof typeof collectionFiles): string {
  return join(directory, collectionFiles[name]);
}

function aside(directory: string, name: keyof typeof collectionFiles): string {
  return join(directory, drillAside.directory, collectionFiles[name]);
}

async function put(files: Files, path: string, bytes: Uint8Array | null): Promise<void> {
  if (bytes === null) await files.remove(path);
  else await files.write(path, bytes, 'everybody');
}
