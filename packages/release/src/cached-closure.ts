import {
  accept,
  type CacheKey,
  type Crypto,
  closureDigest,
  closurePathsMax,
  type HostName,
  refuse,
  type StorePath,
} from '@nixfleet/contracts';
import type { BinaryCache } from './binary-cache.ts';
import { boundedMap } from './bounded-map.ts';
import type { HostClosure } from './channel-manifest.ts';
import { type NarInfo, narInfoBytesMax, parseNarInfo, verifyNarInfo } from './nar-info.ts';
import type { ReleaseOutcome } from './release-refusal.ts';
import { cacheRequestsMax, narInfoPath } from './verify-cache.ts';

type Checked = { readonly ok: true; readonly info: NarInfo } | { readonly ok: false; readonly problem: string };

/**
 * As `verifyCache` for a machine that does not have the closures: follows the cache's own references from each toplevel,
 * every step under a declared key, and compares the digest of what it found with the one to be signed. So closures that
 * other builders pushed, and those carried over from the release before, are checked as well.
 */
export async function verifyCachedClosures(input: {
  readonly crypto: Crypto;
  readonly cache: BinaryCache;
  readonly keys: readonly CacheKey[];
  readonly closures: ReadonlyMap<HostName, HostClosure>;
}): Promise<ReleaseOutcome<{ readonly paths: number }>> {
  const seen = new Map<StorePath, Promise<Checked>>();
  for (const [host, { closure, closureDigest: expected }] of input.closures) {
    const found = await followClosure(input, closure, seen);
    if (!found.ok) return refuse('not-in-cache', `${input.cache.name}: host ${host}: ${found.problem}`);
    const digest = await closureDigest(input.crypto, found.infos);
    if (digest !== expected) {
      const detail = `the closure of ${closure} has digest ${digest} there, ${expected} where it was built`;
      return refuse('not-in-cache', `${input.cache.name}: host ${host}: wrong-closure: ${detail}`);
    }
  }
  return accept({ paths: seen.size });
}

async function followClosure(
  input: { readonly crypto: Crypto; readonly cache: BinaryCache; readonly keys: readonly CacheKey[] },
  closure: StorePath,
  seen: Map<StorePath, Promise<Checked>>,
): Promise<
  { readonly ok: true; readonly infos: readonly NarInfo[] } | { readonly ok: false; readonly problem: string }
> {
  const infos = new Map<StorePath, NarInfo>();
  let layer: readonly StorePath[] = [closure];
  while (layer.length > 0) {
    const checked = await boundedMap(layer, cacheRequestsMax, (path) => {
      const found = seen.get(path) ?? checkPath(input, path);
      seen.set(path, found);
      return found;
    });
    const next = new Set<StorePath>();
    for (const found of checked) {
      if (!found.ok) return found;
      infos.set(found.info.path, found.info);
    }
    for (const { references } of infos.values()) for (const one of references) if (!infos.has(one)) next.add(one);
    if (infos.size + next.size > closurePathsMax) {
      return { ok: false, problem: `the closure of ${closure} has more than ${closurePathsMax} paths` };
    }
    layer = [...next];
  }
  return { ok: true, infos: [...infos.values()] };
}

async function checkPath(
  { crypto, cache, keys }: { readonly crypto: Crypto; readonly cache: BinaryCache; readonly keys: readonly CacheKey[] },
  path: StorePath,
): Promise<Checked> {
  const file = narInfoPath(path);
  const bytes = await cache.read(file, narInfoBytesMax);
  if (!bytes) return { ok: false, problem: `${path}: missing: no ${file}` };
  const info = parseNarInfo(bytes);
  if (!info.ok) return { ok: false, problem: `${path}: malformed: ${info.detail}` };
  if (info.value.path !== path) return { ok: false, problem: `${path}: wrong-path: got ${info.value.path}` };
  const signed = await verifyNarInfo(crypto, info.value, keys);
  if (!signed.ok) return { ok: false, problem: `${path}: ${signed.reason}: ${signed.detail}` };
  const size = await cache.size(info.value.url);
  return size === null
    ? { ok: false, problem: `${path}: nar-missing: no ${info.value.url}` }
    : { ok: true, info: info.value };
}
