import type { Pass } from './pass.ts';

/** Times where the policy of the switch is not known, in seconds. */
const confirmSecondsDefault = 600;
const activationSecondsDefault = 600;

export function confirmSeconds({ state }: Pass): number {
  return state.policy?.confirm.timeoutSeconds ?? confirmSecondsDefault;
}

export function activationSeconds({ state }: Pass): number {
  return state.policy?.activationTimeoutSeconds ?? activationSecondsDefault;
}
