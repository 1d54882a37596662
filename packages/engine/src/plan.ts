import {
  addSeconds,
  type ChannelName,
  entriesOf,
  type HostName,
  type Instant,
  lookup,
  nextInterval,
  type ReleaseChannel,
  type RolloutId,
  type RolloutStateName,
  type RolloutSummary,
  type Withheld,
} from '@nixfleet/contracts';
import { type ChannelBrakes, channelBrake } from './brake.ts';
import { Budgets, takesSlot } from './budget.ts';
import { quarantineOf } from './host-state.ts';
import type { HostDecision, Plan, PlannerRelease, PlannerViews } from './planner-types.ts';
import { isProgressing, lostAt, phaseIn, type Survey, type SurveyedHost, surveyRollout } from './survey.ts';
import { namesMax, namesOf, waveGates } from './wave-gate.ts';

/**
 * One full planning pass (SPEC.md): who may start now, and what withholds everybody else. Total and deterministic;
 * slots of budgets are taken in order of host names within the pass, so no two passes' worth of hosts overshoot.
 */
export function plan(release: PlannerRelease, views: PlannerViews, now: Instant): Plan {
  const channels = entriesOf(release.document.channels).map(([name, channel]) =>
    planChannel({ name, channel, release, views, now }),
  );
  const running = new Map(channels.map((channel) => [channel.name, channel]));
  const budgets = new Budgets(channels.flatMap(({ surveys }) => surveys));
  const hosts = new Map<HostName, HostDecision>();
  for (const channel of channels) decideChannel({ channel, running, release, views, budgets, hosts, now });
  for (const [name] of entriesOf(release.fleet.hosts)) {
    if (!hosts.has(name))
      hosts.set(name, { rolloutId: null, entry: null, go: null, withheld: [{ code: 'not-in-rollout' }] });
  }
  return {
    hosts,
    rollouts: channels.flatMap((channel) => summarise(channel)),
    nextDeadline: nextDeadline({ channels, hosts, release, views, now }),
  };
}

/** One channel's rollouts, and which of them has its turn. */
interface PlannedChannel {
  readonly name: ChannelName;
  readonly brakes: ChannelBrakes;
  /** Oldest first; the last is the release's current one. */
  readonly surveys: readonly Survey[];
  readonly turn: Survey | null;
  /** Against the whole channel: brakes, halt, rebuilding, earlier channels. */
  readonly brake: Withheld | null;
}

function planChannel({
  name,
  channel,
  release,
  views,
  now,
}: {
  readonly name: ChannelName;
  readonly channel: ReleaseChannel;
  readonly release: PlannerRelease;
  readonly views: PlannerViews;
  readonly now: Instant;
}): PlannedChannel {
  const ids: RolloutId[] = [...channel.mayFinish].reverse();
  ids.push(channel.rolloutId);
  const surveys: Survey[] = [];
  for (const rolloutId of ids) {
    const manifest = release.manifests.get(rolloutId);
    if (manifest) surveys.push(surveyRollout({ rolloutId, manifest }, { fleet: release.fleet, views, now }));
  }
  const current = surveys.at(-1) ?? null;
  const earlier = release.emergencyApproved ? undefined : surveys.slice(0, -1).find(isProgressing);
  const turn = earlier ?? current;
  const brakes: ChannelBrakes = {
    holds: release.holds,
    freezes: channel.freezes,
    windows: turn?.manifest.windows ?? null,
    resolvedUntil: turn?.manifest.resolvedUntil ?? null,
    headExpiresAt: release.headExpiresAt,
    isEmergency: release.emergencyApproved,
  };
  return { name, brakes, surveys, turn, brake: channelBrake(name, brakes, now) };
}

interface ChannelPass {
  readonly channel: PlannedChannel;
  readonly running: ReadonlyMap<string, PlannedChannel>;
  readonly release: PlannerRelease;
  readonly views: PlannerViews;
  readonly budgets: Budgets;
  readonly hosts: Map<HostName, HostDecision>;
  readonly now: Instant;
}

