import { rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Clock,
  type ClosurePath,
  closurePathsMax,
  type NarHash,
  parseNarHash,
  StorePath,
} from '@nixfleet/contracts';
import { z } from 'zod';
import { isTrustedUrl, parseEffectiveConfig } from './effective-config.ts';
import { AgentError } from './errors.ts';
import type { BootParts } from './host.ts';
import type { Nix, NixDone, NixRefusal, NixSources, RealiseOptions } from './nix.ts';
import { logOptions, stalledMsDefault, type Watched, watched } from './nix-fetch.ts';
import type { FetchBounds, FetchProgress } from './nix-log.ts';
import { refusalOf, unavailable, unsafe } from './nix-refusal.ts';
import { describe } from './profile-system.ts';
import { type CommandResult, runCommand } from './run-command.ts';

/** Longest fetch of one closure, and longest other command, in milliseconds. */
const realiseTimeoutMs = 6 * 3600_000;
const commandTimeoutMs = 30 * 60_000;
const stdoutBytesMax = 64 * 1024 * 1024;
/** What a fetch leaves free: journal, records and profile need room when it is done. */
const reservedBytes = 16 * 2 ** 20;
/** Largest resident memory of a command that only asks caches what they have, in bytes: it unpacks in there. */
const askingMemoryBytesMax = 2 ** 30;
/** Paths handed to one command: far below the kernel's limit on arguments. */
const pathsPerCommand = 400;

export interface NixCommandsOptions {
  /** PATH on which `nix` and `nix-store` are found. */
  readonly path: string;
  /** Directory of a chroot store; null: the machine's own store. */
  readonly storeDirectory: string | null;
  /**
   * Where Nix keeps what a cache answered; made when needed. There must be one that the agent may write: where it cannot,
   * Nix gives up the cache it asked, and says no more than that it cannot build the path.
   */
  readonly cacheDirectory: string;
  /** Further variables, such as a CA file. No `NIX_CONFIG`: settings come from the machine and from us. */
  readonly environment: Readonly<Record<string, string>>;
  readonly clock: Clock;
  /** After how long without anything to speak of a fetch is given up, in milliseconds. */
  readonly stalledMs?: number;
}

/** A symbolic link, of `nix store ls --json`. */
const Link = z.object({ type: z.literal('symlink'), target: z.string().max(4096) });

/** Nix by its plumbing commands, whose output is the same from 2.8 to the newest and in Lix. */
export class NixCommands implements Nix {
  readonly #options: NixCommandsOptions;

  constructor(options: NixCommandsOptions) {
    this.#options = options;
  }

  async checkConfiguration(sources: NixSources, signal: AbortSignal): Promise<NixDone> {
    const features = ['--extra-experimental-features', 'nix-command'];
    const newer = await this.#run(['nix', ...features, 'config', 'show', '--json'], { signal });
    const shown =
      newer.exitCode === 0 ? newer : await this.#run(['nix', ...features, 'show-config', '--json'], { signal });
    if (shown.exitCode !== 0)
      throw new AgentError('nix-failed', `cannot read Nix's settings: ${describe(shown.output)}`);
    const config = parseEffectiveConfig(shown.stdout);
    if (config === null) return unsafe('Nix’s settings cannot be read');
    if (!config.requireSigs) return unsafe('require-sigs is not true: signatures would not be checked');
    const [trusted] = [...sources.substituters.filter(isTrustedUrl), ...config.trustedSubstituters];
    if (trusted !== undefined)
      return unsafe(`the substituter ${trusted} is set as trusted: its signatures would not be checked`);
    if (config.trustedUsers && !config.trustedUsers.some((user) => user === 'root' || user === '*')) {
      return unsafe('root is not one of trusted-users: the daemon would ignore our substituters and keys');
    }
    if (sources.publicKeys.length === 0) return unsafe('no cache keys: nothing could be accepted');
    return { ok: true };
  }

