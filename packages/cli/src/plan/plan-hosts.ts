import { entriesOf, type HostName, lookup, type PlanControls, type PlanHost } from '@nixfleet/contracts';
import { type Assembly, type HostChange, type ReleaseBase, systemChanges } from '@nixfleet/release';
import type { PlannedRelease } from './planned-release.ts';

/** A row for every host: what it runs and would run, how large that is, and what differs. `changes`: null where nothing is released. */
export async function planHosts(
  { release: planned, fleet }: PlannedRelease,
  {
    assembly,
    base: { previous },
    changes,
    root,
    controls,
  }: {
    readonly assembly: Assembly | null;
    readonly base: ReleaseBase;
    readonly changes: readonly HostChange[] | null;
    readonly root: string;
    readonly controls: ReadonlyMap<HostName, PlanControls>;
  },
): Promise<PlanHost[]> {
  const before = new Map<HostName, number>();
  for (const { document } of previous?.manifests.values() ?? []) {
    for (const [name, { closureBytes }] of entriesOf(document.hosts)) before.set(name, closureBytes);
  }
  const entries = new Map(
    entriesOf(planned.document.channels).flatMap(([, { rolloutId }]) =>
      entriesOf(planned.manifests.get(rolloutId)?.hosts ?? {}),
    ),
  );
  const rows =
    changes ?? entriesOf(fleet.hosts).map(([host]) => unchanged(host, fleet, entries.get(host)?.closure ?? null));
  const hosts: PlanHost[] = [];
  for (const { closure, previous: old, change, packages, ...row } of rows) {
    const isSwitched = change !== 'unchanged' && closure !== null && old !== null;
    const entry = entries.get(row.host);
    hosts.push({
      ...row,
      wave: entry?.wave ?? null,
      closure,
      previous: old,
      change,
      closureBytes: assembly?.closures.get(row.host)?.closureBytes ?? entry?.closureBytes ?? null,
      previousBytes: before.get(row.host) ?? null,
      packages: packages && {
        added: [...packages.added],
        removed: [...packages.removed],
        changed: packages.changed.map(({ name, from, to }) => ({ name, from: [...from], to: [...to] })),
      },
      system: isSwitched ? await systemChanges(old, closure, { root }) : null,
      controls: controls.get(row.host) ?? null,
    });
  }
  return hosts;
}

function unchanged(host: HostName, fleet: PlannedRelease['fleet'], closure: HostChange['closure']): HostChange {
  const channel = lookup(fleet.hosts, host)?.channel ?? null;
  return { host, channel, closure, previous: closure, change: 'unchanged', pin: null, packages: null };
}
