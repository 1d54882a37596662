import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Sha256Hex, type VerifyContext } from '@nixfleet/contracts';
import {
  openDirectoryTree,
  type ReleaseFiles,
  type ReleaseOutcome,
  readReleaseFiles,
  type TreeChange,
} from '@nixfleet/release';
import { CliError } from '../cli-error.ts';

/** Writes a release that is on its way: into a new folder, or over what is there. */
export async function writeAssembly(directory: string, { files }: TreeChange): Promise<void> {
  for (const [path, bytes] of files) {
    await mkdir(join(directory, dirname(path)), { recursive: true });
    await writeFile(join(directory, path), bytes);
  }
}

/** A new folder gets one release; one that has another already is refused. */
export async function requireEmpty(directory: string): Promise<void> {
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  if (names.length > 0) throw new CliError('usage', `${directory}: not empty`, 'name a new folder with --output');
}

/** The one release in a folder that `release assemble` wrote, with whatever signatures it has by now. */
export async function readAssembly(
  ctx: VerifyContext,
  directory: string,
): Promise<ReleaseOutcome<ReleaseFiles & { readonly sha256: Sha256Hex }>> {
  const tree = openDirectoryTree(directory);
  const releases = (await tree.list('release')).flatMap((name) => {
    const sha256 = Sha256Hex.safeParse(/^([0-9a-f]{64})\.json$/.exec(name)?.[1]);
    return sha256.success ? [sha256.data] : [];
  });
  const [sha256, other] = releases;
  if (!sha256 || other) {
    const what = sha256 ? `${releases.length} releases` : 'no release';
    throw new CliError('failed', `${directory}: ${what} in it`, 'name the folder that nixfleet release assemble wrote');
  }
  const found = await readReleaseFiles(ctx, tree, sha256);
  return found.ok ? { ok: true, value: { ...found.value, sha256 } } : found;
}
