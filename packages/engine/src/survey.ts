import {
  addSeconds,
  type FleetDocument,
  type HostEdge,
  type HostName,
  type Instant,
  type ManifestHost,
  type MaxFailures,
  type RolloutId,
  type RolloutManifest,
  type Withheld,
} from '@nixfleet/contracts';
import { heldByDrift } from './drift.ts';
import { isSwitching, phaseIn, switchingPhases } from './host-progress.ts';
import { quarantineOf } from './host-state.ts';
import { isAtEntry, isIssued, isUnheardSince } from './issued-go.ts';
import { isLost } from './lost-host.ts';
import { membersOf } from './members.ts';
import { namesOf } from './names.ts';
import type { HostView, PlannerViews, RolloutOutcome } from './planner-types.ts';
import { selfHeld } from './self-held.ts';

/** Where one host stands in one rollout. */
export type HostStanding =
  | 'converged'
  | 'failed'
  /** Told to start or switching, and not yet settled. */
  | 'in-flight'
  /** Fell silent after dispatch for longer than its own revert takes: failed, not offline. */
  | 'lost'
  /** Reverted on silence, or refused what it was offered, and tries again: no progress, and no failure. */
  | 'retrying'
  /**
   * Silent for longer than the declared grace, and not in flight: blocks nothing. Never after an unconfirmed switch,
   * since the silence may be the release's doing.
   */
  | 'excused'
  /** After an empty start: its journal is not here yet. */
  | 'unheard'
  | 'pending';

export interface SurveyedHost {
  readonly name: HostName;
  readonly entry: ManifestHost;
  readonly view: HostView | undefined;
  readonly standing: HostStanding;
}

export interface SurveyedWave {
  readonly hosts: readonly SurveyedHost[];
  readonly converged: number;
  readonly excused: number;
  /** Hosts the manifest names, removed and moved ones included: agents count their receipts against these. */
  readonly declared: number;
}

type EdgeIndex = ReadonlyMap<HostName, readonly HostEdge[]>;

/** One rollout, counted once per planning pass. */
export interface Survey {
  readonly rolloutId: RolloutId;
  readonly manifest: RolloutManifest;
  readonly hosts: readonly SurveyedHost[];
  readonly waves: readonly SurveyedWave[];
  readonly count: Readonly<Record<HostStanding, number>>;
  readonly started: number;
  readonly failuresMax: number;
  readonly isHalted: boolean;
  /** Every host is converged or excused. */
  readonly isComplete: boolean;
  /** Undefined for a host that is not, or no longer, this rollout's concern. */
  readonly standingOf: (name: HostName) => HostStanding | undefined;
  readonly trials: ReadonlyMap<HostName, unknown>;
  /** Null where there are none. */
  readonly edges: EdgeIndex | null;
}

export function surveyRollout(
  {
    rolloutId,
    manifest,
    newer,
    trials,
  }: {
    readonly rolloutId: RolloutId;
    readonly manifest: RolloutManifest;
    /** The channel's later rollouts: a host that took part in one never comes back to this one. */
    readonly newer: readonly RolloutId[];
    /** Hosts that try something else now: nothing of theirs is progress here. */
    readonly trials: ReadonlyMap<HostName, unknown>;
  },
  { fleet, views, now }: { readonly fleet: FleetDocument; readonly views: PlannerViews; readonly now: Instant },
): Survey {
  const hosts: SurveyedHost[] = [];
  const members = membersOf(manifest, fleet);
  const excusedSince = excusedSinceOf(manifest, now);
  const waves = members.declared.map((declared) => ({
    hosts: [] as SurveyedHost[],
    converged: 0,
    excused: 0,
    declared,
  }));
  const count: Record<HostStanding, number> = {
    converged: 0,
    failed: 0,
    'in-flight': 0,
    lost: 0,
    retrying: 0,
    excused: 0,
    unheard: 0,
    pending: 0,
  };
  let started = 0;
  for (const { name, entry } of members.hosts) {
    const wave = waves[entry.wave];
    const view = views.hosts.get(name);
    const outcome = view?.fold?.outcomes.get(rolloutId);
    if (newer.length > 0 && view && hasMovedOn(view, outcome, newer)) continue;
    const standing = standingOf({
      rolloutId,
      manifest,
      entry,
      view,
      outcome,
      excusedSince,
      rebuild: views.rebuild,
      now,
    });
    const host = { name, entry, view, standing };
    hosts.push(host);
    count[standing] += 1;
    if (standing === 'in-flight' || outcome?.started) started += 1;
    if (!wave) continue;
    wave.hosts.push(host);
    if (standing === 'converged') wave.converged += 1;
    if (standing === 'excused') wave.excused += 1;
  }
  const failuresMax = toleratedFailures(manifest.policy.maxFailures, hosts.length);
  return {
    rolloutId,
    manifest,
    hosts,
    waves,
    count,
    started,
    failuresMax,
    isHalted: count.failed + count.lost > failuresMax,
    isComplete: count.converged + count.excused === hosts.length,
    standingOf: standingsIn(hosts),
    trials,
    edges: edgeIndexOf(manifest),
  };
}

