import type { RolloutStateName, RolloutSummary, Withheld } from '@nixfleet/contracts';
import { phaseIn } from './host-progress.ts';
import type { PlannedChannel } from './planned-channel.ts';
import { haltOf, type Survey, type WaveGates } from './survey.ts';

export function summarise({ rollouts, current, turn, standing }: PlannedChannel): RolloutSummary[] {
  const order = turn ? [turn, ...rollouts.filter((rollout) => rollout !== turn).reverse()] : rollouts;
  return order.map((rollout) => {
    const { survey, gates } = rollout;
    const { manifest, count, waves } = survey;
    const shut = gates.findIndex((gate) => gate !== null);
    const open = (shut === -1 ? waves.length : shut) - 1;
    const withheld: Withheld[] = [];
    if (rollout === turn) withheld.push(...standing);
    const halted = rollout === turn ? haltOf(survey) : null;
    if (halted) withheld.push(halted);
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
      leftBehind: survey.hosts
        .filter(({ standing, entry }) => standing === 'excused' && (survey.isComplete || hasGoneOn(gates, entry.wave)))
        .map(({ name }) => name),
      introducedIn: manifest.introducedIn,
      withheld,
    };
  });
}

/** The wave waits for nobody any more: it is open, and so is the one after it. Receipts of all its hosts may be demanded still. */
function hasGoneOn(gates: WaveGates, wave: number): boolean {
  return (gates[wave] ?? null) === null && (gates[wave + 1] ?? null) === null;
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
