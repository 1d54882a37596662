import type { HostName, Instant, Withheld } from '@nixfleet/contracts';
import { isEmergencyAt } from './brake.ts';
import { Budgets } from './budget.ts';
import { decideHost } from './decide-host.ts';
import { rebootOrder } from './decide-reboot.ts';
import { type ActiveTrial, activeTrials, decideTrial } from './decide-trial.ts';
import { mayFetch } from './fetch-places.ts';
import { phaseIn } from './host-progress.ts';
import { namesMax } from './names.ts';
import { nextDeadline } from './next-deadline.ts';
import { type PlannedChannel, type PlannedRollout, planChannel } from './planned-channel.ts';
import type { AgainstAll, HostDecision, Plan, PlannerRelease, PlannerViews } from './planner-types.ts';
import { sortedEntriesOf } from './sorted-entries.ts';
import { summarise } from './summarise.ts';
import { haltOf, type Survey, type SurveyedHost } from './survey.ts';

/**
 * One full planning pass (SPEC.md): who may start now, and what withholds everybody else. Total and deterministic;
 * slots of budgets are taken in order of host names within the pass, so no two passes' worth of hosts overshoot.
 */
export function plan(release: PlannerRelease, views: PlannerViews, now: Instant): Plan {
  const isEmergency = isEmergencyAt(release.document.emergency, { isApproved: release.emergencyApproved, now });
  const trials = activeTrials(release, views, now);
  const channels = sortedEntriesOf(release.document.channels).map(([name, channel]) =>
    planChannel({ name, channel, release, views, trials, isEmergency, now }),
  );
  const running = new Map<string, PlannedChannel>(channels.map((channel) => [channel.name, channel]));
  const budgets = new Budgets(
    channels.flatMap(({ rollouts }) => rollouts.map(({ survey }) => survey)),
    views,
    now,
  );
  const rebuilding = rebuildingReason(release, views, now);
  const hosts = new Map<HostName, HostDecision>();
  for (const channel of channels) decideChannel({ channel, running, trials, budgets, rebuilding, hosts, now });
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

interface ChannelPass {
  readonly channel: PlannedChannel;
  readonly running: ReadonlyMap<string, PlannedChannel>;
  readonly trials: ReadonlyMap<HostName, ActiveTrial>;
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
  for (const host of survey.hosts) {
    if (mayFetch({ host, rolloutId: survey.rolloutId, trial: pass.trials.get(host.name) })) fetching.count += 1;
  }
  const reboots = rebootOrder(survey);
  const { budgets } = pass;
  for (const host of refusingLast(survey)) {
    const trial = pass.trials.get(host.name);
    if (trial) {
      pass.hosts.set(host.name, decideTrial({ host, turn: survey, trial, onAll, fetching, budgets, now }));
      continue;
    }
    const wave = gates[host.entry.wave] ?? null;
    pass.hosts.set(host.name, decideHost({ host, turn: survey, onAll, wave, fetching, reboots, budgets, now }));
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

/** In order of names, but a host that keeps refusing never takes the slot of one that may succeed. */
function refusingLast({ hosts, rolloutId, count }: Survey): readonly SurveyedHost[] {
  if (count.retrying === 0) return hosts;
  const isRefusing = ({ view }: SurveyedHost) => phaseIn(view, rolloutId)?.name === 'refused';
  return [...hosts.filter((host) => !isRefusing(host)), ...hosts.filter(isRefusing)];
}

function againstChannel({ channel, running, rebuilding }: ChannelPass, { survey }: PlannedRollout): AgainstAll {
  const first: Withheld[] = [];
  const then: Withheld[] = [];
  for (const brake of channel.standing) {
    (brake.code === 'hold' || brake.code === 'head-expired' ? first : then).push(brake);
  }
  if (rebuilding) first.push(rebuilding);
  const halted = haltOf(survey);
  if (halted) first.push(halted);
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
