import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { type PacketReader, packetPaths } from '@nixfleet/evidence';
import { CliError } from '../cli-error.ts';
import { readEvidenceArchive } from './evidence-archive.ts';

/** Most files of a packet that are looked at. */
const filesMax = 100_000;

/** A packet in a folder. Links are not followed: a packet holds files. */
export async function openPacket(directory: string): Promise<PacketReader> {
  const files = new Set(await filesOf(directory));
  const at = (path: string) => join(directory, ...path.split('/'));
  return {
    async read(path, bytesMax) {
      if (!files.has(path)) return null;
      const { size } = await stat(at(path));
      if (size > bytesMax)
        throw new CliError('failed', `${path}: more than ${bytesMax} bytes`, 'not made by this program');
      return new Uint8Array(await readFile(at(path)));
    },
    list: async () => [...files].sort(),
    async digest(path) {
      const hash = createHash('sha256');
      let bytes = 0;
      for await (const chunk of createReadStream(at(path))) {
        hash.update(chunk as Buffer);
        bytes += (chunk as Buffer).length;
      }
      return { sha256: hash.digest('hex'), bytes };
    },
    async *evidence(host) {
      const path = packetPaths.evidence(host);
      if (files.has(path)) yield* readEvidenceArchive(at(path));
    },
  };
}

export async function filesOf(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch((cause: unknown) => {
    throw new CliError('failed', `${directory}: cannot be read`, 'name the folder of a packet', { cause });
  });
  if (entries.length > filesMax)
    throw new CliError('failed', `${directory}: more than ${filesMax} files`, 'name a packet');
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(directory, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .sort();
}