function decideChannel(pass: ChannelPass): void {
  const { channel, views, now } = pass;
  const { turn } = channel;
  if (!turn) return;
  const onAll = againstChannel(pass, turn);
  const heldForUnheard = views.rebuild !== null && turn.manifest.introducedIn <= views.rebuild.releaseVersion;
  const waves = waveGates(turn, heldForUnheard);
  const fetching = { count: 0, max: turn.manifest.policy.fetchesMax };
  for (const host of turn.hosts) if (phaseIn(host.view, turn.rolloutId)?.name === 'fetching') fetching.count += 1;
  for (const host of turn.hosts) {
    pass.hosts.set(
      host.name,
      decideHost({ host, turn, onAll, wave: waves[host.entry.wave] ?? null, fetching, pass, now }),
    );
  }
  const current = channel.surveys.at(-1);
  if (!current || current === turn) return;
  for (const { name, entry } of current.hosts) {
    // New in the waiting rollout: its turn has not come.
    if (pass.hosts.has(name)) continue;
    const withheld: Withheld[] = [{ code: 'waiting-for-rollout', names: [turn.rolloutId] }];
    pass.hosts.set(name, { rolloutId: current.rolloutId, entry, go: null, withheld });
  }
}

/** What stands against every host of a channel, in gate order (design §8). */
function againstChannel({ channel, running, views, now }: ChannelPass, turn: Survey): Withheld[] {
  const withheld: Withheld[] = [];
  if (channel.brake) withheld.push(channel.brake);
  if (views.rebuild && now < views.rebuild.until) {
    const unheard = turn.hosts.filter(({ standing }) => standing === 'unheard');
    withheld.push({ code: 'rebuilding', until: views.rebuild.until, names: namesOf(unheard) });
  }
  if (turn.isHalted) {
    const failed = turn.hosts.filter(({ standing }) => standing === 'failed' || standing === 'lost');
    withheld.push({ code: 'halted', names: namesOf(failed), have: failed.length, need: turn.failuresMax });
  }
  for (const { channel: earlier, reason } of turn.manifest.after) {
    const predecessor = running.get(earlier);
    // Without history there is nothing to wait for.
    if (!predecessor?.turn || isSettled(predecessor)) continue;
    withheld.push({ code: 'channel-edge', names: [earlier], ...(reason === undefined ? {} : { reason }) });
  }
  if (turn.manifest.policy.mode === 'observe') withheld.push({ code: 'observe' });
  return withheld;
}

/** The channel's current rollout has its turn and every host of it has converged, or was left behind by policy. */
function isSettled({ surveys, turn }: PlannedChannel): boolean {
  return turn === surveys.at(-1) && turn !== null && turn.isComplete;
}

function decideHost({
  host,
  turn,
  onAll,
  wave,
  fetching,
  pass,
  now,
}: {
  readonly host: SurveyedHost;
  readonly turn: Survey;
  readonly onAll: readonly Withheld[];
  readonly wave: Withheld | null;
  readonly fetching: { count: number; readonly max: number | null };
  readonly pass: ChannelPass;
  readonly now: Instant;
}): HostDecision {
  const { entry, view, standing, name } = host;
  const base = { rolloutId: turn.rolloutId, entry };
  if (standing === 'converged') return { ...base, go: null, withheld: runningWithheld(host, now) };
  const phase = phaseIn(view, turn.rolloutId);
  const own = hostWithheld(host, turn, now);
  if (standing === 'failed') return { ...base, go: null, withheld: [...own, ...onAll] };
  if (phase && phase.name !== 'fetching' && standing === 'in-flight' && phase.name !== 'reverting') {
    return { ...base, go: null, withheld: own };
  }
  const withheld = [...onAll];
  const quarantine = view?.fold ? quarantineOf(view.fold.state, entry) : undefined;
  if (quarantine) withheld.push({ code: 'quarantined', reason: quarantine.cause });
  if (wave) withheld.push(wave);
  const edge = hostEdge(turn, name);
  if (edge) withheld.push(edge);
  if (standing === 'lost') withheld.push({ code: 'offline', names: [name] });
  const hasSlot = takesSlot(host);
  if (withheld.length === 0 && !hasSlot) {
    const budget = pass.budgets.blocking(name);
    if (budget) withheld.push(budget);
    else if (fetching.max !== null && fetching.count >= fetching.max) {
      withheld.push({ code: 'fetch-limit', have: fetching.count, need: fetching.max });
    }
  }
  if (withheld.length > 0) return { ...base, go: null, withheld: [...withheld, ...own] };
  // An offline host takes no slot: it gets its go when it is back.
  if (!view?.isOnline && !hasSlot) return { ...base, go: null, withheld: [{ code: 'offline', names: [name] }, ...own] };
  if (!hasSlot) {
    pass.budgets.take(name);
    fetching.count += 1;
  }
  return { ...base, go: { rolloutId: turn.rolloutId, wave: entry.wave, attempt: entry.attempt }, withheld: own };
}

