import {
  addSeconds,
  type ChannelName,
  type HostName,
  type HostPhaseName,
  type Instant,
  nextInterval,
  type ReleaseChannel,
  type RolloutId,
  type RolloutManifest,
  type RolloutStateName,
  type RolloutSummary,
  type Withheld,
} from '@nixfleet/contracts';
import { type ChannelBrakes, channelBrake, isEmergencyAt } from './brake.ts';
import { Budgets } from './budget.ts';
import { isRunning, quarantineOf } from './host-state.ts';
import type { HostDecision, Plan, PlannerRelease, PlannerViews } from './planner-types.ts';
import { sortedEntriesOf } from './sorted-entries.ts';
import {
  edgesInto,
  excusedSinceOf,
  isEdgeOpen,
  isOccupied,
  isProgressing,
  isSwitching,
  lostAt,
  phaseIn,
  promisedUntil,
  type Survey,
  type SurveyedHost,
  selfHeld,
  surveyRollout,
  type WaveGates,
} from './survey.ts';
import { namesMax, namesOf, waveGates } from './wave-gate.ts';

/**
 * One full planning pass (SPEC.md): who may start now, and what withholds everybody else. Total and deterministic;
 * slots of budgets are taken in order of host names within the pass, so no two passes' worth of hosts overshoot.
 */
export function plan(release: PlannerRelease, views: PlannerViews, now: Instant): Plan {
  const isEmergency = isEmergencyAt(release.document.emergency, { isApproved: release.emergencyApproved, now });
  const channels = sortedEntriesOf(release.document.channels).map(([name, channel]) =>
    planChannel({ name, channel, release, views, isEmergency, now }),
  );
  const running = new Map<string, PlannedChannel>(channels.map((channel) => [channel.name, channel]));
  const budgets = new Budgets(
    channels.flatMap(({ rollouts }) => rollouts.map(({ survey }) => survey)),
    views,
    now,
  );
  const rebuilding = rebuildingReason(release, views, now);
  const hosts = new Map<HostName, HostDecision>();
  for (const channel of channels) decideChannel({ channel, running, views, budgets, rebuilding, hosts, now });
  const declared = sortedEntriesOf(release.fleet.hosts);
  // Every decision is about a declared host, so equal counts mean that nobody is missing.
  for (const [name] of hosts.size === declared.length ? [] : declared) {
    if (!hosts.has(name)) hosts.set(name, { rolloutId: null, entry: null, go: null, withheld: notInRollout });
  }
  return {
    hosts,
    rollouts: channels.flatMap((channel) => summarise(channel)),
    nextDeadline: nextDeadline({ channels, hosts, release, views, now }),
  };
}

const notInRollout: readonly Withheld[] = [{ code: 'not-in-rollout' }];

/** After an empty start nothing is dispatched until every declared host has replayed, or the wait is over. */
function rebuildingReason({ fleet }: PlannerRelease, { rebuild, hosts }: PlannerViews, now: Instant): Withheld | null {
  if (rebuild === null || rebuild.until <= now) return null;
  const unheard: string[] = [];
  for (const [name] of sortedEntriesOf(fleet.hosts)) {
    if (hosts.get(name)?.isReplayed) continue;
    unheard.push(name);
    if (unheard.length === namesMax) break;
  }
  return unheard.length === 0 ? null : { code: 'rebuilding', until: rebuild.until, names: unheard };
}

interface PlannedRollout {
  readonly survey: Survey;
  readonly gates: WaveGates;
}

/** One channel's rollouts, and which of them has its turn. */
interface PlannedChannel {
  readonly name: ChannelName;
  readonly brakes: ChannelBrakes;
  /** Oldest first; without manifests that are not here. */
  readonly rollouts: readonly PlannedRollout[];
  /** The one the release names as current; null while its manifest is not here, and then nothing has a turn. */
  readonly current: PlannedRollout | null;
  readonly turn: PlannedRollout | null;
  readonly brake: Withheld | null;
}