  async bootParts(closure: StorePath, sources: NixSources, signal: AbortSignal): Promise<BootParts> {
    for (const substituter of sources.substituters) {
      const [kernel, initrd] = await Promise.all(
        ['kernel', 'initrd'].map((name) => this.#linkAt(substituter, `${closure}/${name}`, sources, signal)),
      );
      if (kernel || initrd) return { kernel: kernel ?? null, initrd: initrd ?? null };
    }
    return { kernel: null, initrd: null };
  }

  /** Where a link in a cache points; null for anything else. */
  async #linkAt(store: string, path: string, sources: NixSources, signal: AbortSignal): Promise<string | null> {
    // The fetch itself tries more than once.
    const once = ['--option', 'download-attempts', '1'];
    const list = ['nix', '--extra-experimental-features', 'nix-command', 'store', 'ls', '--json'] as const;
    // The archive, too, is unpacked in memory.
    const bounds = { unpackedBytesMax: null, bounded: 'all' } as const;
    const listed = await this.#ask([...list, ...optionsFor(sources), ...once, '--store', store, path], {
      ...{ signal, bounds },
    });
    return listed.exitCode === 0 ? linkIn(listed.stdout) : null;
  }

  async realise(
    closure: StorePath,
    sources: NixSources,
    rootLink: string,
    signal: AbortSignal,
    { bytesMax = null, onProgress }: RealiseOptions = {},
  ): Promise<NixDone> {
    const obstacle = await this.#obstacle(closure, bytesMax, { sources, signal });
    if (obstacle !== null) return obstacle;
    const root = ['--add-root', rootLink, '--indirect'];
    const result = await this.#fetch(
      ['nix-store', ...this.#store, ...optionsFor(sources), '--realise', closure, ...root],
      { signal, bounds: { unpackedBytesMax: bytesMax, bounded: 'descriptions' }, ...(onProgress && { onProgress }) },
    );
    return result.exitCode === 0 ? { ok: true } : refusalOf(result);
  }

  /** What stands against fetching what is missing, or null: said before gigabytes are fetched for nothing. */
  async #obstacle(
    closure: StorePath,
    bytesMax: number | null,
    { sources, signal }: { readonly sources: NixSources; readonly signal: AbortSignal },
  ): Promise<NixRefusal | null> {
    const planned = ['nix-store', ...this.#store, ...optionsFor(sources), '--realise', '--dry-run', closure] as const;
    const { excess, ended, output, prose } = await this.#ask([...planned], { signal });
    if (excess !== null) return unavailable(excess);
    if (ended !== 'exit') return unavailable(`what is missing was not told: ${ended}; ${describe(output)}`);
    const neededBytes = unpackedBytes(prose);
    if (neededBytes === 0) return null;
    if (bytesMax !== null && neededBytes > bytesMax + roundingBytes) {
      return unavailable(
        `the cache says that ${mib(neededBytes)} MiB are missing, of a closure signed to have ${mib(bytesMax)} MiB`,
      );
    }
    const { bavail, bsize } = await statfs(join(this.#options.storeDirectory ?? '/', 'nix/store'));
    const freeBytes = bavail * bsize - reservedBytes;
    if (freeBytes >= neededBytes) return null;
    const detail = `the store needs ${mib(neededBytes)} MiB more and has ${Math.max(0, mib(freeBytes))} MiB free, ${mib(reservedBytes)} MiB kept aside`;
    return { ok: false, reason: 'disk-full', detail };
  }

  async closure(path: StorePath, signal: AbortSignal): Promise<readonly ClosurePath[]> {
    const listed = await this.#query(['--query', '--requisites', path], signal);
    const paths = listed.map((line) => StorePath.parse(line));
    if (paths.length > closurePathsMax)
      throw new AgentError('nix-failed', `${path}: more than ${closurePathsMax} paths`);
    const entries: ClosurePath[] = [];
    for (const some of inPieces(paths)) {
      const hashes = await this.#query(['--query', '--hash', ...some], signal);
      for (const [i, name] of some.entries()) {
        const narHash = parseNarHash(hashes[i] ?? '');
        if (narHash === null) throw new AgentError('nix-failed', `${name}: expected a SHA-256, got ${hashes[i]}`);
        entries.push({ path: name, narHash });
      }
    }
    return entries;
  }

  async modified(paths: readonly StorePath[], signal: AbortSignal): Promise<readonly StorePath[]> {
    const found: StorePath[] = [];
    for (const some of inPieces(paths)) {
      const result = await this.#run(['nix-store', ...this.#store, '--verify-path', ...some], {
        signal,
        keepsAll: true,
      });
      if (result.exitCode === 0) continue;
      const named = some.filter((path) => result.all.includes(`path '${path}' was modified`));
      // A path that is not there at all stops the command before it gets to the next ones.
      if (named.length === 0 && some.length === 1) named.push(...some);
      else if (named.length === 0) for (const path of some) named.push(...(await this.modified([path], signal)));
      found.push(...named);
    }
    return found;
  }

  async claimed(
    substituter: string,
    entries: readonly ClosurePath[],
    sources: NixSources,
    signal: AbortSignal,
  ): Promise<readonly (NarHash | null)[]> {
    const hashes: (NarHash | null)[] = [];
    for (const some of inPieces(entries))
      hashes.push(...(await this.#hashesAt(substituter, some, { sources, signal })));
    return hashes;
  }

  async #hashesAt(
    substituter: string,
    entries: readonly ClosurePath[],
    { sources, signal }: { readonly sources: NixSources; readonly signal: AbortSignal },
  ): Promise<readonly (NarHash | null)[]> {
    const command = ['nix-store', '--store', substituter, ...optionsFor(sources), '--query', '--hash'] as const;
    const result = await this.#ask([...command, ...entries.map(({ path }) => path)], { signal });
    const hashes = result.stdout.trim().split('\n').map(parseNarHash);
    if (result.exitCode === 0 && hashes.length === entries.length) return hashes;
    if (result.excess !== null) return entries.map(() => null);
    // One path that is not there ends the command: in halves, so that the others are found.
    if (entries.length <= 1) return [null];
    const half = Math.ceil(entries.length / 2);
    return [
      ...(await this.#hashesAt(substituter, entries.slice(0, half), { sources, signal })),
      ...(await this.#hashesAt(substituter, entries.slice(half), { sources, signal })),
    ];
  }

  async repair(
    { substituter, wanted, staging, bytesMax }: Parameters<Nix['repair']>[0],
    sources: NixSources,
    signal: AbortSignal,
  ): Promise<NixDone> {
    const staged = `file://${staging}`;
    const paths = wanted.map(({ path }) => path);
    await rm(staging, { recursive: true, force: true });
    try {
      for (const some of inPieces(paths)) {
        const copy = ['nix', '--extra-experimental-features', 'nix-command', 'copy', ...optionsFor(sources)] as const;
        const from = ['--from', substituter, '--to', `${staged}?compression=none`];
        const bounds = { unpackedBytesMax: bytesMax, bounded: 'descriptions' } as const;
        const copied = await this.#fetch([...copy, ...from, ...some], { signal, bounds });
        if (copied.exitCode !== 0) return refusalOf(copied);
      }
      const found = await this.claimed(staged, wanted, sources, signal);
      const other = wanted.find(({ narHash }, i) => found[i] !== narHash);
      if (other) return unavailable(`${other.path}: ${substituter} said ${other.narHash} and sent something else`);
      for (const path of paths) {
        const only = optionsFor({ ...sources, substituters: [staged] });
        // Not `--repair-path`, which no daemon does; this one does it for root.
        const result = await this.#run(['nix-store', ...this.#store, ...only, '--realise', '--repair', path], {
          signal,
        });
        if (result.exitCode !== 0) return refusalOf(result);
      }
      return { ok: true };
    } finally {
      await rm(staging, { recursive: true, force: true });
    }
  }

  async discard(paths: readonly StorePath[], rootLink: string, signal: AbortSignal): Promise<number> {
    await rm(rootLink, { force: true });
    // The collector knows every root, those of running processes too; only what it calls dead is deleted.
    const listed = await this.#run(['nix-store', ...this.#store, '--gc', '--print-dead'], { signal });
    if (listed.exitCode !== 0)
      throw new AgentError('nix-failed', `nix-store --gc --print-dead: ${describe(listed.output)}`);
    const dead = new Set(listed.stdout.split('\n'));
    const doomed = paths.filter((path) => dead.has(path));
    for (const some of inPieces(doomed)) {
      const result = await this.#run(['nix-store', ...this.#store, '--delete', ...some], { signal });
      if (result.exitCode !== 0) throw new AgentError('nix-failed', `nix-store --delete: ${describe(result.output)}`);
    }
    return doomed.length;
  }

  get #store(): readonly string[] {
    const { storeDirectory } = this.#options;
    return storeDirectory === null ? [] : ['--store', storeDirectory];
  }

  async #query(args: readonly string[], signal: AbortSignal): Promise<string[]> {
    const result = await this.#run(['nix-store', ...this.#store, ...args], { signal });
    if (result.exitCode !== 0) throw new AgentError('nix-failed', `nix-store ${args[1]}: ${describe(result.output)}`);
    return result.stdout.split('\n').filter((line) => line !== '');
  }

  /** A command that brings something here. */
  #fetch(
    argv: readonly [string, ...string[]],
    {
      signal,
      bounds,
      onProgress,
    }: {
      readonly signal: AbortSignal;
      readonly bounds: FetchBounds;
      readonly onProgress?: (progress: FetchProgress) => void;
    },
  ): Promise<Watched> {
    const { clock, stalledMs = stalledMsDefault } = this.#options;
    const run = (watching: object) =>
      this.#run([...argv, ...logOptions], { signal, timeoutMs: realiseTimeoutMs, ...watching });
    return watched(run, { bounds, clock, stalledMs, ...(onProgress && { onProgress }) });
  }

  /** A command that asks caches, and brings nothing but its answer. */
  async #ask(
    argv: readonly [string, ...string[]],
    {
      signal,
      bounds = { unpackedBytesMax: null, bounded: 'descriptions' },
    }: { readonly signal: AbortSignal; readonly bounds?: FetchBounds },
  ): Promise<Watched & { readonly prose: string }> {
    const { clock, stalledMs = stalledMsDefault } = this.#options;
    let prose = '';
    const run = (watching: { readonly prose: (chunk: Buffer) => Uint8Array }) =>
      this.#run([...argv, ...logOptions], {
        ...watching,
        signal,
        memoryBytesMax: askingMemoryBytesMax,
        prose: (chunk) => {
          const said = watching.prose(chunk);
          if (prose.length < stdoutBytesMax) prose += Buffer.from(said).toString('utf8');
          return said;
        },
      });
    return { ...(await watched(run, { bounds, clock, stalledMs })), prose };
  }

  async #run(
    argv: readonly [string, ...string[]],
    options: {
      readonly signal: AbortSignal;
      readonly cut?: AbortSignal;
      readonly timeoutMs?: number;
      readonly memoryBytesMax?: number;
      readonly keepsAll?: boolean;
      readonly prose?: (chunk: Buffer) => Uint8Array;
    },
  ): Promise<CommandResult & { readonly all: string }> {
    const { path, environment, cacheDirectory, clock } = this.#options;
    const { signal, cut, timeoutMs = commandTimeoutMs, memoryBytesMax, keepsAll = false, prose } = options;
    const chunks: Buffer[] = [];
    let bytes = 0;
    const result = await runCommand({
      argv,
      environment: {
        PATH: path,
        // Nobody's settings: not those of ~/.config/nix either.
        HOME: '/nonexistent',
        XDG_CACHE_HOME: cacheDirectory,
        LC_ALL: 'C',
        ...environment,
      },
      timeoutMs,
      stdoutBytesMax,
      directory: '/',
      signal: cut === undefined ? signal : AbortSignal.any([signal, cut]),
      clock,
      ...(memoryBytesMax === undefined ? {} : { memoryBytesMax }),
      ...(prose ? { prose } : {}),
      onOutput: (chunk) => {
        bytes += chunk.length;
        if (keepsAll && bytes <= stdoutBytesMax) chunks.push(chunk);
      },
    });
    signal.throwIfAborted();
    if (result.ended === 'not-started') throw new AgentError('nix-failed', `${argv[0]}: ${describe(result.output)}`);
    return { ...result, all: Buffer.concat(chunks).toString('utf8') };
  }
}

