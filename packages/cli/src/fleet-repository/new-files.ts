import { existsSync } from 'node:fs';
import { mkdir, rm, rmdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CliError } from '../cli-error.ts';

/** Refuses before anything is written if one of them is there. */
export function requireAbsent(directory: string, paths: Iterable<string>): void {
  const present = [...paths].filter((path) => existsSync(join(directory, path)));
  if (present.length === 0) return;
  throw new CliError(
    'failed',
    `${directory}: has ${present.join(', ')} already`,
    'nothing was written, and nothing is overwritten',
  );
}

export async function writeNewFiles(directory: string, files: ReadonlyMap<string, string | Uint8Array>): Promise<void> {
  for (const [path, content] of files) {
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await writeFile(join(directory, path), content, { flag: 'wx' });
  }
}

/** Takes back what `writeNewFiles` wrote, and folders that are empty without it. */
export async function removeNewFiles(directory: string, files: ReadonlyMap<string, unknown>): Promise<void> {
  for (const path of files.keys()) {
    await rm(join(directory, path), { force: true });
    // Not empty: somebody else's.
    await rmdir(dirname(join(directory, path))).catch(() => {});
  }
}
