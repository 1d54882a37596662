import type { RolloutId } from '@nixfleet/contracts';
import { isSwitching, phaseIn } from './host-progress.ts';
import type { SurveyedHost } from './survey.ts';

/**
 * Fetches, for whatever rollout: it turns to the newest without giving its place up. Or was told to start this one and has not
 * yet said so, whatever it ends first.
 */
export function mayFetch({ view, standing }: SurveyedHost, rolloutId: RolloutId): boolean {
  const phase = view?.fold?.state.phase;
  return phase?.name === 'fetching' || (standing === 'in-flight' && phaseIn(view, rolloutId) === null);
}

/** A go would take one more place among those that fetch: it has none yet, and is not past that in this rollout. */
export function wantsToFetch(host: SurveyedHost, rolloutId: RolloutId): boolean {
  const isPast = phaseIn(host.view, rolloutId) !== null && isSwitching(host.view);
  return !mayFetch(host, rolloutId) && !isPast;
}
