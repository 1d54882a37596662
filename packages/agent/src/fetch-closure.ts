import { readlink } from 'node:fs/promises';
import {
  type AgentRefusalCode,
  type ClosurePath,
  type Crypto,
  closureDigest,
  type HostTarget,
  type StorePath,
} from '@nixfleet/contracts';
import { messageOf } from './errors.ts';
import type { Host } from './host.ts';
import type { Nix, NixSources } from './nix.ts';
import type { FetchProgress } from './nix-log.ts';

export type Fetched =
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: AgentRefusalCode; readonly detail: string };

export interface FetchDeps {
  readonly nix: Nix;
  readonly crypto: Crypto;
  readonly sources: NixSources;
  /** Link that keeps the target from being collected. */
  readonly rootLink: string;
  readonly signal: AbortSignal;
  /** Why the boot partition has no room for it, or null. */
  readonly bootShortage: Host['bootShortage'];
  /** Where a path of a closure lies on this machine. */
  readonly locate: Host['locate'];
  /** Of the whole closure, as signed; null: not known. */
  readonly bytesMax: number | null;
  readonly onProgress?: (progress: FetchProgress) => void;
}

/** Paths that are repaired at most, for one closure. */
const repairsMax = 1024;

/**
 * Brings a closure here and makes sure that it is the very one that was signed: under safe settings, every path
 * re-hashed, and the closure digest recomputed over what is in the store. One attempt to repair, then a refusal.
 */
export async function fetchClosure(target: HostTarget, deps: FetchDeps): Promise<Fetched> {
  const { nix, sources, rootLink, signal, onProgress, bytesMax, bootShortage } = deps;
  const configuration = await nix.checkConfiguration(sources, signal);
  if (!configuration.ok) return configuration;
  // Before gigabytes are fetched for nothing, as far as a cache says what comes.
  const early = await bootShortage(() => nix.bootParts(target.closure, sources, signal));
  if (early !== null) return { ok: false, reason: 'disk-full', detail: early };
  const options = { bytesMax, ...(onProgress && { onProgress }) };
  const realised = await nix.realise(target.closure, sources, rootLink, signal, options);
  if (!realised.ok) return realised;
  const first = await inspect(target, deps);
  if (first.isRight) return hasBootRoom(target, deps);
  const second = (await mend(target, first, deps)) ? await inspect(target, deps) : first;
  if (second.isRight) return hasBootRoom(target, deps);
  const which = second.modified.length > 0 ? second.modified.slice(0, 5).join(', ') : target.closure;
  const how = second.modified.length > 0 ? 'contents changed in place' : `a closure of ${second.paths.length} paths`;
  const said = `${which}: ${how}; expected closure digest ${target.closureDigest}, got ${second.digest}`;
  // Left valid in the store, a wrong path that a stolen cache key signed would never be fetched again: neither for this
  // closure once the cache is repaired, nor for any later one that shares it.
  const detail = await nix.discard(second.paths, rootLink, signal).then(
    (count) => `${said}; ${count} paths are deleted, to be fetched anew`,
    (error: unknown) => {
      signal.throwIfAborted();
      return `${said}; they could not be deleted: ${messageOf(error)}`;
    },
  );
  return { ok: false, reason: 'closure-digest-mismatch', detail: detail.slice(0, 1000) };
}

/** The same of what is here, whose sizes are known. */
async function hasBootRoom({ closure }: HostTarget, { bootShortage, locate }: FetchDeps): Promise<Fetched> {
  const linkAt = (name: string) => readlink(locate(`${closure}/${name}`)).catch(() => null);
  const shortage = await bootShortage(async () => ({ kernel: await linkAt('kernel'), initrd: await linkAt('initrd') }));
  return shortage === null ? { ok: true } : { ok: false, reason: 'disk-full', detail: shortage };
}

/**
 * Replaces what is wrong in the closure, in use or not: paths changed in place, and those of which a cache has another
 * copy. Only if the outcome is the signed closure: whoever owns cache and cache key must not get a repair to overwrite
 * good paths that the running system shares. True when something was replaced.
 */
async function mend(target: HostTarget, found: Inspected, deps: FetchDeps): Promise<boolean> {
  const { nix, crypto, sources, rootLink, signal, bytesMax } = deps;
  for (const substituter of sources.substituters) {
    const hashes =
      found.digest === target.closureDigest ? [] : await nix.claimed(substituter, found.entries, sources, signal);
    const after = found.entries.map(({ path, narHash }, i) => ({ path, narHash: hashes[i] ?? narHash }));
    if ((await closureDigest(crypto, after)) !== target.closureDigest) continue;
    const modified = new Set(found.modified);
    const wanted = after.filter(({ path, narHash }, i) => modified.has(path) || narHash !== found.entries[i]?.narHash);
    if (wanted.length > repairsMax) continue;
    const repaired = await nix.repair(
      { substituter, wanted, staging: `${rootLink}-staging`, bytesMax },
      sources,
      signal,
    );
    if (repaired.ok) return true;
  }
  return false;
}

interface Inspected {
  readonly entries: readonly ClosurePath[];
  readonly paths: readonly StorePath[];
  readonly digest: string;
  readonly modified: readonly StorePath[];
  readonly isRight: boolean;
}

/** As `fetchClosure` checks it, without fetching: is what lies here still what was signed? */
async function inspect(
  { closure, closureDigest: expected }: HostTarget,
  { nix, crypto, signal }: FetchDeps,
): Promise<Inspected> {
  const entries = await nix.closure(closure, signal);
  const paths: readonly StorePath[] = entries.map(({ path }) => path);
  const digest = await closureDigest(crypto, entries);
  // The registered hashes make the digest; the contents must match them, or it says nothing.
  const modified = await nix.modified(paths, signal);
  return { entries, paths, digest, modified, isRight: digest === expected && modified.length === 0 };
}
