import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import type { Readable } from 'node:stream';
import { crc32 } from 'node:zlib';
import { Sha256Hex } from '@nixfleet/contracts';
import { type PacketReader, packetPaths } from '@nixfleet/evidence';
import { CliError } from '../cli-error.ts';
import { chunkBytes, readEvidenceArchive } from './evidence-archive.ts';
import { readZip, readZipEntry } from './zip.ts';

/** Most files of a packet that are looked at. */
const filesMax = 100_000;

/** Where the files of a packet lie. */
interface PacketFiles {
  readonly names: readonly string[];
  /** Neither files nor folders. */
  readonly strangers: readonly string[];
  bytesOf(name: string): Promise<number>;
  open(name: string): Readable;
  /** What whoever packed it says of a file; null where nobody does. */
  crcOf(name: string): number | null;
}

/** A packet in a folder, or in the zip archive that `packet create` makes of one. */
export async function openPacket(path: string): Promise<PacketReader> {
  const found = await stat(path).catch((cause: unknown) => {
    throw new CliError('failed', `${path}: cannot be read`, 'name the folder or the zip archive of a packet', {
      cause,
    });
  });
  return readerOf(path, found.isDirectory() ? await inFolder(path) : await inArchive(path));
}

/** Links are not followed: a packet holds files. */
async function inFolder(directory: string): Promise<PacketFiles> {
  const at = (name: string) => join(directory, ...name.split('/'));
  return {
    ...(await entriesIn(directory)),
    bytesOf: async (name) => (await stat(at(name))).size,
    open: (name) => createReadStream(at(name), { highWaterMark: chunkBytes }),
    crcOf: () => null,
  };
}

async function inArchive(path: string): Promise<PacketFiles> {
  const entries = new Map((await readZip(path)).map((entry) => [entry.name, entry]));
  const entryOf = (name: string) => {
    const entry = entries.get(name);
    if (entry === undefined) throw new TypeError(`${name}: not in ${path}`);
    return entry;
  };
  return {
    names: [...entries.keys()],
    // An archive that has any is refused.
    strangers: [],
    bytesOf: async (name) => entryOf(name).bytes,
    open: (name) => readZipEntry(path, entryOf(name)),
    crcOf: (name) => entryOf(name).crc,
  };
}

function readerOf(packet: string, files: PacketFiles): PacketReader {
  const names = [...files.names].sort();
  const known = new Set(names);
  return {
    async read(path, bytesMax) {
      if (!known.has(path)) return null;
      const bytes = await files.bytesOf(path);
      if (bytes > bytesMax)
        throw new CliError('failed', `${path}: more than ${bytesMax} bytes`, 'not made by this program');
      const chunks: Buffer[] = [];
      for await (const chunk of files.open(path)) chunks.push(chunk as Buffer);
      return new Uint8Array(Buffer.concat(chunks));
    },
    list: async () => names,
    strangers: async () => files.strangers,
    bytesOf: async (path) => (known.has(path) ? files.bytesOf(path) : null),
    async digest(path) {
      const hash = createHash('sha256');
      let bytes = 0;
      let crc = 0;
      for await (const chunk of files.open(path)) {
        hash.update(chunk as Buffer);
        crc = crc32(chunk as Buffer, crc);
        bytes += (chunk as Buffer).length;
      }
      const said = files.crcOf(path);
      if (said !== null && said !== crc) {
        throw new CliError('failed', `${packet}: ${path}: its checksum is wrong`, 'the archive was damaged');
      }
      return { sha256: Sha256Hex.parse(hash.digest('hex')), bytes };
    },
    async *evidence(host) {
      const path = packetPaths.evidence(host);
      if (known.has(path)) yield* readEvidenceArchive(files.open(path), path);
    },
  };
}

/** Every file of a folder, sorted, with `/` between names. */
export async function filesOf(directory: string): Promise<readonly string[]> {
  return (await entriesIn(directory)).names;
}

async function entriesIn(directory: string): Promise<Pick<PacketFiles, 'names' | 'strangers'>> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch((cause: unknown) => {
    throw new CliError('failed', `${directory}: cannot be read`, 'name the folder of a packet', { cause });
  });
  if (entries.length > filesMax)
    throw new CliError('failed', `${directory}: more than ${filesMax} files`, 'name a packet');
  const sorted = (those: typeof entries) =>
    those.map((entry) => relative(directory, join(entry.parentPath, entry.name)).split(sep).join('/')).sort();
  return {
    names: sorted(entries.filter((entry) => entry.isFile())),
    strangers: sorted(entries.filter((entry) => !entry.isFile() && !entry.isDirectory())),
  };
}
