import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ReleaseError } from './errors.ts';
import type { ReleaseTree } from './release-tree.ts';

/** `releases/` in a folder: a checkout, a mounted disk, or one that `directoryTarget` publishes to. */
export function openDirectoryTree(directory: string): ReleaseTree {
  return {
    async read(path, bytesMax) {
      try {
        await using file = await open(join(directory, path));
        const stat = await file.stat();
        if (!stat.isFile()) return null;
        if (stat.size > bytesMax) throw new ReleaseError('bad-input', `${path}: more than ${bytesMax} bytes`);
        return new Uint8Array(await file.readFile());
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

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}
