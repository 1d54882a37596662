import { mkdir, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { systemRandom } from '@nixfleet/contracts/node-random';
import { type Commands, directoryTarget, gitTarget, openGit, type ReleaseTarget } from '@nixfleet/release';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import { splitReleases } from '../config/absolute-path.ts';

/** `$XDG_CACHE_HOME/nixfleet` (default `~/.cache`) or `$XDG_STATE_HOME/nixfleet` (default `~/.local/state`). */
export function xdgDirectory({ environment }: CommandContext, kind: 'cache' | 'state'): string {
  const set = kind === 'cache' ? environment.XDG_CACHE_HOME : environment.XDG_STATE_HOME;
  const fallback = kind === 'cache' ? '.cache' : join('.local', 'state');
  const base = set?.startsWith('/') ? set : join(environment.HOME ?? homedir(), fallback);
  return join(base, 'nixfleet');
}

/** Where releases go: a directory, or a branch of a git remote. Objects of the latter pass through a bare repository in the cache. */
export async function openTarget(
  context: CommandContext,
  commands: Commands,
  releases: string,
): Promise<ReleaseTarget> {
  const { place, ref } = splitReleases(releases);
  if (ref === null) {
    await requireNoRepository(place);
    await mkdir(place, { recursive: true });
    return directoryTarget(place, { random: systemRandom });
  }
  const directory = join(xdgDirectory(context, 'cache'), 'releases.git');
  await mkdir(directory, { recursive: true });
  const git = openGit({ commands, directory });
  await git.run(['init', '--quiet', '--bare', '--template=']);
  return gitTarget(git, { remote: place, branch: ref.replace(/^refs\/heads\//, '') });
}

/** Publishing into a repository's own folder would write beside its objects. */
async function requireNoRepository(directory: string): Promise<void> {
  for (const name of ['.git', 'objects']) {
    const isThere = await stat(join(directory, name)).then(
      () => true,
      () => false,
    );
    if (isThere)
      throw new CliError('usage', `${directory}: this is a git repository`, `name a branch: ${directory}#releases`);
  }
}
