import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, createZstdCompress, createZstdDecompress } from 'node:zlib';
import { documentBytesMax, type EvidenceDocument, textOf } from '@nixfleet/contracts';
import type { SignedEvidence } from '@nixfleet/evidence';
import { CliError } from '../cli-error.ts';
import { readTar, type TarEntry, tarEnd, tarEntry } from './tar.ts';

/** What a file of collections ends in. */
export const archiveSuffix = '.tar.zst';

/** Most collections of one host in a packet: one every five minutes for a year. */
export const collectionsMax = 110_000;

/** Window of the compressor as a power of two: many collections, so that each is stored as what changed since. */
const windowLog = 23;

/** What is handed to the compressor, and taken from it, at a time: each hand-over waits for a thread. */
export const chunkBytes = 1024 * 1024;

/** When, which and what: sorts by time, and the first part is what `ssh-keygen -O verify-time` takes. */
export function collectionName({
  collectedAt,
  sequence,
  chain,
}: Pick<EvidenceDocument, 'collectedAt' | 'sequence' | 'chain'>): string {
  const time = collectedAt.replaceAll(/[-:T]/g, '');
  return `${time}-${chain.slice(0, 8)}-${String(sequence).padStart(8, '0')}.json`;
}

/** Writes the collections of one host as `evidence.tar.zst`, in the order given. Returns how many. */
export async function writeEvidenceArchive(
  path: string,
  collections: AsyncIterable<SignedEvidence & { readonly name: string }>,
): Promise<number> {
  let count = 0;
  async function* entries(): AsyncGenerator<Buffer> {
    for await (const { name, bytes, sig, sshsig } of collections) {
      count++;
      yield tarEntry({ name, bytes });
      if (sig !== null) yield tarEntry({ name: `${name}.sig`, bytes: Buffer.from(sig) });
      if (sshsig !== null) yield tarEntry({ name: `${name}.sshsig`, bytes: Buffer.from(sshsig) });
    }
    yield tarEnd;
  }
  const compress = createZstdCompress({
    chunkSize: chunkBytes,
    params: {
      [constants.ZSTD_c_compressionLevel]: 3,
      [constants.ZSTD_c_windowLog]: windowLog,
      [constants.ZSTD_c_checksumFlag]: 1,
    },
  });
  await pipeline(Readable.from(inChunks(entries())), compress, createWriteStream(path));
  return count;
}

async function* inChunks(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let held: Buffer[] = [];
  let heldBytes = 0;
  for await (const piece of pieces) {
    held.push(piece);
    heldBytes += piece.length;
    if (heldBytes < chunkBytes) continue;
    yield Buffer.concat(held);
    held = [];
    heldBytes = 0;
  }
  if (heldBytes > 0) yield Buffer.concat(held);
}

/** The collections of an archive, whatever it holds: bounded in entries, sizes and memory. `name` is for messages. */
export async function* readEvidenceArchive(
  file: Readable,
  name: string,
): AsyncGenerator<SignedEvidence & { readonly name: string }> {
  const decompress = createZstdDecompress({
    chunkSize: chunkBytes,
    params: { [constants.ZSTD_d_windowLogMax]: windowLog },
  });
  file.on('error', (error) => decompress.destroy(error));
  const bounds = { name, bytesMax: documentBytesMax.evidence, entriesMax: 3 * collectionsMax };
  try {
    yield* grouped(readTar(file.pipe(decompress), bounds));
  } catch (error) {
    if (error instanceof CliError) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new CliError('failed', `${name}: cannot be unpacked: ${why}`, 'it was damaged or not made by this program', {
      cause: error,
    });
  }
}

/** A collection and the signatures behind it. */
async function* grouped(entries: AsyncIterable<TarEntry>): AsyncGenerator<SignedEvidence & { readonly name: string }> {
  let current: { name: string; bytes: Uint8Array; sig: string | null; sshsig: string | null } | null = null;
  for await (const entry of entries) {
    const { bytes } = entry;
    if (current !== null && entry.name === `${current.name}.sig` && current.sig === null) current.sig = textOf(bytes);
    else if (current !== null && entry.name === `${current.name}.sshsig` && current.sshsig === null) {
      current.sshsig = textOf(bytes);
    } else {
      if (current !== null) yield current;
      current = { name: entry.name, bytes, sig: null, sshsig: null };
    }
  }
  if (current !== null) yield current;
}
