import type { EventContent, HostState, RolloutId } from '@nixfleet/contracts';
import { applyEvent, type EventPlace } from './apply-event.ts';
import { initialHostState } from './host-state.ts';
import type { HostFold, RolloutOutcome } from './planner-types.ts';

/** Outcomes kept per host: the newest rollouts it took part in. */
export const outcomesMax = 64;

/** Shared by every host that has taken part in nothing yet: most of a large fleet, most of the time. */
const noOutcomes: HostFold['outcomes'] = new Map();
const nothingYet: RolloutOutcome = { started: false, converged: false, failed: false };

/** What a state alone tells of a host whose events are not here: as a replay that begins at its checkpoint. */
export function foldOfState(state: HostState): HostFold {
  return { state, outcomes: outcomesIn(state, noOutcomes) };
}

/** Adds one verified event to what is known of its host; null before the first. */
export function foldEvent(fold: HostFold | null, event: EventContent & EventPlace): HostFold {
  const before = fold ?? { state: initialHostState, outcomes: noOutcomes };
  return { state: applyEvent(before.state, event), outcomes: outcomesAfter(before.outcomes, event) };
}

function outcomesAfter(outcomes: HostFold['outcomes'], event: EventContent): HostFold['outcomes'] {
  // A trial is part of no rollout.
  if ('target' in event.body && event.body.target.trialUntil !== undefined) return outcomes;
  switch (event.kind) {
    case 'fetching':
    case 'activating':
      return withOutcome(outcomes, event.body.target.rolloutId, { started: true });
    case 'converged':
      return withOutcome(outcomes, event.body.target.rolloutId, { converged: true });
    case 'failed':
      return withOutcome(outcomes, event.body.target.rolloutId, { started: true, failed: true, converged: false });
    case 'journal-started':
      return afterReinstall(outcomes);
    case 'checkpoint':
      // A replay may begin here.
      return outcomesIn(event.body.state, outcomes);
    default:
      return outcomes;
  }
}

/** What the state still tells of rollouts is taken over, so that a halt is not forgotten. */
function outcomesIn({ phase, quarantine }: HostState, outcomes: HostFold['outcomes']): HostFold['outcomes'] {
  let known = outcomes;
  for (const { rolloutId } of quarantine) known = withOutcome(known, rolloutId, { started: true, failed: true });
  if (phase.name === 'converged') return withOutcome(known, phase.target.rolloutId, { converged: true });
  const isInRollout = 'target' in phase && phase.target.trialUntil === undefined;
  return isInRollout ? withOutcome(known, phase.target.rolloutId, { started: true }) : known;
}

/** A new journal may mean another disk: what it ran counts no more, what failed is not forgotten. */
function afterReinstall(outcomes: HostFold['outcomes']): HostFold['outcomes'] {
  const failures = [...outcomes].filter(([, { failed }]) => failed);
  return new Map(failures.map(([rolloutId]) => [rolloutId, { started: true, converged: false, failed: true }]));
}

function withOutcome(
  outcomes: HostFold['outcomes'],
  rolloutId: RolloutId,
  change: Partial<RolloutOutcome>,
): HostFold['outcomes'] {
  const before = outcomes.get(rolloutId) ?? nothingYet;
  const after = { ...before, ...change };
  if (after.started === before.started && after.converged === before.converged && after.failed === before.failed) {
    return outcomes;
  }
  const changed = new Map(outcomes);
  // Newest last, so that the oldest fall out.
  changed.delete(rolloutId);
  changed.set(rolloutId, after);
  for (const oldest of changed.keys()) {
    if (changed.size <= outcomesMax) break;
    changed.delete(oldest);
  }
  return changed;
}