function planChannel({
  name,
  channel,
  release,
  views,
  isEmergency,
  now,
}: {
  readonly name: ChannelName;
  readonly channel: ReleaseChannel;
  readonly release: PlannerRelease;
  readonly views: PlannerViews;
  readonly isEmergency: boolean;
  readonly now: Instant;
}): PlannedChannel {
  const rollouts = oldestFirst(channel, release).map(({ rolloutId, manifest }, index, all): PlannedRollout => {
    const newer = all.slice(index + 1).map((other) => other.rolloutId);
    const survey = surveyRollout({ rolloutId, manifest, newer }, { fleet: release.fleet, views, now });
    const heldForUnheard = views.rebuild !== null && manifest.introducedIn <= views.rebuild.releaseVersion;
    return { survey, gates: waveGates(survey, { heldForUnheard, now }) };
  });
  const current = rollouts.find(({ survey }) => survey.rolloutId === channel.rolloutId) ?? null;
  const turn = current && (isEmergency ? current : (finishing(rollouts, current, now) ?? current));
  const brakes: ChannelBrakes = {
    holds: release.holds,
    freezes: channel.freezes,
    windows: turn?.survey.manifest.windows ?? null,
    resolvedUntil: turn?.survey.manifest.resolvedUntil ?? null,
    headExpiresAt: release.headExpiresAt,
    isEmergency,
  };
  return { name, brakes, rollouts, current, turn, brake: channelBrake(name, brakes, now) };
}

function oldestFirst({ rolloutId, mayFinish }: ReleaseChannel, { manifests }: PlannerRelease) {
  const found: { readonly rolloutId: RolloutId; readonly manifest: RolloutManifest }[] = [];
  for (const id of mayFinish) {
    const manifest = manifests.get(id);
    if (manifest && id !== rolloutId) found.push({ rolloutId: id, manifest });
  }
  found.sort(
    (left, right) =>
      left.manifest.introducedIn - right.manifest.introducedIn || (left.rolloutId < right.rolloutId ? -1 : 1),
  );
  const current = manifests.get(rolloutId);
  return current ? [...found, { rolloutId, manifest: current }] : found;
}

/**
 * The earlier rollout that still runs to its end: the newest that was started, unless the current one has started by
 * now. Others wait for nothing any more, so that of several releases only the newest waits, and a turn never goes back.
 */
function finishing(rollouts: readonly PlannedRollout[], current: PlannedRollout, now: Instant): PlannedRollout | null {
  if (current.survey.started > 0) return null;
  const started = rollouts.findLast((rollout) => rollout !== current && rollout.survey.started > 0);
  return started && isProgressing(started.survey, { gates: started.gates, now }) ? started : null;
}

interface ChannelPass {
  readonly channel: PlannedChannel;
  readonly running: ReadonlyMap<string, PlannedChannel>;
  readonly views: PlannerViews;
  readonly budgets: Budgets;
  readonly rebuilding: Withheld | null;
  readonly hosts: Map<HostName, HostDecision>;
  readonly now: Instant;
}

function decideChannel(pass: ChannelPass): void {
  const { channel, now } = pass;
  const { turn, current } = channel;
  if (!turn || !current) return;
  const { survey, gates } = turn;
  const onAll = againstChannel(pass, turn);
  const fetching = { count: 0, max: survey.manifest.policy.fetchesMax };
  for (const host of survey.hosts) if (mayFetch(host, survey)) fetching.count += 1;
  for (const host of refusingLast(survey)) {
    const wave = gates[host.entry.wave] ?? null;
    pass.hosts.set(host.name, decideHost({ host, turn: survey, onAll, wave, fetching, budgets: pass.budgets, now }));
  }
  if (current === turn) return;
  const waiting: Withheld = { code: 'waiting-for-rollout', names: [survey.rolloutId] };
  for (const { name, entry, standing } of current.survey.hosts) {
    const decision = pass.hosts.get(name);
    if (!decision) {
      // New in the waiting rollout: its turn has not come.
      pass.hosts.set(name, { rolloutId: current.survey.rolloutId, entry, go: null, withheld: [waiting] });
    } else if (decision.go === null && survey.standingOf(name) !== 'in-flight' && standing !== 'converged') {
      pass.hosts.set(name, { ...decision, withheld: [...decision.withheld, waiting] });
    }
  }
}

