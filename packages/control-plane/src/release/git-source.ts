import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import type { Clock } from '@nixfleet/contracts';
import { ControlPlaneError, messageOf } from '../errors.ts';
import { GitObjects } from './git-objects.ts';
import type { ReleaseSnapshot, ReleaseSource } from './release-source.ts';
import { isSignedPath } from './signed-path.ts';

/** Longest time of one git command, in milliseconds. */
const gitTimeoutMs = 120_000;
/** Most output of one git command, in bytes. */
const gitOutputBytesMax = 64 * 1024;
/** Transports that run a command or take an open file; off by default too, unless the user's configuration says otherwise. */
const hardening = ['-c', 'protocol.ext.allow=never', '-c', 'protocol.fd.allow=never'];
/** Where the fetched branch stands in the mirror. */
const mirrorRef = 'refs/nixfleet/releases';

export interface GitSourceOptions {
  /** Anything `git fetch` takes. Credentials belong in `identityFile` or git's own configuration, not in here. */
  readonly url: string;
  readonly branch: string;
  /** Folder that is `releases/`; empty for the root of the branch. */
  readonly path: string;
  /** A read-only deploy key for SSH. */
  readonly identityFile?: string | undefined;
  readonly knownHostsFile?: string | undefined;
  /** Bare mirror, created where it is missing. */
  readonly mirror: string;
  readonly clock: Clock;
}

/**
 * A git remote, by real git: fetched into a bare mirror, read from the objects; nothing is ever checked out, so no
 * hook, filter, attribute or submodule of the repository runs.
 */
export function gitSource(options: GitSourceOptions): ReleaseSource {
  const { mirror, branch, url } = options;
  const env = gitEnvironment(options);
  let isReady = false;
  const open = async (signal: AbortSignal): Promise<ReleaseSnapshot> => {
    if (!isReady) {
      await mkdir(mirror, { recursive: true, mode: 0o700 });
      await git(['init', '--bare', '--quiet', mirror], { env, signal, clock: options.clock });
      isReady = true;
    }
    const fetch = ['fetch', '--quiet', '--force', '--no-tags', '--no-write-fetch-head', '--end-of-options', url];
    const run = { env, signal, clock: options.clock };
    await git(['--git-dir', mirror, ...fetch, `+refs/heads/${branch}:${mirrorRef}`], run);
    const commit = (await git(['--git-dir', mirror, 'rev-parse', '--verify', mirrorRef], run)).trim();
    return snapshot(commit, new GitObjects(mirror, env), options.path);
  };
  return { description: `git ${withoutCredentials(url)} ${branch}`, open, [Symbol.asyncDispose]: async () => {} };
}

function snapshot(commit: string, objects: GitObjects, folder: string): ReleaseSnapshot {
  const prefix = folder === '' ? '' : `${folder.replace(/\/+$/, '')}/`;
  return {
    id: commit,
    read: async (path, bytesMax) => {
      if (!isSignedPath(path)) throw new ControlPlaneError('source-failed', `not a path of releases/: ${path}`);
      return objects.read(`${commit}:${prefix}${path}`, bytesMax);
    },
    [Symbol.asyncDispose]: () => objects[Symbol.asyncDispose](),
  };
}

/** The caller's, so that an ssh-agent or a credential helper works, without what would point git elsewhere. */
function gitEnvironment({ identityFile, knownHostsFile }: GitSourceOptions): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = {};
  for (const [name, value] of Object.entries(process.env)) {
    if (!/^GIT_(?!SSH|CONFIG|ASKPASS|SSL)/.test(name)) env[name] = value;
  }
  env.LC_ALL = 'C';
  env.GIT_TERMINAL_PROMPT = '0';
  const ssh = ['ssh', '-o', 'BatchMode=yes'];
  if (identityFile !== undefined) ssh.push('-i', quoted(identityFile), '-o', 'IdentitiesOnly=yes');
  if (knownHostsFile !== undefined) ssh.push('-o', quoted(`UserKnownHostsFile=${knownHostsFile}`));
  if (ssh.length > 3) env.GIT_SSH_COMMAND = ssh.join(' ');
  return env;
}

/** For the shell that reads GIT_SSH_COMMAND. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function withoutCredentials(url: string): string {
  return url.replace(/^(\w+:\/\/)[^/@]*@/, '$1');
}

async function git(
  args: readonly string[],
  { env, signal, clock }: { readonly env: NodeJS.ProcessEnv; readonly signal: AbortSignal; readonly clock: Clock },
): Promise<string> {
  const over = new AbortController();
  const limit = new AbortController();
  clock.sleep(gitTimeoutMs, over.signal).then(
    () => limit.abort(new Error(`git did not end within ${gitTimeoutMs / 1000} s`)),
    () => {},
  );
  try {
    return await new Promise((resolve, reject) => {
      const options = {
        env,
        signal: AbortSignal.any([signal, limit.signal]),
        maxBuffer: gitOutputBytesMax,
        encoding: 'utf8',
      } as const;
      execFile('git', [...hardening, ...args], options, (error, stdout, stderr) => {
        if (!error) resolve(stdout);
        else reject(new Error(stderr.trim() === '' ? error.message : withoutCredentials(stderr.trim())));
      });
    });
  } catch (error) {
    throw new ControlPlaneError('source-failed', `git: ${messageOf(error)}`, { cause: error });
  } finally {
    over.abort();
  }
}
