import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { documentBytesMax, Sha256Hex } from '@nixfleet/contracts';
import { openDirectoryTree, type TreeChange } from '@nixfleet/release';
import { CliError } from '../cli-error.ts';

/** Folders of an assembled release: the paths it will have in `releases/`. */
const folders = ['release', 'fleet', 'rollouts', 'reports'] as const;

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
  directory: string,
): Promise<{ readonly change: TreeChange; readonly sha256: Sha256Hex }> {
  const tree = openDirectoryTree(directory);
  const files = new Map<string, Uint8Array>();
  for (const folder of folders) {
    for (const name of await tree.list(folder)) {
      const bytes = await tree.read(`${folder}/${name}`, documentBytesMax.rollout);
      if (bytes) files.set(`${folder}/${name}`, bytes);
    }
  }
  const releases = [...files.keys()].flatMap((path) => {
    const sha256 = Sha256Hex.safeParse(/^release\/([0-9a-f]{64})\.json$/.exec(path)?.[1]);
    return sha256.success ? [sha256.data] : [];
  });
  const [sha256, other] = releases;
  if (!sha256 || other) {
    const what = sha256 ? `${releases.length} releases` : 'no release';
    throw new CliError('failed', `${directory}: ${what} in it`, 'name the folder that nixfleet release assemble wrote');
  }
  return { change: { files, removed: new Set() }, sha256 };
}
