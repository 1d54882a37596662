import { join } from 'node:path';
import type { Clock } from '@nixfleet/contracts';
import type { DocumentSource } from './document-source.ts';
import type { Files } from './files.ts';
import { describe } from './profile-system.ts';
import { type CommandResult, runCommand } from './run-command.ts';

/** One fetch, and one reading of a file, in milliseconds. */
const fetchTimeoutMs = 5 * 60_000;
const showTimeoutMs = 60_000;
/** Largest file that a fetch may write, in KiB: nobody signed how much a mirror sends. */
const packKibMax = 512 * 1024;

export interface GitMirrorOptions {
  readonly repository: string;
  readonly branch: string;
  /** Directory of `releases/` inside the repository; empty for its root. */
  readonly path: string;
  /** Bare repository of ours. */
  readonly directory: string;
  /** PATH on which `git` is found. */
  readonly searchPath: string;
  readonly files: Files;
  readonly clock: Clock;
  readonly log: (detail: string) => void;
}

/** A git repository with a copy of `releases/`, fetched shallowly into a bare repository of the agent's own. */
export function gitMirrorSource(options: GitMirrorOptions): DocumentSource {
  const { repository, branch, path, directory, searchPath, files, clock, log } = options;
  const git = (
    args: readonly string[],
    limits: { readonly timeoutMs: number; readonly stdoutBytesMax: number; readonly signal: AbortSignal },
  ): Promise<CommandResult> => runGit({ args, directory, searchPath, clock, ...limits });
  const spec = `+refs/heads/${branch}:refs/heads/mirror`;
  return {
    name: repository,
    async refresh(signal) {
      const limits = { timeoutMs: fetchTimeoutMs, stdoutBytesMax: 64 * 1024, signal };
      if ((await files.list(directory)).length === 0) {
        await files.write(join(directory, 'created'), new Uint8Array());
        await git(['init', '--quiet', '--bare', directory], limits);
      }
      const fetched = await git(
        ['-c', 'fetch.unpackLimit=1', 'fetch', '--quiet', '--depth=1', '--no-tags', '--', repository, spec],
        limits,
      );
      // What was cut off stays behind, and would add up.
      if (fetched.exitCode !== 0) await removePartialPacks(files, directory);
      if (fetched.exitCode !== 0) log(`${repository}: ${describe(fetched.output)}`);
      return fetched.exitCode === 0;
    },
    async get(name, bytesMax, signal) {
      const limits = { timeoutMs: showTimeoutMs, stdoutBytesMax: bytesMax, signal };
      const shown = await git(['cat-file', 'blob', `refs/heads/mirror:${join(path, name)}`], limits);
      if (shown.ended === 'too-much-output')
        return { ok: false, reason: 'oversized', detail: `${repository}: ${name}` };
      if (shown.exitCode !== 0) return { ok: false, reason: 'missing', detail: `${repository}: no ${name}` };
      return { ok: true, bytes: shown.stdoutBytes };
    },
  };
}

function runGit(options: {
  readonly args: readonly string[];
  readonly directory: string;
  readonly searchPath: string;
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly stdoutBytesMax: number;
  readonly signal: AbortSignal;
}): Promise<CommandResult> {
  const { args, directory, searchPath, ...limits } = options;
  return runCommand({
    // One pack is one file, and this bounds the largest.
    argv: ['/bin/sh', '-c', `ulimit -f ${packKibMax * 2} 2>/dev/null; exec git "$@"`, 'git', ...args],
    directory,
    environment: {
      PATH: searchPath,
      HOME: '/nonexistent',
      LC_ALL: 'C',
      GIT_DIR: directory,
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_TERMINAL_PROMPT: '0',
      // Only these may be reached by a repository's name, whatever it says.
      GIT_ALLOW_PROTOCOL: 'https:ssh:file',
    },
    ...limits,
  });
}

async function removePartialPacks(files: Files, directory: string): Promise<void> {
  const packs = join(directory, 'objects/pack');
  for (const name of await files.list(packs)) if (name.startsWith('tmp_')) await files.remove(join(packs, name));
}
