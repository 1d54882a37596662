import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { headPath } from '@nixfleet/contracts';

/** Brings a directory to the state of the tree: every file by rename, the head last, so that a reader finds a whole release. */
export function writeReleases(root: string, files: ReadonlyMap<string, Uint8Array>): void {
  const isHead = (path: string): boolean => path.startsWith(headPath);
  const order = [...files.keys()].sort(
    (a, b) => Number(isHead(a)) - Number(isHead(b)) || Number(a === headPath) - Number(b === headPath),
  );
  for (const path of order) {
    const bytes = files.get(path) ?? new Uint8Array();
    const target = join(root, path);
    if (readIfThere(target)?.equals(bytes)) continue;
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(`${target}.new`, bytes);
    renameSync(`${target}.new`, target);
  }
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
    const path = relative(root, join(entry.parentPath, entry.name));
    if (entry.isFile() && !files.has(path)) rmSync(join(root, path));
  }
}

function readIfThere(path: string): Buffer | null {
  try {
    return readFileSync(path);
  } catch {
    return null;
  }
}