/** Fetches, or was told to start and has not yet said so. */
function mayFetch({ view, standing }: SurveyedHost, { rolloutId }: Survey): boolean {
  const phase = phaseIn(view, rolloutId);
  return phase?.name === 'fetching' || (standing === 'in-flight' && !isSwitching(view));
}

/** In order of names, but a host that keeps refusing never takes the slot of one that may succeed. */
function refusingLast({ hosts, rolloutId, count }: Survey): readonly SurveyedHost[] {
  if (count.retrying === 0) return hosts;
  const isRefusing = ({ view }: SurveyedHost) => phaseIn(view, rolloutId)?.name === 'refused';
  return [...hosts.filter((host) => !isRefusing(host)), ...hosts.filter(isRefusing)];
}

/** What stands against every host of a channel, in gate order (design §8): before the host's quarantine, and after it. */
interface AgainstAll {
  readonly first: readonly Withheld[];
  readonly then: readonly Withheld[];
}

function againstChannel({ channel, running, rebuilding }: ChannelPass, { survey }: PlannedRollout): AgainstAll {
  const first: Withheld[] = [];
  const then: Withheld[] = [];
  const { brake } = channel;
  if (brake) (brake.code === 'hold' || brake.code === 'head-expired' ? first : then).push(brake);
  if (rebuilding) first.push(rebuilding);
  if (survey.isHalted) {
    const failed = survey.hosts.filter(({ standing }) => standing === 'failed' || standing === 'lost');
    first.push({ code: 'halted', names: namesOf(failed), have: failed.length, need: survey.failuresMax });
  }
  for (const { channel: earlier, reason } of survey.manifest.after) {
    const predecessor = running.get(earlier);
    // Without history there is nothing to wait for.
    if (!predecessor || isSettled(predecessor)) continue;
    then.push({ code: 'channel-edge', names: [earlier], ...(reason === undefined ? {} : { reason }) });
  }
  if (survey.manifest.policy.mode === 'observe') then.push({ code: 'observe' });
  return { first, then };
}

/** The channel's current rollout has its turn and every host of it has converged, or was left behind by policy. */
function isSettled({ current, turn }: PlannedChannel): boolean {
  return current !== null && turn === current && current.survey.isComplete;
}

const nothing: readonly Withheld[] = [];

function decideHost({
  host,
  turn,
  onAll,
  wave,
  fetching,
  budgets,
  now,
}: {
  readonly host: SurveyedHost;
  readonly turn: Survey;
  readonly onAll: AgainstAll;
  readonly wave: Withheld | null;
  readonly fetching: { count: number; readonly max: number | null };
  readonly budgets: Budgets;
  readonly now: Instant;
}): HostDecision {
  const { entry, view, standing, name } = host;
  const { rolloutId } = turn;
  const withholding = (withheld: readonly Withheld[]): HostDecision => ({ rolloutId, entry, go: null, withheld });
  const offline: readonly Withheld[] = view?.isOnline ? nothing : [{ code: 'offline', names: [name] }];
  if (standing === 'converged') return withholding(offline);
  const own = reported(host, turn, now);
  switch (standing) {
    case 'failed':
      return withholding([...own, ...onAll.first, ...onAll.then]);
    case 'lost':
      return withholding([...onAll.first, ...onAll.then, ...offline, ...own]);
    case 'unheard':
      return withholding([...onAll.first, { code: 'unheard-after-rebuild', names: [name] }, ...onAll.then]);
    default:
  }
  // In the midst of a switch nothing is to be started; a fetch may still be called back.
  const phase = view?.fold?.state.phase;
  if (phase && midSwitchPhases.has(phase.name)) return withholding(own);
  const gates = gatesAgainst({ host, turn, onAll, wave, now });
  const hasSlot = standing === 'in-flight' || isOccupied(view, now);
  if (gates.length === 0 && !hasSlot) {
    const budget = budgets.blocking(name);
    if (budget) gates.push(budget);
    else if (fetching.max !== null && fetching.count >= fetching.max) {
      gates.push({ code: 'fetch-limit', have: fetching.count, need: fetching.max });
    }
  }
  // An offline host takes no slot: it gets its go when it is back. One that was told already keeps it.
  if (gates.length === 0 && standing !== 'in-flight') gates.push(...offline);
  if (gates.length > 0) {
    for (const withheld of own) if (!gates.some(({ code }) => code === withheld.code)) gates.push(withheld);
    return withholding(gates);
  }
  if (!hasSlot) {
    budgets.take(name);
    fetching.count += 1;
  }
  return { rolloutId, entry, go: { rolloutId, wave: entry.wave, attempt: entry.attempt }, withheld: own };
}

