import { mkdir, realpath } from 'node:fs/promises';
import { isAbsolute, join, relative } from 'node:path';
import {
  accept,
  type Commit,
  entriesOf,
  type FleetDocument,
  type HostName,
  type Instant,
  isPinExpired,
  pinAt,
  refuse,
  type StorePath,
} from '@nixfleet/contracts';
import type { FleetSource } from './fleet-source.ts';
import type { Git } from './git.ts';
import type { ReleaseOutcome } from './release-refusal.ts';

/** Hosts that are not built from the released commit. */
export interface PinnedHosts {
  readonly commits: ReadonlyMap<HostName, { readonly commit: Commit; readonly source: FleetSource }>;
  /** Taken as they are. */
  readonly closures: ReadonlyMap<HostName, StorePath>;
}

/**
 * What the pins in force at `now` mean for a build. Commits are written out under `directory`, each once, from the
 * repository that the fleet is in; `pinned-host` names a host whose commit cannot be had.
 */
export async function readPinnedHosts(
  fleet: FleetDocument,
  input: {
    readonly source: FleetSource;
    /** The commit that is released: a pin to it changes nothing. */
    readonly released: Commit;
    readonly git: Git | null;
    readonly directory: string;
    readonly now: Instant;
  },
): Promise<ReleaseOutcome<PinnedHosts>> {
  const commits = new Map<HostName, { commit: Commit; source: FleetSource }>();
  const closures = new Map<HostName, StorePath>();
  const written = new Map<Commit, FleetSource>();
  for (const [host, declared] of entriesOf(fleet.hosts)) {
    const pin = pinAt(declared, input.now);
    if (!pin || isPinExpired(pin, input.now)) continue;
    if ('closure' in pin) {
      closures.set(host, pin.closure);
      continue;
    }
    const { commit } = pin;
    if (commit === input.released) continue;
    const known = written.get(commit);
    const found = known ? accept(known) : await sourceAt(commit, input);
    if (!found.ok) return refuse(found.reason, `host ${host} is pinned to ${commit}: ${found.detail}`);
    written.set(commit, found.value);
    commits.set(host, { commit, source: found.value });
  }
  return accept({ commits, closures });
}

/** The fleet expression as it was at `commit`, at the same place in the repository. */
export async function sourceAt(
  commit: Commit,
  { source, git, directory }: { readonly source: FleetSource; readonly git: Git | null; readonly directory: string },
): Promise<ReleaseOutcome<FleetSource>> {
  const place = placeOf(source);
  if (!git || !place) return refuse('pinned-host', 'release from a checkout of the repository, not from afar');
  const known = await git.try(['cat-file', '-e', `${commit}^{commit}`]);
  if (!known.ok) return refuse('pinned-host', 'it is not in this clone; fetch the whole history');
  const below = await belowTop(git, place.path);
  if (below === null) return refuse('pinned-host', `${place.path} is not in the repository`);
  const tree = join(directory, commit);
  await writeTree(git, commit, tree);
  return accept(place.at(join(tree, below)));
}

/** A path as the repository has it, empty for its top; null outside of it. */
export async function belowTop(git: Git, path: string): Promise<string | null> {
  const top = await realpath((await git.run(['rev-parse', '--show-toplevel'])).trim());
  const below = relative(top, await realpath(path));
  return below.startsWith('..') || isAbsolute(below) ? null : below;
}

/** An index of its own: that of the work tree stays as it is. */
async function writeTree(git: Git, commit: Commit, directory: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  const env = { GIT_INDEX_FILE: `${directory}.index` };
  await git.run(['read-tree', commit], { env });
  await git.run(['checkout-index', '--all', `--prefix=${directory}/`], { env });
}

/** Where on this machine a fleet expression is, and the same expression somewhere else; null if it is fetched. */
export function placeOf(
  source: FleetSource,
): { readonly path: string; readonly at: (path: string) => FleetSource } | null {
  if (source.kind === 'file') return { path: source.path, at: (path) => ({ ...source, path }) };
  const [reference = '', ...rest] = source.installable.split('#');
  const local = reference.replace(/^(?:path|git\+file):(?:\/\/)?/, '');
  if (!/^(?:$|[./])/.test(local) || local.includes('?')) return null;
  const path = isAbsolute(local) ? local : join(source.directory, local);
  return { path, at: (at) => ({ ...source, installable: `path:${at}#${rest.join('#')}` }) };
}
