import { drillHeldMax, entriesOf, type HostName, lookup, type RolloutManifest } from '@nixfleet/contracts';

/** Hosts of waves after the first in which a host of the drill is, sorted; at most as many as a record names. */
export function heldHosts({ hosts }: RolloutManifest, drilled: readonly HostName[]): readonly HostName[] {
  const waves = drilled.flatMap((host) => lookup(hosts, host)?.wave ?? []);
  const first = Math.min(...waves);
  const later = entriesOf(hosts).filter(([host, { wave }]) => wave > first && !drilled.includes(host));
  return later
    .map(([host]) => host)
    .sort()
    .slice(0, drillHeldMax);
}
