import { constants } from 'node:fs';
import { type FileHandle, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ReleaseError } from './errors.ts';
import type { ReleaseTree } from './release-tree.ts';

/** `releases/` in a folder: a checkout, a mounted disk, or one that `directoryTarget` publishes to. */
export function openDirectoryTree(directory: string): ReleaseTree {
  return {
    async read(path, bytesMax) {
      try {
        // Without O_NONBLOCK a named pipe that somebody left there would be waited for without end.
        await using file = await open(join(directory, path), constants.O_RDONLY | constants.O_NONBLOCK);
        const stat = await file.stat();
        if (!stat.isFile()) return null;
        const tooLarge = () => new ReleaseError('bad-input', `${path}: more than ${bytesMax} bytes`);
        if (stat.size > bytesMax) throw tooLarge();
        // It may grow meanwhile, and files of /proc have no size.
        const bytes = await readAtMost(file, Math.min(bytesMax + 1, Number.MAX_SAFE_INTEGER));
        if (bytes.length > bytesMax) throw tooLarge();
        return bytes;
      } catch (error) {
        if (isMissing(error)) return null;
        throw error;
      }
    },
    async list(folder) {
      try {
        const entries = await readdir(join(directory, folder), { withFileTypes: true });
        const names = entries.filter((entry) => !entry.isDirectory() && !entry.name.startsWith('.'));
        return names.map(({ name }) => name).sort();
      } catch (error) {
        if (isMissing(error)) return [];
        throw error;
      }
    },
  };
}

const pieceBytes = 64 * 1024;

async function readAtMost(file: FileHandle, bytesMax: number): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for (let total = 0; total < bytesMax; ) {
    const piece = new Uint8Array(Math.min(pieceBytes, bytesMax - total));
    const { bytesRead } = await file.read(piece, 0, piece.length, null);
    if (bytesRead === 0) break;
    pieces.push(piece.subarray(0, bytesRead));
    total += bytesRead;
  }
  return new Uint8Array(Buffer.concat(pieces));
}

/** ENXIO: a socket. */
const missingCodes: readonly unknown[] = ['ENOENT', 'ENOTDIR', 'ENXIO'];

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && missingCodes.includes(error.code);
}
