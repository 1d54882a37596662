import {
  addSeconds,
  entriesOf,
  type FleetDocument,
  type HostName,
  type HostPhase,
  type HostPhaseName,
  type Instant,
  lookup,
  type ManifestHost,
  type MaxFailures,
  type RolloutId,
  type RolloutManifest,
} from '@nixfleet/contracts';
import type { HostView, PlannerViews } from './planner-types.ts';

/** After the latest instant at which a switched host would have reverted by itself, it is given this long to be heard, in seconds. */
export const lostSecondsMax = 60;

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
  /** Silent for longer than the declared grace, and not in flight: blocks nothing. */
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
}

const inFlightPhases: ReadonlySet<HostPhaseName> = new Set([
  'fetching',
  'activating',
  'confirming',
  'soaking',
  'reverting',
]);

export function surveyRollout(
  { rolloutId, manifest }: { readonly rolloutId: RolloutId; readonly manifest: RolloutManifest },
  { fleet, views, now }: { readonly fleet: FleetDocument; readonly views: PlannerViews; readonly now: Instant },
): Survey {
  const hosts: SurveyedHost[] = [];
  const waves = manifest.waves.map(() => ({ hosts: [] as SurveyedHost[], converged: 0, excused: 0, declared: 0 }));
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
  for (const [name, entry] of entriesOf(manifest.hosts)) {
    const wave = waves[entry.wave];
    if (wave) wave.declared += 1;
    // A host that was removed or moved since is no longer this rollout's concern.
    if (lookup(fleet.hosts, name)?.channel !== manifest.channel) continue;
    const view = views.hosts.get(name);
    const standing = standingOf({ rolloutId, manifest, view, isRebuilding: views.rebuild !== null, now });
    const host = { name, entry, view, standing };
    hosts.push(host);
    count[standing] += 1;
    if (standing === 'in-flight' || view?.fold?.outcomes.get(rolloutId)?.started) started += 1;
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
  };
}

/** Failures a rollout of `hosts` hosts bears: the smaller of count and percent (rounded down), 0 where neither is set. */
export function toleratedFailures({ count, percent }: MaxFailures, hosts: number): number {
  const byPercent = percent === undefined ? undefined : Math.floor((percent * hosts) / 100);
  return Math.min(count ?? byPercent ?? 0, byPercent ?? count ?? 0);
}

function standingOf({
  rolloutId,
  manifest,
  view,
  isRebuilding,
  now,
}: {
  readonly rolloutId: RolloutId;
  readonly manifest: RolloutManifest;
  readonly view: HostView | undefined;
  readonly isRebuilding: boolean;
  readonly now: Instant;
}): HostStanding {
  if (isRebuilding && !view?.isReplayed) return 'unheard';
  if (!view) return 'pending';
  const outcome = view.fold?.outcomes.get(rolloutId);
  if (outcome?.failed) return 'failed';
  if (outcome?.converged) return 'converged';
  const phase = phaseIn(view, rolloutId);
  const isSwitching = phase !== null && inFlightPhases.has(phase.name);
  const isIssued = view.issued?.rolloutId === rolloutId && !outcome?.started;
  if (isSwitching || isIssued) return isLost(view, { phase, manifest, now }) ? 'lost' : 'in-flight';
  if (view.fold?.state.retry?.rolloutId === rolloutId) return 'retrying';
  if (phase?.name === 'unconfirmed' || phase?.name === 'refused') return 'retrying';
  return isExcused(view, manifest.policy.offlineGraceSeconds, now) ? 'excused' : 'pending';
}

/** The host's phase, if it is about this rollout. */
export function phaseIn(
  view: HostView | undefined,
  rolloutId: RolloutId,
): Extract<HostPhase, { target: unknown }> | null {
  const phase = view?.fold?.state.phase;
  return phase && 'target' in phase && phase.target.rolloutId === rolloutId ? phase : null;
}

function isLost(
  view: HostView,
  {
    phase,
    manifest,
    now,
  }: { readonly phase: HostPhase | null; readonly manifest: RolloutManifest; readonly now: Instant },
): boolean {
  return !view.isOnline && lostAt(view, phase, manifest) <= now;
}

/** When a silent host counts as lost: its own deadline, or the policy's longest switch after it was last heard. */
export function lostAt(view: HostView, phase: HostPhase | null, { policy }: RolloutManifest): Instant {
  if (phase && 'deadline' in phase) return addSeconds(phase.deadline, lostSecondsMax);
  const since = view.lastSeenAt ?? view.issued?.at;
  const switchSeconds = policy.activationTimeoutSeconds + policy.confirm.timeoutSeconds;
  return since ? addSeconds(since, switchSeconds + lostSecondsMax) : ('2999-12-31T23:59:59Z' as Instant);
}

function isExcused(view: HostView, graceSeconds: number | null, now: Instant): boolean {
  if (view.isOnline || graceSeconds === null || view.lastSeenAt === null) return false;
  return addSeconds(view.lastSeenAt, graceSeconds) <= now;
}

/**
 * Whether an earlier rollout still runs to its end under `finish`. One that waits for nothing but offline hosts,
 * failures or retries does not: otherwise a release that cannot finish would keep its own fix out.
 */
export function isProgressing({ count, started, isHalted, isComplete }: Survey): boolean {
  if (isHalted || isComplete || started === 0) return false;
  if (count['in-flight'] > 0) return true;
  return count.failed === 0 && count.retrying === 0 && count.pending > 0;
}
