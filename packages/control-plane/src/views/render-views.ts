import {
  entriesOf,
  type FleetView,
  type HostName,
  type HostSummary,
  type HostView,
  type Instant,
  lookup,
  type RolloutSummary,
  type RolloutView,
  type WhyView,
  type Withheld,
} from '@nixfleet/contracts';
import { describeWithheld, type HostFold, hostHealth, isEmergencyAt, phaseIn } from '@nixfleet/engine';
import { knowledgeOf, notKnown } from '../planner/knowledge.ts';
import type { Published } from '../planner/planner-loop.ts';
import type { VerifiedTree } from '../release/verify-tree.ts';
import { withFetchProgress } from './fetch-progress.ts';
import type { FleetRecords } from './fleet-records.ts';
import type { Presence } from './presence.ts';

/** Hosts named in one problem. */
const namesMax = 20;

/** What the views are made of. All in memory: no view reads the disk. */
export interface ViewSources {
  readonly now: Instant;
  readonly tree: VerifiedTree | null;
  readonly trustVersion: number;
  readonly published: Published | null;
  readonly records: FleetRecords;
  readonly presence: Presence;
  readonly problems: readonly string[];
  readonly unknownKeys: FleetView['unknownKeys'];
  readonly fleet: string;
}

export function fleetView(sources: ViewSources): FleetView {
  const { now, tree, trustVersion, published, problems, unknownKeys, fleet } = sources;
  const release = tree?.release;
  const head = tree?.head.document;
  return {
    fleet,
    now,
    release: release
      ? {
          version: release.document.version,
          sha256: release.sha256,
          commit: release.document.source.commit,
          createdAt: release.document.createdAt,
        }
      : null,
    head: head ? { version: head.version, signedAt: head.signedAt, expiresAt: head.expiresAt } : null,
    trustVersion,
    rebuilding: rebuildingOf(sources),
    ...emergencyOf(sources),
    problems: [...problems, ...recordProblems(sources)],
    hosts: tree ? entriesOf(tree.fleet.document.hosts).map(([name]) => summaryOf(sources, name)) : [],
    rollouts: [...(published?.plan.rollouts ?? [])],
    unknownKeys: [...unknownKeys],
  };
}

/** What lets switches begin though a window is closed: whoever wonders at one reads it here. */
function emergencyOf({ tree, now }: ViewSources): Pick<FleetView, 'emergency'> {
  const { document, emergencyApproved: isApproved } = tree?.release ?? {};
  const { emergency } = document ?? {};
  if (!emergency || !isEmergencyAt(emergency, { isApproved: isApproved === true, now })) return {};
  return { emergency: { reason: emergency.reason, expiresAt: emergency.expiresAt } };
}

/** Until when nothing is dispatched after an empty start, and whose journals are missing; null outside that time. */
export function rebuildingOf({ records, tree, now }: ViewSources): FleetView['rebuilding'] {
  const { rebuild } = records;
  if (!rebuild || rebuild.until <= now) return null;
  return { until: rebuild.until, unheard: unheardOf(records, tree) };
}

function unheardOf(records: FleetRecords, tree: VerifiedTree | null): HostName[] {
  if (!tree) return [];
  return entriesOf(tree.fleet.document.hosts)
    .map(([name]) => name)
    .filter((name) => !records.of(name).isReplayed);
}

/** What the hosts' journals themselves give cause to look at. */
function recordProblems({ records, tree, now }: ViewSources): string[] {
  const problems: string[] = [];
  if (!tree) return problems;
  const { rebuild } = records;
  const unheard = rebuild && rebuild.until <= now ? unheardOf(records, tree) : [];
  if (unheard.length > 0) problems.push(`not heard since the state was rebuilt: ${namesOf(unheard)}`);
  const forked: HostName[] = [];
  const doubled: HostName[] = [];
  for (const [name] of entriesOf(tree.fleet.document.hosts)) {
    const { forks, hasSecondWriter } = records.of(name);
    if (forks > 0) forked.push(name);
    if (hasSecondWriter) doubled.push(name);
  }
  if (forked.length > 0) problems.push(`two histories were signed for one place of the journal: ${namesOf(forked)}`);
  if (doubled.length > 0)
    problems.push(`more than one journal is written to, as two machines with one key would: ${namesOf(doubled)}`);
  return problems;
}