/** Nix tells sizes in hundredths of a MiB. */
const roundingBytes = 2 ** 20;
const mib = (bytes: number): number => Math.ceil(bytes / 2 ** 20);
const unitBytes: Readonly<Record<string, number>> = { K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };

/** What a dry run says would be unpacked (`0.2 MiB download, 1.5 MiB unpacked`); 0 where it says nothing. */
export function unpackedBytes(text: string): number {
  const [, size = '0', unit = ''] = /([0-9.]+) ([KMGT])iB unpacked/.exec(text) ?? [];
  return Math.ceil(Number(size) * (unitBytes[unit] ?? 1)) || 0;
}

/** Design §7: always the fleet's substituters and keys, and nothing that was answered before. */
function optionsFor({ substituters, publicKeys }: NixSources): string[] {
  const settings: Readonly<Record<string, string>> = {
    substituters: substituters.join(' '),
    'trusted-public-keys': publicKeys.join(' '),
    'require-sigs': 'true',
    'narinfo-cache-positive-ttl': '0',
    'narinfo-cache-negative-ttl': '0',
    // Fetched, never built: a host has no business building a system.
    builders: '',
    'max-jobs': '0',
  };
  return Object.entries(settings).flatMap(([name, value]) => ['--option', name, value]);
}

function linkIn(json: string): string | null {
  try {
    return Link.parse(JSON.parse(json)).target;
  } catch {
    // A file, or what another version says in other words: then nothing is known of it.
    return null;
  }
}

function* inPieces<Item>(items: readonly Item[]): Generator<readonly Item[]> {
  for (let at = 0; at < items.length; at += pathsPerCommand) yield items.slice(at, at + pathsPerCommand);
}
