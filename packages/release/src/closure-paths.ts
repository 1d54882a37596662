import { closurePathsMax, type StorePath } from '@nixfleet/contracts';
import type { BinaryCache } from './binary-cache.ts';
import { boundedMap } from './bounded-map.ts';
import { narInfoBytesMax, parseNarInfo } from './nar-info.ts';
import type { Nix } from './nix.ts';
import { cacheRequestsMax, narInfoPath } from './verify-cache.ts';

/**
 * The paths of a closure for showing a difference to people: from the local store, else by following the cache's
 * references, unverified. Null if neither has it whole.
 */
export function closurePaths(
  nix: Nix,
  cache: BinaryCache | null,
): (closure: StorePath) => Promise<readonly StorePath[] | null> {
  return async (closure) => {
    const local = await nix.closureInfo(closure);
    if (local.ok && local.value.length > 0) return local.value.map(({ path }) => path);
    return cache ? followCache(cache, closure) : null;
  };
}

async function followCache(cache: BinaryCache, closure: StorePath): Promise<readonly StorePath[] | null> {
  const seen = new Set<StorePath>([closure]);
  let layer: readonly StorePath[] = [closure];
  while (layer.length > 0) {
    const found = await boundedMap(layer, cacheRequestsMax, async (path) => {
      const bytes = await cache.read(narInfoPath(path), narInfoBytesMax);
      const parsed = bytes && parseNarInfo(bytes);
      return parsed?.ok ? parsed.value.references : null;
    });
    const next = new Set<StorePath>();
    for (const references of found) {
      if (!references) return null;
      for (const reference of references) if (!seen.has(reference)) next.add(reference);
    }
    for (const path of next) seen.add(path);
    if (seen.size > closurePathsMax) return null;
    layer = [...next];
  }
  return [...seen];
}
