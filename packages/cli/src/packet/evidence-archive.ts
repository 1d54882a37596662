import { createReadStream, createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, createZstdCompress, createZstdDecompress } from 'node:zlib';
import { documentBytesMax, type EvidenceDocument, textOf } from '@nixfleet/contracts';
import type { SignedEvidence } from '@nixfleet/evidence';
import { readTar, tarEnd, tarEntry } from './tar.ts';

/** Most collections of one host in a packet: one every five minutes for a year. */
export const collectionsMax = 110_000;

/** Window of the compressor as a power of two: many collections, so that each is stored as what changed since. */
const windowLog = 23;

/** What is handed to the compressor, and taken from it, at a time: each hand-over waits for a thread. */
const chunkBytes = 1024 * 1024;

/** When, which and what: sorts by time, and the first part is what `ssh-keygen -O verify-time` takes. */
export function collectionName({ collectedAt, sequence, chain }: EvidenceDocument): string {
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

/** The collections of an archive, whatever it holds: bounded in entries, sizes and memory. */
export async function* readEvidenceArchive(path: string): AsyncGenerator<SignedEvidence & { readonly name: string }> {
  const decompress = createZstdDecompress({
    chunkSize: chunkBytes,
    params: { [constants.ZSTD_d_windowLogMax]: windowLog },
  });
  const file = createReadStream(path, { highWaterMark: chunkBytes });
  file.on('error', (error) => decompress.destroy(error));
  const bounds = { name: path, bytesMax: documentBytesMax.evidence, entriesMax: 3 * collectionsMax };
  let current: { name: string; bytes: Uint8Array; sig: string | null; sshsig: string | null } | null = null;
  for await (const { name, bytes } of readTar(file.pipe(decompress), bounds)) {
    if (current !== null && name === `${current.name}.sig` && current.sig === null) current.sig = textOf(bytes);
    else if (current !== null && name === `${current.name}.sshsig` && current.sshsig === null) {
      current.sshsig = textOf(bytes);
    } else {
      if (current !== null) yield current;
      current = { name, bytes, sig: null, sshsig: null };
    }
  }
  if (current !== null) yield current;
}
