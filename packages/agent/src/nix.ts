import type { AgentRefusalCode, ClosurePath, StorePath } from '@nixfleet/contracts';

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

/** Port to Nix. Throws `AgentError` `nix-failed` for what says nothing of the closure; rejects when `signal` aborts. */
export interface Nix {
  /** Whether signatures would be checked at all: the effective configuration, before our own options. */
  checkConfiguration(sources: NixSources, signal: AbortSignal): Promise<NixDone>;
  /** Fetches a closure and protects it by a root at `rootLink`. */
  realise(closure: StorePath, sources: NixSources, rootLink: string, signal: AbortSignal): Promise<NixDone>;
  /** The whole runtime closure, with the hashes that the store has registered. */
  closure(path: StorePath, signal: AbortSignal): Promise<readonly ClosurePath[]>;
  /** Paths whose contents are not what the store has registered: hashes everything anew. */
  modified(paths: readonly StorePath[], signal: AbortSignal): Promise<readonly StorePath[]>;
  /** Paths without a signature of one of the keys: built here, or copied without. */
  unsigned(paths: readonly StorePath[], sources: NixSources, signal: AbortSignal): Promise<readonly StorePath[]>;
  /** Paths that a substituter has now with another hash than the store registered: they came from a bad copy, or it is one. */
  differing(entries: readonly ClosurePath[], sources: NixSources, signal: AbortSignal): Promise<readonly StorePath[]>;
  /** Fetches a path again over what is there. */
  repair(path: StorePath, sources: NixSources, signal: AbortSignal): Promise<NixDone>;
  /** Takes the root at `rootLink` away and deletes those of `paths` that nothing else protects. Resolves to how many. */
  discard(paths: readonly StorePath[], rootLink: string, signal: AbortSignal): Promise<number>;
}
