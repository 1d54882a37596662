import type { HostPhase, HostPhaseName, RolloutId } from '@nixfleet/contracts';
import type { HostView } from './planner-types.ts';

/** At work on a target, or about to be. */
export const switchingPhases: ReadonlySet<HostPhaseName> = new Set([
  'fetching',
  'activating',
  'rebooting',
  'confirming',
  'trying',
  'soaking',
  'reverting',
]);

/** Whether the host is in the midst of a switch, for whatever rollout. */
export function isSwitching(view: HostView | undefined): boolean {
  const phase = view?.fold?.state.phase;
  return phase !== undefined && switchingPhases.has(phase.name);
}

/** The host's phase, if it is about this rollout. */
export function phaseIn(
  view: HostView | undefined,
  rolloutId: RolloutId,
): Extract<HostPhase, { target: unknown }> | null {
  const phase = view?.fold?.state.phase;
  return phase && 'target' in phase && phase.target.rolloutId === rolloutId ? phase : null;
}
