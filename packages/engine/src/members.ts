import {
  type FleetDocument,
  type HostName,
  lookup,
  type ManifestHost,
  type RolloutManifest,
} from '@nixfleet/contracts';
import { sortedEntriesOf } from './sorted-entries.ts';

/** What two documents say of a rollout's hosts, whatever the hosts themselves do. */
export interface Members {
  /** In byte order of names, without hosts that were removed or moved to another channel since. */
  readonly hosts: readonly { readonly name: HostName; readonly entry: ManifestHost }[];
  /** Hosts the manifest names in each wave, those included. */
  readonly declared: readonly number[];
}

const known = new WeakMap<RolloutManifest, WeakMap<FleetDocument, Members>>();

/** Once per pair of documents: they do not change. */
export function membersOf(manifest: RolloutManifest, fleet: FleetDocument): Members {
  const byFleet = known.get(manifest) ?? new WeakMap<FleetDocument, Members>();
  known.set(manifest, byFleet);
  const found = byFleet.get(fleet) ?? join(manifest, fleet);
  byFleet.set(fleet, found);
  return found;
}

function join(manifest: RolloutManifest, fleet: FleetDocument): Members {
  const declared = manifest.waves.map(() => 0);
  const hosts: { name: HostName; entry: ManifestHost }[] = [];
  for (const [name, entry] of sortedEntriesOf(manifest.hosts)) {
    declared[entry.wave] = (declared[entry.wave] ?? 0) + 1;
    if (lookup(fleet.hosts, name)?.channel === manifest.channel) hosts.push({ name, entry });
  }
  return { hosts, declared };
}
