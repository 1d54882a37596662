import { mkdir, open, readdir, readlink, rename, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { accept, headPath, parseSignaturePath, type Random, refuse } from '@nixfleet/contracts';
import { openDirectoryTree } from './directory-tree.ts';
import type { ReleaseTarget } from './release-target.ts';
import type { TreeChange } from './release-tree.ts';

/** Heads of earlier publications that are kept; far more than publishers can overlap. */
const generationsKept = 64;

const currentLink = '.current';
const generations = '.heads';

/**
 * A plain folder, for mirrors and for control planes on the same machine.
 *
 * Everything but the head is bound by hash or by signature and never changes, so it is written first, each file whole.
 * The head and its signatures must change together: they live in `.heads/<n>/`, and `head.json` and
 * `head.json.<keyId>.sig` are links through the link `.current`. Publishing is
 * 1. rename of a prepared folder to `.heads/<n+1>`, which fails if somebody else did so first: the compare-and-swap;
 * 2. rename of a new link over `.current`: readers see the old pair or the new one.
 * Killed between the two, the old head stays until the next publication, which completes the second step first.
 */
export function directoryTarget(directory: string, { random }: { readonly random: Random }): ReleaseTarget {
  const at = (path: string) => join(directory, path);
  const fresh = () => `.new-${Buffer.from(random.bytes(8)).toString('hex')}`;

  const link = async (to: string, path: string): Promise<void> => {
    const temporary = at(fresh());
    await symlink(to, temporary);
    await rename(temporary, at(path));
  };
  const pointAt = async (generation: number): Promise<void> => {
    await link(join(generations, String(generation)), currentLink);
    await syncFolder(directory);
  };

  /** A folder that was copied here has plain files: the same bytes become generation 1. */
  const adopt = async (): Promise<void> => {
    const tree = openDirectoryTree(directory);
    const names = (await tree.list('')).filter(isHeadFile);
    if (!names.includes(headPath)) return;
    const prepared = join(at(generations), fresh());
    await mkdir(prepared);
    await keepHead(directory, prepared, new Map());
    await claim(prepared, at(generations), 1);
    await pointAt(1);
    for (const name of names) await link(join(currentLink, name), name);
  };

  return {
    name: directory,
    async snapshot() {
      await mkdir(at(generations), { recursive: true });
      if ((await newestGeneration(at(generations))) === null) await adopt();
      const newest = await newestGeneration(at(generations));
      const current = await currentGeneration(at(currentLink));
      if (newest !== null && newest !== current) await pointAt(newest);
      return { tree: openDirectoryTree(directory), revision: newest === null ? null : String(newest) };
    },

    async publish({ change, expected }) {
      await mkdir(at(generations), { recursive: true });
      const before = expected === null ? null : Number(expected);
      const head = headFiles(change);
      for (const [path, bytes] of change.files) if (!head.has(path)) await writeWhole(at(path), bytes, at(fresh()));
      const prepared = join(at(generations), fresh());
      await mkdir(prepared);
      const names = await keepHead(before === null ? null : join(at(generations), String(before)), prepared, head);
      // Links first, so that the new signatures are found as soon as the head changes; until then they dangle: missing.
      for (const name of names) await link(join(currentLink, name), name);
      await syncFolder(prepared);
      const generation = (before ?? 0) + 1;
      if (
        (await newestGeneration(at(generations))) !== before ||
        !(await claim(prepared, at(generations), generation))
      ) {
        await rm(prepared, { recursive: true, force: true });
        return refuse('lost-race', `${directory}: another publication came first`);
      }
      await syncFolder(at(generations));
      await pointAt(generation);
      for (const path of change.removed) await rm(at(path), { force: true });
      await sweep(at(generations), generation);
      return accept({ revision: String(generation) });
    },
  };
}

function headFiles(change: TreeChange): Map<string, Uint8Array> {
  return new Map([...change.files].filter(([path]) => isHeadFile(path)));
}

function isHeadFile(path: string): boolean {
  return path === headPath || parseSignaturePath(path)?.path === headPath;
}

/** Fills the next generation: the new head, or the last one where the change has none (a pending signature, a hold). */
async function keepHead(
  before: string | null,
  prepared: string,
  head: ReadonlyMap<string, Uint8Array>,
): Promise<string[]> {
  const files = new Map(head);
  if (files.size === 0 && before !== null) {
    const tree = openDirectoryTree(before);
    for (const name of (await tree.list('')).filter(isHeadFile)) {
      const bytes = await tree.read(name, 1024 * 1024);
      if (bytes) files.set(name, bytes);
    }
  }
  for (const [name, bytes] of files) await writeSynced(join(prepared, name), bytes);
  return [...files.keys()];
}

/** False if the generation is there already: rename(2) does not replace a folder that has something in it. */
async function claim(prepared: string, folder: string, generation: number): Promise<boolean> {
  // A publication without any head would be an empty folder, which rename(2) does replace.
  await writeSynced(join(prepared, '.generation'), new TextEncoder().encode(String(generation)));
  try {
    await rename(prepared, join(folder, String(generation)));
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOTEMPTY' || error.code === 'EEXIST'))
      return false;
    throw error;
  }
}

/** Old generations. Links of signatures that no head has any more stay: they dangle, which reads as missing. */
async function sweep(folder: string, generation: number): Promise<void> {
  for (const name of await readdir(folder)) {
    const isOld = /^\d+$/.test(name) && Number(name) <= generation - generationsKept;
    if (isOld) await rm(join(folder, name), { recursive: true, force: true });
  }
}

async function newestGeneration(folder: string): Promise<number | null> {
  const numbers = (await readdir(folder)).filter((name) => /^\d{1,15}$/.test(name)).map(Number);
  return numbers.length === 0 ? null : Math.max(...numbers);
}

async function currentGeneration(path: string): Promise<number | null> {
  try {
    const match = /\/(\d{1,15})$/.exec(await readlink(path));
    return match ? Number(match[1]) : null;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}

async function writeWhole(path: string, bytes: Uint8Array, temporary: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeSynced(temporary, bytes);
  await rename(temporary, path);
  await syncFolder(dirname(path));
}

async function writeSynced(path: string, bytes: Uint8Array): Promise<void> {
  await using file = await open(path, 'w', 0o644);
  await file.writeFile(bytes);
  await file.sync();
}

async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path, 'r');
  await folder.sync();
}
