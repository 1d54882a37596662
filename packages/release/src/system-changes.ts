import { readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { StorePath, SystemChanges } from '@nixfleet/contracts';
import { resolveBelow } from './resolve-below.ts';

/** Links of a NixOS toplevel that come into use with a boot, and what people call them. */
const bootLinks = ['kernel', 'initrd', 'kernel-modules', 'systemd'] as const;
const unitsFolder = 'etc/systemd/system';
const parametersBytesMax = 64 * 1024;

/** What one system brings, as far as a switch to another is concerned. */
interface SystemFacts {
  /** Unit → the store path that it is. */
  readonly units: ReadonlyMap<string, string>;
  readonly boot: ReadonlyMap<string, string>;
}

/**
 * How two systems of this machine's store differ beyond their packages: units, and what waits for a boot. `root` is the
 * folder of a store that is not the machine's own, else empty. Null where one of the two is not here, or is no NixOS.
 */
export async function systemChanges(
  before: StorePath,
  after: StorePath,
  { root }: { readonly root: string },
): Promise<SystemChanges | null> {
  const old = await systemFacts(root, before);
  const now = await systemFacts(root, after);
  if (!old || !now) return null;
  const added = [...now.units.keys()].filter((name) => !old.units.has(name)).sort();
  const removed = [...old.units.keys()].filter((name) => !now.units.has(name)).sort();
  const changed = [...now.units].filter(([name, path]) => old.units.has(name) && old.units.get(name) !== path);
  const reboot = [...now.boot].filter(([name, path]) => old.boot.get(name) !== path).map(([name]) => name);
  return { units: { added, removed, changed: changed.map(([name]) => name).sort() }, reboot };
}

async function systemFacts(root: string, closure: StorePath): Promise<SystemFacts | null> {
  const at = (path: string): string => join(`${root}${closure}`, path);
  const units = await unitsOf(root, at(unitsFolder));
  if (!units) return null;
  const boot = new Map<string, string>();
  for (const name of bootLinks) {
    const target = await readlink(at(name)).catch(() => null);
    if (target !== null) boot.set(name, target);
  }
  const parameters = await readFile(at('kernel-params'), 'utf8').catch(() => null);
  if (parameters !== null) boot.set('kernel-params', parameters.slice(0, parametersBytesMax));
  return { units, boot };
}

/** Drop-in folders (`x.service.d`) and what units are wanted by count as well: they change what runs. */
async function unitsOf(root: string, folder: string): Promise<Map<string, string> | null> {
  // `etc` of a NixOS system is a link into the store, as `/nix/store/…`: looked up below the store's own root.
  const real = await resolveBelow(root, folder);
  const names = real === null ? null : await readdir(real).catch(() => null);
  if (real === null || names === null) return null;
  const units = new Map<string, string>();
  for (const name of names) units.set(name, await readlink(join(real, name)).catch(() => join(real, name)));
  return units;
}