const midSwitchPhases: ReadonlySet<HostPhaseName> = new Set(['activating', 'confirming', 'reverting']);

function gatesAgainst({
  host: { name, entry, view },
  turn,
  onAll,
  wave,
  now,
}: {
  readonly host: SurveyedHost;
  readonly turn: Survey;
  readonly onAll: AgainstAll;
  readonly wave: Withheld | null;
  readonly now: Instant;
}): Withheld[] {
  const state = view?.fold?.state;
  const withheld = [...onAll.first];
  const quarantine = state && quarantineOf(state, entry);
  if (quarantine) withheld.push({ code: 'quarantined', reason: quarantine.cause });
  withheld.push(...onAll.then);
  if (wave) withheld.push(wave);
  const edge = hostEdge(turn, name);
  if (edge) withheld.push(edge);
  const held = state && selfHeld(state, { rolloutId: turn.rolloutId, now });
  if (held) withheld.push(held);
  // It converges by itself as soon as it has read the manifest; there is nothing to start.
  if (state && isRunning(state, entry.closure)) {
    withheld.push(
      state.withheld?.code === 'failed' ? state.withheld : { code: 'in-progress', reason: 'runs it already' },
    );
  }
  return withheld;
}

/** What the host's own journal says it is at; shown, and no reason to keep a go back. */
function reported({ view, standing }: SurveyedHost, turn: Survey, now: Instant): readonly Withheld[] {
  const state = view?.fold?.state;
  if (!state) return nothing;
  const { phase, withheld } = state;
  if (!('target' in phase) || phase.target.rolloutId !== turn.rolloutId) {
    if (midSwitchPhases.has(phase.name) && 'target' in phase) {
      return [{ code: 'in-progress', reason: phase.name, names: [phase.target.rolloutId] }];
    }
    if (standing === 'failed') return [{ code: 'failed' }];
    return withheld === null ? nothing : [withheld];
  }
  switch (phase.name) {
    case 'soaking':
      return [now < phase.soakUntil ? { code: 'soak', until: phase.soakUntil } : { code: 'soak' }];
    case 'refused':
      return [{ code: 'refused', refusal: phase.reason }];
    case 'failed':
      return [{ code: 'failed', reason: phase.cause }];
    case 'activating':
    case 'confirming':
      return [{ code: 'in-progress', reason: phase.name, ...(now < phase.deadline && { until: phase.deadline }) }];
    case 'fetching':
    case 'reverting':
    case 'unconfirmed':
      return [{ code: 'in-progress', reason: phase.name }];
    default:
      if (standing === 'failed') return [{ code: 'failed' }];
      return withheld === null ? nothing : [withheld];
  }
}

function hostEdge(survey: Survey, name: HostName): Withheld | null {
  const open = edgesInto(survey, name).filter(({ gates }) => !isEdgeOpen(survey, gates));
  if (open.length === 0) return null;
  const reason = open.find((edge) => edge.reason !== undefined)?.reason;
  const names = open.slice(0, namesMax).map(({ gates }) => gates);
  return { code: 'host-edge', names, ...(reason === undefined ? {} : { reason }) };
}

// ---- summaries and deadlines