/** What the host's own journal says it waits for; shown, and no reason to keep a go back. */
function hostWithheld({ view, standing, entry }: SurveyedHost, turn: Survey, now: Instant): Withheld[] {
  const state = view?.fold?.state;
  if (!state) return standing === 'unheard' ? [{ code: 'unheard-after-rebuild' }] : [];
  const { phase, retry, withheld } = state;
  const isAboutThis = 'target' in phase && phase.target.rolloutId === turn.rolloutId;
  if (isAboutThis && phase.name === 'soaking') return [{ code: 'soak', until: phase.soakUntil }];
  if (isAboutThis && phase.name === 'refused') return [{ code: 'refused', refusal: phase.reason }];
  if (isAboutThis && phase.name === 'deferred') return [{ code: 'reboot-needed', reason: phase.component }];
  if (isAboutThis && phase.name === 'failed') return [{ code: 'failed', reason: phase.cause }];
  if (isAboutThis && 'deadline' in phase) return [{ code: 'in-progress', until: phase.deadline, reason: phase.name }];
  if (retry?.rolloutId === turn.rolloutId && retry.closure === entry.closure && now < retry.notBefore) {
    return [{ code: 'retry-backoff', until: retry.notBefore, have: retry.count }];
  }
  if (isAboutThis && (phase.name === 'fetching' || phase.name === 'reverting' || phase.name === 'unconfirmed')) {
    return [{ code: 'in-progress', reason: phase.name }];
  }
  if (standing === 'failed') return [{ code: 'failed' }];
  return withheld === null ? [] : [withheld];
}

/** A converged host is told nothing; what it cannot do for itself is still shown. */
function runningWithheld({ view, name }: SurveyedHost, _now: Instant): Withheld[] {
  return view?.isOnline ? [] : [{ code: 'offline', names: [name] }];
}

function hostEdge({ manifest, hosts }: Survey, name: HostName): Withheld | null {
  const waiting: string[] = [];
  let why: string | undefined;
  for (const { gated, gates, reason } of manifest.edges) {
    if (gated !== name || waiting.length === namesMax) continue;
    if (hosts.find((host) => host.name === gates)?.standing === 'converged') continue;
    if (lookup(manifest.hosts, gates) === undefined) continue;
    waiting.push(gates);
    why ??= reason;
  }
  return waiting.length === 0
    ? null
    : { code: 'host-edge', names: waiting, ...(why === undefined ? {} : { reason: why }) };
}

// ---- summaries and deadlines

function summarise({ surveys, turn, brake }: PlannedChannel): RolloutSummary[] {
  const current = surveys.at(-1);
  const order = turn ? [turn, ...surveys.filter((survey) => survey !== turn).reverse()] : [];
  return order.map((survey) => {
    const { manifest, count, waves } = survey;
    const shut = waveGates(survey, false).findIndex((gate) => gate !== null);
    const open = (shut === -1 ? waves.length : shut) - 1;
    const withheld: Withheld[] = [];
    if (survey === turn && brake) withheld.push(brake);
    if (survey === current && survey !== turn && turn) {
      withheld.push({ code: 'waiting-for-rollout', names: [turn.rolloutId] });
    }
    return {
      rolloutId: survey.rolloutId,
      channel: manifest.channel,
      displayName: manifest.displayName,
      state: stateOf(survey, { isTurn: survey === turn, isCurrent: survey === current }),
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
  for (const hold of release.holds) consider(hold.expiresAt);
  for (const { brakes, brake, turn } of channels) {
    consider(brake?.until);
    consider(nextInterval(brakes.freezes, now)?.from);
    for (const { to } of brakes.windows ?? []) consider(to);
    consider(brakes.resolvedUntil ?? undefined);
    const grace = turn?.manifest.policy.offlineGraceSeconds ?? null;
    for (const { view, standing } of turn?.hosts ?? []) {
      if (!view || view.isOnline) continue;
      if (standing === 'in-flight' && turn) consider(lostAt(view, phaseIn(view, turn.rolloutId), turn.manifest));
      if (standing === 'pending' && grace !== null && view.lastSeenAt) consider(addSeconds(view.lastSeenAt, grace));
    }
  }
  for (const { withheld } of hosts.values()) for (const { until } of withheld) consider(until);
  return next;
}