function namesOf(names: readonly HostName[]): string {
  const more = names.length - namesMax;
  return `${names.slice(0, namesMax).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

function summaryOf(sources: ViewSources, name: HostName): HostSummary {
  const { tree, published, presence, records } = sources;
  const declared = tree ? lookup(tree.fleet.document.hosts, name) : undefined;
  if (!declared) throw new RangeError(`${name} is not declared`);
  // What the plan was made from, so that a state is never shown beside decisions and counts of another moment; the next
  // pass follows every change within a moment. Online is as of now: who is gone is never shown as converged.
  const planned = published?.views.hosts.get(name);
  const fold = foldOf(sources, name);
  const isOnline = presence.isOnline(name);
  const decision = published?.hosts.get(name)?.decision;
  const view = planned && { ...planned, isOnline };
  return {
    name,
    channel: declared.channel,
    tags: declared.tags,
    health: healthOf(sources, name, hostHealth(view, decision)),
    phase: fold?.state.phase ?? null,
    running: fold?.state.running ?? null,
    target: decision?.entry?.closure ?? null,
    wave: decision?.entry?.wave ?? null,
    online: isOnline,
    lastSeenAt: presence.wasSeen(name) ? presence.lastSeenAt(name) : records.of(name).lastEventAt,
    rebootPending: fold?.state.rebootPending != null,
    withheld: withheldOf(sources, name),
  };
}

/** What the plan says, with how far a fetch is; of a host that is not told of what the plan allows, that too. */
function withheldOf({ published, presence }: ViewSources, name: HostName): Withheld[] {
  const { decision, go } = published?.hosts.get(name) ?? {};
  const claimed = presence.claimed(name);
  const isTold = !go || claimed === null || knowledgeOf(published, name, claimed) === 'all';
  const withheld = [...(decision?.withheld ?? []), ...(isTold ? [] : [notKnown])];
  return [...withFetchProgress(withheld, presence.fetching(name))];
}

function foldOf({ published, records }: ViewSources, name: HostName): HostFold | null {
  const planned = published?.views.hosts.get(name);
  return planned ? planned.fold : records.of(name).fold;
}

/** A journal that is not whole here proves nothing of today: the host is not heard, whatever it once said. */
function healthOf({ records }: ViewSources, name: HostName, health: HostSummary['health']): HostSummary['health'] {
  return records.rebuild !== null && !records.of(name).isReplayed ? 'unheard' : health;
}

/** Null for a host that is not declared. */
export function hostView(sources: ViewSources, name: string): HostView | null {
  const host = declaredName(sources, name);
  if (host === null) return null;
  const { journal, agentVersion } = sources.records.of(host);
  return {
    ...summaryOf(sources, host),
    state: foldOf(sources, host)?.state ?? null,
    journal,
    agentVersion: sources.presence.agentVersion(host) ?? agentVersion,
  };
}

/** Null for a host that is not declared. */
export function whyView(sources: ViewSources, name: string): WhyView | null {
  const host = declaredName(sources, name);
  if (host === null) return null;
  const { health, running, target } = summaryOf(sources, host);
  const decision = sources.published?.hosts.get(host)?.decision;
  const noRelease: Withheld[] = [{ code: 'no-release' }];
  const withheld = decision ? withheldOf(sources, host) : noRelease;
  return {
    host,
    health,
    running,
    target,
    rolloutId: decision?.rolloutId ?? null,
    ...emergencyOf(sources),
    withheld,
    sentences: withheld.map(describeWithheld),
  };
}

function declaredName({ tree }: ViewSources, name: string): HostName | null {
  if (!tree || !lookup(tree.fleet.document.hosts, name)) return null;
  return name as HostName;
}

/** Shortest prefix of a rollout's id that is looked up. */
export const rolloutPrefixMin = 8;

/** One rollout by its id or an unambiguous prefix of it; null where there is none, or more than one. */
export function rolloutView(sources: ViewSources, prefix: string): RolloutView | null {
  const found = sources.published?.plan.rollouts.filter(({ rolloutId }) => rolloutId.startsWith(prefix)) ?? [];
  const [summary] = found;
  if (!summary || found.length > 1 || prefix.length < rolloutPrefixMin) return null;
  return { ...summary, ...emergencyOf(sources), hostStates: hostStatesOf(sources, summary) };
}

function hostStatesOf(sources: ViewSources, { rolloutId }: RolloutSummary): RolloutView['hostStates'] {
  const { tree, published } = sources;
  const manifest = tree?.manifests.get(rolloutId)?.document;
  if (!manifest) return [];
  return entriesOf(manifest.hosts).map(([name, { wave }]) => {
    const view = published?.views.hosts.get(name);
    const outcome = foldOf(sources, name)?.outcomes.get(rolloutId);
    const now = phaseIn(view, rolloutId);
    const phase = now?.name;
    const decision = published?.hosts.get(name)?.decision;
    return {
      name,
      wave,
      phase: phase ?? (outcome?.failed ? 'failed' : outcome?.converged ? 'converged' : 'pending'),
      converged: outcome?.converged === true,
      ...(now?.name === 'converged' ? { convergedAt: now.at } : {}),
      withheld: decision?.rolloutId === rolloutId ? withheldOf(sources, name) : [],
    };
  });
}
