import type { HostName, StorePath } from '@nixfleet/contracts';

const storePath = /^\/nix\/store\/([0-9a-z]{32})-(.+)$/;

/**
 * A closure in few characters: its version, where the name ends with one, and the first seven digits of its hash.
 * `/nix/store/x3k2j1a…-nixos-system-web-1-25.05` of host web-1 is `25.05 (x3k2j1a)`.
 */
export function closureLabel(closure: StorePath | null, host: HostName): string {
  if (closure === null) return '-';
  const [, hash = '', name = ''] = storePath.exec(closure) ?? [];
  const own = name.replace(`nixos-system-${host}`, '').replace(host, '');
  // Nix: a version starts at the first dash that a letter does not follow (builtins.parseDrvName).
  const version = /-([^a-zA-Z].*)$/.exec(own)?.[1];
  return version === undefined ? `${name} (${hash.slice(0, 7)})` : `${version} (${hash.slice(0, 7)})`;
}
