import { stat } from 'node:fs/promises';
import { openDirectoryTree, openGit, openGitTree, type ReleaseTree, systemCommands } from '@nixfleet/release';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import { splitReleases } from '../config/absolute-path.ts';

/** The signed documents as somebody keeps them: nothing here is trusted. */
export interface ReleasesPlace extends ReleaseTree {
  /** For messages. */
  readonly name: string;
}

/** A directory, or `<git repository>#<ref>`, read without a checkout. */
export async function openReleases({ clock }: CommandContext, text: string): Promise<ReleasesPlace> {
  const { place, ref } = splitReleases(text);
  const isDirectory = await stat(place).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!isDirectory) {
    throw new CliError(
      'failed',
      `${place}: no such directory`,
      'name a directory, or <git repository>#<ref> of a clone',
    );
  }
  if (ref === null) return { name: place, ...openDirectoryTree(place) };
  const git = openGit({ commands: systemCommands({ clock }), directory: place });
  // A name that starts with a dash would be an option of git's.
  const resolved = await git.try(['rev-parse', '--verify', '--quiet', '--end-of-options', `${ref}^{commit}`]);
  const commit = resolved.stdout.trim();
  if (!resolved.ok || !/^[0-9a-f]{40,64}$/.test(commit)) {
    throw new CliError('failed', `${place}: no commit ${ref}`, 'name a branch, tag or commit after #');
  }
  return { name: `${place}#${ref} (${commit})`, ...(await openGitTree(git, commit, '')) };
}