/** What pauses the channel of a halted rollout until a newer release: who failed, and how many are borne; or null. */
export function haltOf({ isHalted, hosts, failuresMax }: Survey): Withheld | null {
  if (!isHalted) return null;
  const failed = hosts.filter(({ standing }) => standing === 'failed' || standing === 'lost');
  return { code: 'halted', names: namesOf(failed), have: failed.length, need: failuresMax };
}

/** By name, indexed when the first is asked for: most passes never do. */
function standingsIn(hosts: readonly SurveyedHost[]): Survey['standingOf'] {
  let byName: ReadonlyMap<HostName, HostStanding> | undefined;
  return (name) => {
    byName ??= new Map(hosts.map((host) => [host.name, host.standing]));
    return byName.get(name);
  };
}

/** Failures a rollout of `hosts` hosts bears: the smaller of count and percent (rounded down), 0 where neither is set. */
export function toleratedFailures({ count, percent }: MaxFailures, hosts: number): number {
  const byPercent = percent === undefined ? undefined : Math.floor((percent * hosts) / 100);
  return Math.min(count ?? byPercent ?? 0, byPercent ?? count ?? 0);
}

function hasMovedOn({ fold }: HostView, outcome: RolloutOutcome | undefined, newer: readonly RolloutId[]): boolean {
  if (!fold || outcome?.converged || outcome?.failed) return false;
  const { phase } = fold.state;
  if ('target' in phase && newer.includes(phase.target.rolloutId)) return true;
  return newer.some((rolloutId) => fold.outcomes.has(rolloutId));
}

function standingOf({
  rolloutId,
  manifest,
  entry,
  view,
  outcome,
  excusedSince,
  rebuild,
  now,
}: {
  readonly rolloutId: RolloutId;
  readonly manifest: RolloutManifest;
  readonly entry: ManifestHost;
  readonly view: HostView | undefined;
  readonly outcome: RolloutOutcome | undefined;
  readonly excusedSince: Instant | null;
  readonly rebuild: PlannerViews['rebuild'];
  readonly now: Instant;
}): HostStanding {
  // A failure that is known is one, however much of its host's journal is still missing: it may halt the rollout.
  if (outcome?.failed) return 'failed';
  if (rebuild !== null && !view?.isReplayed) {
    // A newer release supersedes the wait: there, an unheard host is a silent one.
    const isNewer = manifest.introducedIn > rebuild.releaseVersion;
    return isNewer && view && view.issued === null && isExcused(view, excusedSince) ? 'excused' : 'unheard';
  }
  if (!view) return 'pending';
  const phase = phaseIn(view, rolloutId);
  if (outcome?.converged) {
    // It may have gone down for a boot, and then its silence is that boot's doing.
    const isBooting = isSwitching(view)
      ? phase !== null
      : view.issued?.reboot === true && isUnheardSince(view.issued, view);
    return isBooting && isLost(view, { phase, manifest, now }) ? 'lost' : 'converged';
  }
  const isInFlight =
    (phase !== null && switchingPhases.has(phase.name)) || isIssued(view, { rolloutId, manifest, entry });
  if (isInFlight) return isLost(view, { phase, manifest, now }) ? 'lost' : 'in-flight';
  if (view.fold?.state.retry?.rolloutId === rolloutId || phase?.name === 'unconfirmed') return 'retrying';
  if (isExcused(view, excusedSince)) return 'excused';
  return phase?.name === 'refused' ? 'retrying' : 'pending';
}

/** A host that is offline and was last heard then or before is excused; null: none ever is. */
export function excusedSinceOf({ policy }: RolloutManifest, now: Instant): Instant | null {
  return policy.offlineGraceSeconds === null ? null : addSeconds(now, -policy.offlineGraceSeconds);
}

