import { addSeconds, entriesOf, type WaiverDocument } from '@nixfleet/contracts';
import { isInScope } from '../waiver-scope.ts';
import { declaredOf, declaredWaivers, isBad, modeWaivers } from './declared.ts';
import type { HostFindings, PacketFindings } from './findings.ts';
import type { HistoricRelease } from './historic-release.ts';
import { releasesInForce } from './in-force.ts';
import { isCovered, type Period } from './period.ts';

/** Days for which a rule has to have passed until its waiver is called stale (docs/compliance/README.md). */
export const staleWaiverDays = 30;

type Known = Pick<PacketFindings, 'hosts' | 'releases' | 'manifest'>;

/** Where each waiver decided something, by identifier: hosts, and whether of a measurement, a configuration or a weaker mode. */
export function waiverUses({ hosts, releases, manifest }: Known): ReadonlyMap<string, readonly string[]> {
  const uses = new Map<string, string[]>();
  for (const host of hosts) {
    const declared = declaredOf(host, releases, manifest);
    const kinds: readonly (readonly [string, ReadonlySet<string>])[] = [
      ['measured', new Set(host.waivers)],
      ['declared', declaredWaivers(declared)],
      ['mode', modeWaivers(declared)],
    ];
    for (const id of new Set(kinds.flatMap(([, ids]) => [...ids]))) {
      const how = kinds.filter(([, ids]) => ids.has(id)).map(([kind]) => kind);
      uses.set(id, [...(uses.get(id) ?? []), `${host.host} (${how.join(', ')})`]);
    }
  }
  return uses;
}

/**
 * Waivers of the newest release whose rule passed for the last thirty days on every host in their scope, and that no mode rests
 * on, by identifier. A packet that is about less time, or not about all of these hosts without a gap, calls none stale.
 */
export function staleWaivers({ hosts, releases, manifest }: Known): ReadonlySet<string> {
  const period = { from: addSeconds(manifest.to, -staleWaiverDays * 86_400), to: manifest.to };
  const newest = releasesInForce(releases, period).at(-1);
  if (period.from < manifest.from || newest === undefined) return new Set();
  const isStale = (waiver: WaiverDocument): boolean => {
    const inScope = entriesOf(newest.fleet.hosts).filter(([host, { channel, tags }]) =>
      isInScope(waiver, { host, channel, tags }),
    );
    const found = inScope.map(([name]) => hosts.find(({ host }) => host === name));
    return (
      found.length > 0 && found.every((host) => host !== undefined && hasPassed(host, { waiver, releases, period }))
    );
  };
  const old = newest.waivers.filter(({ document }) => document.createdAt <= period.from && isStale(document));
  return new Set(old.map(({ document }) => document.id));
}

function hasPassed(
  host: HostFindings,
  {
    waiver: { id, controlId, ruleId },
    releases,
    period,
  }: {
    readonly waiver: WaiverDocument;
    readonly releases: readonly HistoricRelease[];
    readonly period: Period;
  },
): boolean {
  const { gaps, rules, controls, last } = host.timeline;
  // One that joined, left or was measured only then has not passed for so long.
  if (host.asked.some(({ to }) => to > period.from) && !isCovered(period, host.asked)) return false;
  if (gaps.some(({ to }) => to > period.from)) return false;
  const spans = (controls.get(controlId) ?? []).filter(({ to }) => to > period.from);
  if (spans.some(({ failing, changesFolded }) => failing.includes(ruleId) || changesFolded > 0)) return false;
  const declared = declaredOf(host, releases, period);
  const results = declared.flatMap(({ report }) =>
    report.controls.flatMap((control) =>
      control.controlId === controlId ? control.rules.filter((rule) => rule.id === ruleId) : [],
    ),
  );
  if (modeWaivers(declared).has(id) || results.some(isBad)) return false;
  const measured = last !== null && last > period.from ? rules.get(ruleId) : undefined;
  return measured?.status === 'pass' || results.at(-1)?.status === 'pass';
}