function summarise({ rollouts, current, turn, brake }: PlannedChannel): RolloutSummary[] {
  const order = turn ? [turn, ...rollouts.filter((rollout) => rollout !== turn).reverse()] : rollouts;
  return order.map((rollout) => {
    const { survey, gates } = rollout;
    const { manifest, count, waves } = survey;
    const shut = gates.findIndex((gate) => gate !== null);
    const open = (shut === -1 ? waves.length : shut) - 1;
    const withheld: Withheld[] = [];
    if (rollout === turn && brake) withheld.push(brake);
    if (rollout === current && rollout !== turn && turn) {
      withheld.push({ code: 'waiting-for-rollout', names: [turn.survey.rolloutId] });
    }
    return {
      rolloutId: survey.rolloutId,
      channel: manifest.channel,
      displayName: manifest.displayName,
      state: stateOf(survey, { isTurn: rollout === turn, isCurrent: rollout === current }),
      wave: survey.started === 0 && count.converged === 0 ? null : open,
      waves: waves.length,
      hosts: survey.hosts.length,
      converged: count.converged,
      failed: count.failed + count.lost,
      leftBehind: survey.hosts.filter(({ standing }) => standing === 'excused').map(({ name }) => name),
      introducedIn: manifest.introducedIn,
      withheld,
    };
  });
}

function stateOf(
  survey: Survey,
  { isTurn, isCurrent }: { readonly isTurn: boolean; readonly isCurrent: boolean },
): RolloutStateName {
  if (survey.isComplete) return isTurn || isCurrent ? 'converged' : 'superseded';
  if (survey.isHalted && (isTurn || isCurrent)) return hasGoneBack(survey) ? 'reverted' : 'halted';
  if (isTurn) return survey.started > 0 || survey.count.converged > 0 ? 'active' : 'waiting';
  return isCurrent ? 'waiting' : 'superseded';
}

/** Every host that failed is back on what it ran before. */
function hasGoneBack({ hosts, rolloutId }: Survey): boolean {
  return hosts.every(
    ({ standing, view }) =>
      standing !== 'lost' && (standing !== 'failed' || phaseIn(view, rolloutId)?.name === 'reverted'),
  );
}

function nextDeadline({
  channels,
  hosts,
  release,
  views,
  now,
}: {
  readonly channels: readonly PlannedChannel[];
  readonly hosts: ReadonlyMap<HostName, HostDecision>;
  readonly release: PlannerRelease;
  readonly views: PlannerViews;
  readonly now: Instant;
}): Instant | null {
  let next: Instant | null = null;
  const consider = (instant: Instant | undefined): void => {
    if (instant !== undefined && now < instant && (next === null || instant < next)) next = instant;
  };
  consider(release.headExpiresAt);
  consider(views.rebuild?.until);
  consider(release.document.emergency?.expiresAt);
  for (const hold of release.holds) consider(hold.expiresAt);
  for (const { brakes, brake, rollouts } of channels) {
    consider(brake?.until);
    consider(nextInterval(brakes.freezes, now)?.from);
    for (const { to } of brakes.windows ?? []) consider(to);
    consider(brakes.resolvedUntil ?? undefined);
    for (const { survey } of rollouts) {
      const { manifest, rolloutId } = survey;
      const excusedSince = excusedSinceOf(manifest, now);
      let firstExcused: Instant | null = null;
      for (const { view, standing } of survey.hosts) {
        if (!view) continue;
        consider(promisedUntil(view, now) ?? undefined);
        if (view.isOnline) continue;
        if (standing === 'in-flight') consider(lostAt(view, phaseIn(view, rolloutId), manifest));
        const isWaitedFor = standing === 'pending' || standing === 'retrying' || standing === 'unheard';
        const { lastSeenAt } = view;
        if (!isWaitedFor || excusedSince === null || lastSeenAt === null || lastSeenAt <= excusedSince) continue;
        if (firstExcused === null || lastSeenAt < firstExcused) firstExcused = lastSeenAt;
      }
      const grace = manifest.policy.offlineGraceSeconds;
      if (firstExcused !== null && grace !== null) consider(addSeconds(firstExcused, grace));
    }
  }
  for (const { withheld } of hosts.values()) for (const { until } of withheld) consider(until);
  return next;
}
