import { execFile } from 'node:child_process';
import { open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { parseSignaturePath, type SignedBytes } from '@nixfleet/contracts';
import { CliError } from '../cli-error.ts';
import { splitReleases } from '../config/absolute-path.ts';

/** Most files in one directory of `releases/`. */
const filesMax = 100_000;
/** Largest signature file, in bytes: an armored SSHSIG with room. */
const signatureBytesMax = 8 * 1024;
/** How long git may take for one answer, in milliseconds. */
const gitTimeoutMs = 30_000;
/** Largest list of files that git may print, in bytes. */
const gitListBytesMax = 32 * 1024 * 1024;

/** What git may say on standard error, which counts too, in bytes. */
const gitMessageBytesMax = 64 * 1024;

/** The signed documents as somebody keeps them: nothing here is trusted. */
export interface ReleasesPlace {
  /** For messages. */
  readonly name: string;
  /** Null for a file that is not there. Throws `CliError` for one larger than `bytesMax`. */
  read(path: string, bytesMax: number): Promise<Uint8Array | null>;
  /** Names in one directory; empty where there is none. */
  list(directory: string): Promise<readonly string[]>;
}

/** A directory, or `<git repository>#<ref>`, read without a checkout. */
export async function openReleases(text: string): Promise<ReleasesPlace> {
  const { place, ref } = splitReleases(text);
  const isDirectory = await stat(place).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!isDirectory)
    throw new CliError('failed', `${place}: no such directory`, 'name a directory, or <git repository>#<ref>');
  return ref === null ? directoryPlace(place) : gitPlace(place, ref);
}

function directoryPlace(directory: string): ReleasesPlace {
  return {
    name: directory,
    async read(path, bytesMax) {
      const file = await open(join(directory, path), 'r').catch(notThere);
      if (!file) return null;
      try {
        const { size } = await file.stat();
        if (size > bytesMax) throw tooLarge(join(directory, path), bytesMax);
        const bytes = await file.readFile();
        return new Uint8Array(bytes);
      } finally {
        await file.close();
      }
    },
    async list(path) {
      const names = await readdir(join(directory, path)).catch(notThere);
      return (names ?? []).slice(0, filesMax);
    },
  };
}

async function gitPlace(repository: string, ref: string): Promise<ReleasesPlace> {
  // Options of git start with a dash, and so may a name that somebody typed or wrote into a file.
  const resolved = await git(
    repository,
    ['rev-parse', '--verify', '--quiet', '--end-of-options', `${ref}^{commit}`],
    200,
  );
  const commit = resolved?.toString('utf8').trim() ?? '';
  if (!/^[0-9a-f]{40,64}$/.test(commit)) {
    throw new CliError('failed', `${repository}: no commit ${ref}`, 'name a branch, tag or commit after #');
  }
  return {
    name: `${repository}#${ref} (${commit})`,
    async read(path, bytesMax) {
      const size = await git(repository, ['cat-file', '-s', `${commit}:${path}`], 64);
      if (!size) return null;
      if (Number(size.toString('utf8')) > bytesMax) throw tooLarge(`${ref}:${path}`, bytesMax);
      const bytes = await git(repository, ['cat-file', 'blob', `${commit}:${path}`], bytesMax);
      return bytes && new Uint8Array(bytes);
    },
    async list(path) {
      const tree = path === '' ? commit : `${commit}:${path}`;
      const names = await git(repository, ['ls-tree', '-z', '--name-only', tree], gitListBytesMax);
      return (names?.toString('utf8') ?? '')
        .split('\0')
        .filter((name) => name !== '')
        .slice(0, filesMax);
    },
  };
}

/** Null where git says no, which for these questions means that there is no such thing. */
function git(repository: string, args: readonly string[], bytesMax: number): Promise<Buffer | null> {
  return new Promise((resolve, reject) => {
    const options = { encoding: 'buffer', timeout: gitTimeoutMs, maxBuffer: bytesMax + gitMessageBytesMax } as const;
    // A repository that somebody handed over may not run its hooks, filters or fsmonitor here.
    const guarded = ['-C', repository, '-c', 'core.fsmonitor=false', '-c', 'core.hooksPath=/dev/null', ...args];
    execFile('git', guarded, options, (error, stdout) => {
      if (!error) resolve(stdout);
      else if (error.code === 'ENOENT')
        reject(new CliError('failed', 'git is not installed', 'install git, or name a directory'));
      else if (typeof error.code === 'number') resolve(null);
      else reject(new CliError('failed', `git ${args[0]} in ${repository} did not end well`, 'check the repository'));
    });
  });
}

function notThere(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null;
  throw error;
}

function tooLarge(path: string, bytesMax: number): CliError {
  return new CliError('failed', `${path}: larger than ${bytesMax} bytes`, 'this is no document of a fleet');
}

/** A document with every signature beside it; null when the document is not there. */
export async function readSigned(place: ReleasesPlace, path: string, bytesMax: number): Promise<SignedBytes | null> {
  const bytes = await place.read(path, bytesMax);
  if (!bytes) return null;
  const signatures = new Map<string, Uint8Array>();
  const sshSignatures = new Map<string, string>();
  const directory = path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : '';
  for (const name of await place.list(directory)) {
    const full = directory === '' ? name : `${directory}/${name}`;
    const found = parseSignaturePath(full);
    if (found?.path !== path) continue;
    const signature = await place.read(full, signatureBytesMax);
    if (!signature) continue;
    if (found.kind === 'sig') signatures.set(found.keyId, signature);
    else sshSignatures.set(found.keyId, new TextDecoder().decode(signature));
  }
  return { bytes, signatures, sshSignatures };
}
