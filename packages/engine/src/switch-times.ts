import { collectionSecondsMax, type SwitchPolicy } from '@nixfleet/contracts';
import type { Pass } from './pass.ts';

/** Times where the policy of the switch is not known, in seconds. */
const confirmSecondsDefault = 600;
const activationSecondsDefault = 600;

/** For a collection to be prepared, started, ended when it hangs, and verified, in seconds. */
const collectionSlackSeconds = 60;

/**
 * From the end of an activation until the dead man's switch reverts, in seconds. Where evidence decides, a collection has its
 * own time: one that hangs is a failure, which is told and not tried again, and no silence.
 */
export function confirmSecondsOf({ confirm, compliance }: Pick<SwitchPolicy, 'confirm' | 'compliance'>): number {
  const collectionSeconds = compliance?.mode === 'enforce' ? collectionSecondsMax + collectionSlackSeconds : 0;
  return confirm.timeoutSeconds + collectionSeconds;
}

export function confirmSeconds({ state }: Pass): number {
  return state.policy ? confirmSecondsOf(state.policy) : confirmSecondsDefault;
}

export function activationSeconds({ state }: Pass): number {
  return state.policy?.activationTimeoutSeconds ?? activationSecondsDefault;
}
