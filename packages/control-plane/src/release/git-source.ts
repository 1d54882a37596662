import { execFile } from 'node:child_process';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '@nixfleet/contracts';
import { ControlPlaneError, messageOf } from '../errors.ts';
import { GitObjects } from './git-objects.ts';
import type { ReleaseSnapshot, ReleaseSource } from './release-source.ts';
import { holdNameOf } from './signed-files.ts';
import { isSignedPath } from './signed-path.ts';

/** Longest time of one git command, in milliseconds. */
const gitTimeoutMs = 120_000;
/** Most output of one git command, in bytes. */
const gitOutputBytesMax = 64 * 1024;
/** Largest file that a fetch may write, in bytes: what one answer of a forge can put on the disk. */
const packBytesMax = 256 * 1024 * 1024;
/** A mirror that has grown larger is thrown away and fetched again, in bytes. Years of hourly heads are a tenth of it. */
const mirrorBytesMax = 1024 * 1024 * 1024;
/** Block of `ulimit -f`, in bytes (POSIX.1-2024, ulimit). */
const blockBytes = 512;
/** Git's words where the mirror itself is at fault: a power cut leaves locks and half-written objects behind. */
const mirrorFault =
  /\.lock'|corrupt|loose object|bad object|missing blob|missing tree|not a git repository|unresolved delta/i;
/** Transports that run a command or take an open file; off by default too, unless the user's configuration says otherwise. */
const hardening = ['-c', 'protocol.ext.allow=never', '-c', 'protocol.fd.allow=never'];
/** Always one pack and no loose objects: so the bound on a file bounds a fetch. */
const onePack = ['-c', 'fetch.unpackLimit=1'];
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
  /** For tests; see the constants of the same names. */
  readonly packBytesMax?: number;
  readonly mirrorBytesMax?: number;
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
    const run = { env, signal, clock: options.clock, fileBytesMax: options.packBytesMax ?? packBytesMax };
    if ((await tidy(mirror)) > (options.mirrorBytesMax ?? mirrorBytesMax)) {
      await rm(mirror, { recursive: true, force: true });
      isReady = false;
    }
    if (!isReady) {
      await mkdir(mirror, { recursive: true, mode: 0o700 });
      await git(['init', '--bare', '--quiet', mirror], run);
      isReady = true;
    }
    // The tip alone: history is for people, and a forge could make it any size.
    const fetch = [
      'fetch',
      '--quiet',
      '--depth=1',
      '--force',
      '--no-tags',
      '--no-write-fetch-head',
      '--end-of-options',
      url,
    ];
    try {
      await git(['--git-dir', mirror, ...fetch, `+refs/heads/${branch}:${mirrorRef}`], run);
    } catch (error) {
      // All of it can be had again: the next look begins with an empty mirror.
      if (mirrorFault.test(messageOf(error))) {
        await rm(mirror, { recursive: true, force: true });
        isReady = false;
      }
      throw error;
    }
    const commit = (await git(['--git-dir', mirror, 'rev-parse', '--verify', mirrorRef], run)).trim();
    const folder = options.path === '' ? '' : `${options.path.replace(/\/+$/, '')}/`;
    const list = ['ls-tree', '-z', '--name-only', '--full-tree', commit, '--', `${folder}holds/`];
    const holds = async () => namesIn(await git(['--git-dir', mirror, ...list], run), folder);
    return snapshot(commit, { objects: new GitObjects(mirror, env), folder, holds });
  };
  return { description: `git ${withoutCredentials(url)} ${branch}`, open, [Symbol.asyncDispose]: async () => {} };
}

/** Removes what an interrupted fetch left of its pack. Bytes of the packs that are there; 0 without a mirror. */
async function tidy(mirror: string): Promise<number> {
  const packs = join(mirror, 'objects', 'pack');
  let bytes = 0;
  for (const name of await readdir(packs).catch(() => [])) {
    const file = join(packs, name);
    if (name.startsWith('tmp_')) await rm(file, { force: true });
    else bytes += (await stat(file).catch(() => null))?.size ?? 0;
  }
  return bytes;
}

function namesIn(listed: string, folder: string): string[] {
  return listed.split('\0').flatMap((path) => holdNameOf(path.slice(folder.length)) ?? []);
}

interface CommitReader {
  readonly objects: GitObjects;
  /** Of `releases/`: empty, or with a slash at its end. */
  readonly folder: string;
  readonly holds: () => Promise<readonly string[]>;
}

function snapshot(commit: string, { objects, folder, holds }: CommitReader): ReleaseSnapshot {
  return {
    id: commit,
    read: async (path, bytesMax) => {
      if (!isSignedPath(path)) throw new ControlPlaneError('source-failed', `not a path of releases/: ${path}`);
      return objects.read(`${commit}:${folder}${path}`, bytesMax);
    },
    holds,
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

interface GitRun {
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly fileBytesMax: number;
}

async function git(args: readonly string[], { env, signal, clock, fileBytesMax }: GitRun): Promise<string> {
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
      const limited = ['-c', 'ulimit -f "$0" 2>/dev/null; exec git "$@"', String(Math.ceil(fileBytesMax / blockBytes))];
      execFile('sh', [...limited, ...hardening, ...onePack, ...args], options, (error, stdout, stderr) => {
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
