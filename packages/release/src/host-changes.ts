import {
  type ChannelName,
  entriesOf,
  type HostName,
  isPinExpired,
  lookup,
  type PackageChanges,
  type Pin,
  pinAt,
  type StorePath,
} from '@nixfleet/contracts';
import { type Assembly, previousClosure } from './assemble.ts';
import { type Package, packagesOf } from './drv-name.ts';
import type { VerifiedTree } from './read-release.ts';

/** One row of the summary. */
export interface HostChange {
  readonly host: HostName;
  /** Null for a host that is no longer in the fleet. */
  readonly channel: ChannelName | null;
  readonly closure: StorePath | null;
  readonly previous: StorePath | null;
  readonly change: 'new' | 'changed' | 'unchanged' | 'carried-over' | 'removed';
  /** The pin that says what it runs, or one that has expired and says nothing any more. */
  readonly pin: (Pin & { readonly isExpired: boolean }) | null;
  /** Null where nothing can be compared: no previous closure, or its paths are not known any more. */
  readonly packages: PackageChanges | null;
}

export function comparePackages(before: readonly Package[], after: readonly Package[]): PackageChanges {
  const from = versionsByName(before);
  const to = versionsByName(after);
  const added: Package[] = [];
  const removed: Package[] = [];
  const changed: { name: string; from: string[]; to: string[] }[] = [];
  for (const [name, versions] of to) {
    const old = from.get(name);
    if (!old) added.push(...versions.map((version) => ({ name, version })));
    else if (old.join('\n') !== versions.join('\n')) changed.push({ name, from: old, to: versions });
  }
  for (const [name, versions] of from) {
    if (!to.has(name)) removed.push(...versions.map((version) => ({ name, version })));
  }
  return { added, removed, changed };
}

function versionsByName(packages: readonly Package[]): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const { name, version } of packages) {
    const versions = found.get(name);
    if (versions) versions.push(version);
    else found.set(name, [version]);
  }
  for (const versions of found.values()) versions.sort();
  return new Map([...found].sort(([left], [right]) => (left < right ? -1 : 1)));
}

/** The system itself is none: its name says its host's, which may end like a version (`nixos-system-can-1-25.05`). */
function packagesBeside(closure: StorePath, paths: readonly StorePath[]): Package[] {
  return packagesOf(paths.filter((path) => path !== closure));
}

/**
 * The summary of a release against the one before, by host name. `pathsOf`: the store paths of a closure's closure, null
 * if they are not to be had; called once for each closure that was replaced.
 */
export async function hostChanges(input: {
  readonly assembly: Assembly;
  readonly previous: VerifiedTree | null;
  readonly pathsOf: (closure: StorePath) => Promise<readonly StorePath[] | null>;
}): Promise<HostChange[]> {
  const { assembly, previous } = input;
  const known = new Map<StorePath, Promise<Package[] | null>>();
  const packages = (closure: StorePath): Promise<Package[] | null> => {
    const found = known.get(closure) ?? input.pathsOf(closure).then((paths) => paths && packagesBeside(closure, paths));
    known.set(closure, found);
    return found;
  };
  const rows: HostChange[] = [];
  const { createdAt } = assembly.release;
  for (const [host, declared] of entriesOf(assembly.fleet.hosts)) {
    const { channel } = declared;
    const pinned = pinAt(declared, createdAt);
    const pin = pinned && { ...pinned, isExpired: isPinExpired(pinned, createdAt) };
    const closure = assembly.closures.get(host)?.closure ?? null;
    const before = previousClosure(previous, host)?.closure ?? null;
    if (closure === null || before === null) {
      rows.push({ host, channel, closure, previous: before, change: 'new', pin, packages: null });
      continue;
    }
    const isCarriedOver = assembly.carriedOver.includes(host);
    const change = isCarriedOver ? 'carried-over' : closure === before ? 'unchanged' : 'changed';
    const [old, now] = closure === before ? [[], []] : [await packages(before), await packages(closure)];
    const compared = old && now && comparePackages(old, now);
    rows.push({ host, channel, closure, previous: before, change, pin, packages: compared });
  }
  if (previous) {
    for (const [host] of entriesOf(previous.fleet.document.hosts)) {
      if (lookup(assembly.fleet.hosts, host)) continue;
      const before = previousClosure(previous, host)?.closure ?? null;
      rows.push({ host, channel: null, closure: null, previous: before, change: 'removed', pin: null, packages: null });
    }
  }
  return rows.sort((left, right) => (left.host < right.host ? -1 : 1));
}
