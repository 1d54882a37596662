import { mkdir, mkdtemp, open, readdir, rename, rm, rmdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CliError } from '../cli-error.ts';
import { writeZip } from './zip.ts';

/** What the name of a packet as one file ends in. */
const zipSuffix = '.zip';

/** Moves what was made into place. `names` are the files of the folder, sorted. */
type Publish = (names: readonly string[], signal: AbortSignal) => Promise<void>;

/**
 * Has a packet made in a folder beside `output`, and `output` appear whole or not at all. Throws `CliError` `usage` where
 * something is there already.
 */
export async function inStaging<Result>(
  output: string,
  make: (directory: string, publish: Publish) => Promise<Result>,
): Promise<Result> {
  await requireFree(output);
  await mkdir(dirname(output), { recursive: true });
  const aside = await mkdtemp(`${output}.partial-`);
  const folder = join(aside, 'packet');
  try {
    await mkdir(folder);
    return await make(folder, async (names, signal) => {
      if (output.endsWith(zipSuffix)) {
        const archive = join(aside, 'packet.zip');
        await writeZip(archive, { directory: folder, names, signal });
        await rename(archive, output);
      } else {
        // An empty folder gives way; one that was filled meanwhile does not.
        await rmdir(output).catch(() => undefined);
        await rename(folder, output);
      }
      await syncFolder(dirname(output));
    });
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
}

async function requireFree(output: string): Promise<void> {
  if (output.endsWith(zipSuffix)) {
    const isThere = await stat(output).then(
      () => true,
      () => false,
    );
    if (isThere) throw new CliError('usage', `${output}: there already`, 'name a file that is not there yet');
    return;
  }
  const entries = await readdir(output).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw new CliError('usage', `${output}: no folder`, 'name a folder that is not there yet', { cause: error });
  });
  if (entries.length > 0) throw new CliError('usage', `${output}: not empty`, 'name a folder that is not there yet');
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
