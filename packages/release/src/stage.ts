import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { documentBytesMax, Sha256Hex } from '@nixfleet/contracts';
import { z } from 'zod';
import { ReleaseError } from './errors.ts';
import type { TreeChange } from './release-tree.ts';

/** A release on its way between `assemble`, `sign` and `publish`, which need not run on one machine. */
export interface Stage {
  /** The release document. */
  readonly sha256: Sha256Hex;
  readonly change: TreeChange;
}

const StageFile = z.object({
  type: z.literal('release-stage'),
  schemaVersion: z.literal(1),
  release: Sha256Hex,
  removed: z.array(z.string().max(512)).max(10_000),
});

const stageFile = 'stage.json';
const filesFolder = 'files';
/** Files of one stage: two for each channel and a handful. */
const stageFilesMax = 10_000;

/** Writes a stage to a folder; what is there under the same names is replaced, `stage.json` last. */
export async function writeStage(directory: string, { sha256, change }: Stage): Promise<void> {
  for (const [path, bytes] of change.files) {
    const file = join(directory, filesFolder, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, bytes);
  }
  const content = { type: 'release-stage', schemaVersion: 1, release: sha256, removed: [...change.removed] };
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, stageFile), `${JSON.stringify(content, null, 2)}\n`);
}

/** Throws `ReleaseError` `bad-input`. What it returns is as unverified as the folder it came from. */
export async function readStage(directory: string): Promise<Stage> {
  let stage: z.infer<typeof StageFile>;
  try {
    stage = StageFile.parse(JSON.parse(await readFile(join(directory, stageFile), 'utf8')));
  } catch (cause) {
    throw new ReleaseError('bad-input', `${directory}: not the output of release assemble`, { cause });
  }
  const root = join(directory, filesFolder);
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  if (entries.length > stageFilesMax) throw new ReleaseError('bad-input', `${root}: more than ${stageFilesMax} files`);
  const files = new Map<string, Uint8Array>();
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const file = join(entry.parentPath, entry.name);
    if ((await stat(file)).size > documentBytesMax.rollout) throw new ReleaseError('bad-input', `${file}: too large`);
    files.set(relative(root, file), new Uint8Array(await readFile(file)));
  }
  return { sha256: stage.release, change: { files, removed: new Set(stage.removed) } };
}
