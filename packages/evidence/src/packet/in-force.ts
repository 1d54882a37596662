import { entriesOf, type HostName, type Instant } from '@nixfleet/contracts';
import type { HistoricRelease } from './historic-release.ts';

/** Releases that were the newest one at some time of a period. `releases` in the order of their versions, as is what comes back. */
export function releasesInForce(
  releases: readonly HistoricRelease[],
  { from, to }: { readonly from: Instant; readonly to: Instant },
): readonly HistoricRelease[] {
  return releases.filter(({ document }, i) => {
    const next = releases[i + 1]?.document;
    return document.createdAt < to && (next === undefined || next.createdAt > from);
  });
}

/** Hosts that releases of the period have, and that are not among these. Sorted. */
export function hostsLeftOut(inForce: readonly HistoricRelease[], hosts: readonly HostName[]): readonly HostName[] {
  const known = new Set(inForce.flatMap(({ fleet }) => entriesOf(fleet.hosts).map(([host]) => host)));
  return [...known].filter((host) => !hosts.includes(host)).sort();
}
