import type { AgentRefusalCode, ClosurePath, NarHash, StorePath } from '@nixfleet/contracts';
import type { BootParts } from './host.ts';
import type { FetchProgress } from './nix-log.ts';

/** Whence and under whose signatures closures may come. */
export interface NixSources {
  readonly substituters: readonly string[];
  readonly publicKeys: readonly string[];
}

export interface NixRefusal {
  readonly ok: false;
  readonly reason: Extract<
    AgentRefusalCode,
    'closure-unavailable' | 'closure-unsigned' | 'disk-full' | 'unsafe-nix-configuration'
  >;
  readonly detail: string;
}

export type NixDone = { readonly ok: true } | NixRefusal;

export interface RealiseOptions {
  /** What the whole closure has, in bytes: no more is unpacked. Null: nobody signed that; then each path has what its cache says. */
  readonly bytesMax?: number | null;
  /** May be called many times a second, or never. */
  readonly onProgress?: (progress: FetchProgress) => void;
}

/** Port to Nix. Throws `AgentError` `nix-failed` for what says nothing of the closure; rejects when `signal` aborts. */
export interface Nix {
  /** Whether signatures would be checked at all: the effective configuration, before our own options. */
  checkConfiguration(sources: NixSources, signal: AbortSignal): Promise<NixDone>;
  /**
   * What a cache says that a system's kernel and initrd are, before anything is fetched; nulls where none says it. Claims:
   * good for an early refusal, and no more.
   */
  bootParts(closure: StorePath, sources: NixSources, signal: AbortSignal): Promise<BootParts>;
  /** Fetches a closure and protects it by a root at `rootLink`. */
  realise(
    closure: StorePath,
    sources: NixSources,
    rootLink: string,
    signal: AbortSignal,
    options?: RealiseOptions,
  ): Promise<NixDone>;
  /** The whole runtime closure, with the hashes that the store has registered. */
  closure(path: StorePath, signal: AbortSignal): Promise<readonly ClosurePath[]>;
  /** Paths whose contents are not what the store has registered: hashes everything anew. */
  modified(paths: readonly StorePath[], signal: AbortSignal): Promise<readonly StorePath[]>;
  /** What a substituter says the hashes of these paths are, in their order; null for one that it does not have. Claims, no proof. */
  claimed(
    substituter: string,
    entries: readonly ClosurePath[],
    sources: NixSources,
    signal: AbortSignal,
  ): Promise<readonly (NarHash | null)[]>;
  /**
   * Fetches paths again over what is there, with exactly these hashes or not at all: they are brought to `staging`, looked
   * at there, and taken from there alone, so that a substituter that changes its mind cannot replace what is in use.
   */
  repair(
    request: {
      readonly substituter: string;
      readonly wanted: readonly ClosurePath[];
      readonly staging: string;
      readonly bytesMax: number | null;
    },
    sources: NixSources,
    signal: AbortSignal,
  ): Promise<NixDone>;
  /** Takes the root at `rootLink` away and deletes those of `paths` that nothing else protects. Resolves to how many. */
  discard(paths: readonly StorePath[], rootLink: string, signal: AbortSignal): Promise<number>;
}
