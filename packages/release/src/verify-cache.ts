import { accept, type CacheKey, type Crypto, type HostName, refuse, type StorePath } from '@nixfleet/contracts';
import type { BinaryCache } from './binary-cache.ts';
import { boundedMap } from './bounded-map.ts';
import { narInfoBytesMax, parseNarInfo, verifyNarInfo } from './nar-info.ts';
import type { PathInfo } from './path-info.ts';
import type { ReleaseOutcome } from './release-refusal.ts';

export type CacheProblemCode =
  | 'missing'
  | 'malformed'
  | 'wrong-path'
  | 'wrong-nar-hash'
  | 'wrong-nar-size'
  | 'wrong-references'
  | 'unsigned'
  | 'wrong-key'
  | 'nar-missing';

export interface CacheProblem {
  readonly path: StorePath;
  /** Hosts that need it. */
  readonly hosts: readonly HostName[];
  readonly code: CacheProblemCode;
  readonly detail: string;
}

/** Requests at once. */
export const cacheRequestsMax = 16;
/** Problems named in a refusal's text; all of them are in `problems`. */
const problemsNamedMax = 10;

/**
 * Before anything is signed: every path of every closure is in the cache, as it is here, under a declared key, with its
 * NAR there. Otherwise agents would be told to run what they cannot fetch, or would refuse.
 */
export async function verifyCache(input: {
  readonly crypto: Crypto;
  readonly cache: BinaryCache;
  readonly keys: readonly CacheKey[];
  readonly closures: ReadonlyMap<HostName, readonly PathInfo[]>;
}): Promise<ReleaseOutcome<{ readonly paths: number }> & { readonly problems?: readonly CacheProblem[] }> {
  const wanted = new Map<StorePath, { readonly info: PathInfo; readonly hosts: HostName[] }>();
  for (const [host, infos] of input.closures) {
    for (const info of infos) {
      const entry = wanted.get(info.path);
      if (entry) entry.hosts.push(host);
      else wanted.set(info.path, { info, hosts: [host] });
    }
  }
  const found = await boundedMap([...wanted.values()], cacheRequestsMax, async ({ info, hosts }) => {
    const problem = await checkPath(input, info);
    return problem && { ...problem, path: info.path, hosts };
  });
  const problems = found.filter((problem) => problem !== null);
  if (problems.length === 0) return accept({ paths: wanted.size });
  const named = problems.slice(0, problemsNamedMax).map(({ path, code, detail }) => `${path}: ${code}: ${detail}`);
  const more = problems.length > named.length ? `; and ${problems.length - named.length} more` : '';
  return { ...refuse('not-in-cache', `${input.cache.name}: ${named.join('; ')}${more}`), problems };
}

async function checkPath(
  { crypto, cache, keys }: { readonly crypto: Crypto; readonly cache: BinaryCache; readonly keys: readonly CacheKey[] },
  local: PathInfo,
): Promise<{ readonly code: CacheProblemCode; readonly detail: string } | null> {
  const file = narInfoPath(local.path);
  const bytes = await cache.read(file, narInfoBytesMax);
  if (!bytes) return { code: 'missing', detail: `no ${file}` };
  const parsed = parseNarInfo(bytes);
  if (!parsed.ok) return { code: 'malformed', detail: parsed.detail };
  const remote = parsed.value;
  const differs = (code: CacheProblemCode, expected: unknown, got: unknown) => ({
    code,
    detail: `expected ${expected}, got ${got}`,
  });
  if (remote.path !== local.path) return differs('wrong-path', local.path, remote.path);
  if (remote.narHash !== local.narHash) return differs('wrong-nar-hash', local.narHash, remote.narHash);
  if (remote.narSize !== local.narSize) return differs('wrong-nar-size', local.narSize, remote.narSize);
  if (remote.references.join(' ') !== local.references.join(' ')) {
    return differs('wrong-references', local.references.join(' ') || 'none', remote.references.join(' ') || 'none');
  }
  const signed = await verifyNarInfo(crypto, remote, keys);
  if (!signed.ok) return { code: signed.reason, detail: signed.detail };
  if ((await cache.size(remote.url)) === null) return { code: 'nar-missing', detail: `no ${remote.url}` };
  return null;
}

/** Where a cache has what it knows of a path: its 32 digits. */
export function narInfoPath(path: StorePath): string {
  return `${path.slice('/nix/store/'.length, '/nix/store/'.length + 32)}.narinfo`;
}