function isExcused({ isOnline, lastSeenAt }: HostView, excusedSince: Instant | null): boolean {
  return !isOnline && excusedSince !== null && lastSeenAt !== null && lastSeenAt <= excusedSince;
}

/** When a host that its wave waits for is excused, if it stays silent; null for one that is heard, or that no grace excuses. */
export function excusedAt(
  { view, standing }: SurveyedHost,
  { rolloutId, manifest }: Pick<Survey, 'rolloutId' | 'manifest'>,
): Instant | null {
  const grace = manifest.policy.offlineGraceSeconds;
  if (grace === null || !view || view.isOnline || view.lastSeenAt === null) return null;
  const hasRefused = standing === 'retrying' && view.fold?.state.retry?.rolloutId !== rolloutId;
  const isUnheard = standing === 'unheard' && view.issued === null;
  const isWaitedFor =
    standing === 'pending' || isUnheard || (hasRefused && phaseIn(view, rolloutId)?.name === 'refused');
  return isWaitedFor ? addSeconds(view.lastSeenAt, grace) : null;
}

/**
 * Whether an earlier rollout still runs to its end under `finish`: some host of it is in flight, or could start in a wave
 * that is open. One that waits for nothing but offline hosts, failures, refusals or retries does not: otherwise a release
 * that cannot finish would keep its own fix out. Brakes and budgets are passing and do not count.
 */
export function isProgressing(
  survey: Survey,
  { gates, now }: { readonly gates: WaveGates; readonly now: Instant },
): boolean {
  const { count, started, isHalted, isComplete, hosts, rolloutId, manifest, trials } = survey;
  if (isHalted || isComplete || started === 0) return false;
  // One that tries again after silence is no progress either: a fetch of it may be called back, a switch ends by itself.
  const isTryingAgain = ({ view }: SurveyedHost) => view?.fold?.state.retry?.rolloutId === rolloutId;
  const isAtWork = (host: SurveyedHost) => host.standing === 'in-flight' && !isTryingAgain(host);
  if (count['in-flight'] > 0 && hosts.some(isAtWork)) return true;
  const hasBegun = ({ view }: SurveyedHost) => view?.fold?.outcomes.get(rolloutId)?.started === true;
  const reached = Math.max(0, ...hosts.filter(hasBegun).map(({ entry }) => entry.wave));
  return hosts.some(({ name, entry, view, standing }) => {
    if (standing !== 'pending' || !view?.isOnline || gates[entry.wave] !== null) return false;
    if (trials.has(name)) return false;
    // Its wave went on without it: it is caught up with the newest.
    if (entry.wave < reached) return false;
    if (isWaitingForHost(survey, name)) return false;
    const state = view.fold?.state;
    // It follows the newest manifest, and without a go for this one it never says that it converged under it.
    if (state && isAtEntry(state, { entry, manifest })) return false;
    const mayReboot = manifest.policy.reboot !== 'never';
    if (!state) return true;
    // A person has to see to it, which no rollout can wait for.
    if (heldByDrift(state, { closure: entry.closure, policy: manifest.policy })) return false;
    return !quarantineOf(state, entry) && selfHeld(state, { rolloutId, mayReboot, now }) === null;
  });
}

/** For each wave what keeps it shut, or null. */
export type WaveGates = readonly (Withheld | null)[];

function isWaitingForHost(survey: Survey, name: HostName): boolean {
  return edgesInto(survey, name).some(({ gates }) => isEdgeOpen(survey, gates) === false);
}

/** False while the edge from `gates` holds. A host that is no longer this rollout's concern holds nobody. */
export function isEdgeOpen(survey: Survey, gates: HostName): boolean {
  const standing = survey.standingOf(gates);
  return standing === undefined || standing === 'converged';
}

export function edgesInto({ edges }: Survey, gated: HostName): readonly HostEdge[] {
  return edges === null ? [] : (edges.get(gated) ?? []);
}

const edgesByHost = new WeakMap<object, EdgeIndex>();

/** By the host that waits, once per manifest: documents do not change. */
function edgeIndexOf({ edges }: RolloutManifest): EdgeIndex | null {
  if (edges.length === 0) return null;
  const known = edgesByHost.get(edges) ?? Map.groupBy(edges, ({ gated }) => gated);
  edgesByHost.set(edges, known);
  return known;
}
