import type { Crypto } from './crypto.ts';
import type { Sha256Hex, StorePath } from './names.ts';
import type { NarHash } from './nix-hash.ts';
import { sha256Hex } from './sha256.ts';

/** One path of a runtime closure, with the hash of its contents. */
export interface ClosurePath {
  readonly path: StorePath;
  readonly narHash: NarHash;
}

/** Most paths of one closure; a large NixOS desktop has about 5,000. */
export const closurePathsMax = 100_000;

/**
 * The text whose SHA-256 is the closure digest: one line `<path> <narHash>\n` for each path of the *whole* runtime
 * closure, the toplevel included, in byte order of the paths, each line once. `narHash` in its one form (`NarHash`).
 * With stock tools: `nix-store -qR P | LC_ALL=C sort | while read p; do echo "$p $(nix-store -q --hash $p)"; done | sha256sum`.
 */
export function closureDigestText(paths: readonly ClosurePath[]): string {
  const lines = new Set(paths.map(({ path, narHash }) => `${path} ${narHash}\n`));
  // Paths are ASCII, so sort()'s UTF-16 order is byte order; and a space sorts before every character of a store path.
  return [...lines].sort().join('');
}

/**
 * What a manifest pins (design §4): the toplevel's path names its inputs only, so a dependency with other contents
 * under the same path would go unnoticed without this.
 */
export function closureDigest(crypto: Crypto, paths: readonly ClosurePath[]): Promise<Sha256Hex> {
  return sha256Hex(crypto, new TextEncoder().encode(closureDigestText(paths)));
}
