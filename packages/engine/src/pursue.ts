import { addSeconds, type HostPhase, type HostTarget, type Withheld } from '@nixfleet/contracts';
import { heldByDrift, isToMend, isToPutBack, isToReactivate } from './drift.ts';
import type { Intent } from './host-input.ts';
import { failingProbe, isRunning, owesBoot, quarantineOf } from './host-state.ts';
import { type Pass, unreachable } from './pass.ts';
import { askToReboot } from './reboot.ts';
import { refusedRetrySeconds } from './refused.ts';
import { isSame } from './same-target.ts';
import { endTrialIfOver, mayTry } from './trial.ts';

/** Acts on the newest intent, if the phase lets it. */
export function pursue(pass: Pass): void {
  const { intent } = pass.working;
  const { phase } = pass;
  if (intent === null) return;
  switch (phase.name) {
    case 'converged':
      consider(pass, intent);
      return askToReboot(pass, intent);
    case 'pending':
    case 'refused':
    case 'reverted':
    case 'soaking':
      return consider(pass, intent);
    case 'deferred':
      // While a booted closure is being armed for its confirmation, nothing else starts.
      if (pass.working.busy !== null) return;
      consider(pass, intent);
      return askToReboot(pass, intent);
    case 'failed':
    case 'unconfirmed':
      // With somewhere to go back to, the revert comes first.
      return phase.revertTo === null ? consider(pass, intent) : undefined;
    case 'fetching':
      return considerFetching(pass, phase.target, intent);
    case 'trying':
      return endTrialIfOver(pass, phase, intent);
    case 'activating':
    case 'rebooting':
    case 'confirming':
    case 'reverting':
      return undefined;
    default:
      return unreachable(phase);
  }
}

function consider(pass: Pass, intent: Intent): void {
  const { phase } = pass;
  const { target, policy } = intent;
  // What it holds already is switched to once more only where the machine was changed and is to be put right.
  if (holds(phase, target) && !isToReactivate(pass.state, intent)) return;
  if (target.trialUntil !== undefined && !mayTry(pass.state, target, pass.now)) return;
  if (isAt(pass, target) && !holds(phase, target) && !isToMend(pass.state, policy)) {
    // A boot that was refused is not asked for again at once.
    const isResting = phase.name === 'refused' && phase.reason === 'reboot-refused' && isRefusedLately(pass, target);
    return isResting ? undefined : convergeInPlace(pass, target);
  }
  const obstacle = obstacleTo(pass, intent);
  if (obstacle) return withhold(pass, obstacle);
  if (!intent.hasGo) return withhold(pass, null);
  if (isRefusedLately(pass, target)) return;
  // Only what would start now needs a control plane that answers.
  if (intent.brake) return withhold(pass, intent.brake);
  const { confirm, activationTimeoutSeconds, onFailedUnits, onHealthFailure } = policy;
  const { unconfirmedRetrySeconds, unconfirmedRetryMaxSeconds, compliance } = policy;
  pass.event({
    kind: 'fetching',
    body: {
      target,
      policy: {
        confirm,
        activationTimeoutSeconds,
        ...(onFailedUnits === undefined ? {} : { onFailedUnits }),
        onHealthFailure,
        unconfirmedRetrySeconds,
        unconfirmedRetryMaxSeconds,
        compliance,
      },
    },
  });
  pass.start({ type: 'fetch', target });
}

/** A host whose closure is unchanged keeps its soak. */
function holds(phase: HostPhase, target: HostTarget): boolean {
  if (phase.name === 'soaking') return phase.target.closure === target.closure;
  return (phase.name === 'converged' || phase.name === 'deferred') && isSame(phase.target, target);
}

/** What stands against this target whether or not there is a go; in the order in which it is shown. */
function obstacleTo({ state, now }: Pass, { target, policy, brake }: Intent): Withheld | null {
  const quarantine = quarantineOf(state, target);
  if (quarantine) return { code: 'quarantined', reason: quarantine.cause };
  if (state.retry !== null && state.retry.rolloutId === target.rolloutId && now < state.retry.notBefore) {
    return { code: 'retry-backoff', until: state.retry.notBefore };
  }
  if (policy.mode === 'observe') return { code: 'observe' };
  const held = heldByDrift(state, { closure: target.closure, policy });
  if (held) return held;
  return brake !== null && brake.code !== 'control-plane-silent' ? brake : null;
}

/** Nothing is left to do for it: it runs, confirmed, and was booted as often as it is to be. */
function isAt({ state }: Pass, { closure, reboots }: HostTarget): boolean {
  return isRunning(state, closure) && !owesBoot(state, reboots);
}

function convergeInPlace(pass: Pass, target: HostTarget): void {
  const failing = failingProbe(pass.state);
  // A receipt that lets the next wave start is not signed while an enforced probe fails.
  if (failing !== undefined) return withhold(pass, { code: 'failed', reason: `probe ${failing} fails` });
  pass.event({ kind: 'converged', body: { target, switched: false } });
}

function isRefusedLately({ phase, now }: Pass, target: HostTarget): boolean {
  if (phase.name !== 'refused' || !isSame(phase.target, target)) return false;
  // An older journal does not tell how long: the shortest wait.
  return now < (phase.retryNotBefore ?? addSeconds(phase.at, refusedRetrySeconds));
}

/** While fetching: another target replaces it, a brake ends it, and after a restart the fetch is started again. */
function considerFetching(pass: Pass, fetching: HostTarget, intent: Intent): void {
  if (!isSame(fetching, intent.target)) return turnTo(pass, intent);
  // Booted meanwhile by somebody else, which was all that was left.
  const isToGoOn = isToMend(pass.state, intent.policy) || isToPutBack(pass.state, intent);
  if (isAt(pass, fetching) && !isToGoOn) return convergeInPlace(pass, fetching);
  const held = heldByDrift(pass.state, { closure: fetching.closure, policy: intent.policy });
  if (held) return withhold(pass, held);
  // A fetch may outlast a minute of silence: what counts is the recheck before arming.
  if (intent.brake && intent.brake.code !== 'control-plane-silent') return withhold(pass, intent.brake);
  if (pass.working.busy === null) pass.start({ type: 'fetch', target: fetching });
}

/** Gives up a fetch for a newer intent; if that may not start, the host is pending again. */
function turnTo(pass: Pass, intent: Intent): void {
  const before = pass.phase;
  consider(pass, intent);
  if (pass.phase === before) withhold(pass, { code: 'no-go' });
}

/** Answer of the control plane just before arming. True: the switch may go on. */
export function isStillWanted(pass: Pass, target: HostTarget, intent: Intent | null): boolean {
  if (intent === null || (isSame(intent.target, target) && !intent.hasGo)) {
    withhold(pass, { code: 'no-go' });
    return false;
  }
  if (!isSame(intent.target, target)) {
    turnTo(pass, intent);
    return false;
  }
  const against = heldByDrift(pass.state, { closure: target.closure, policy: intent.policy }) ?? intent.brake;
  if (against === null) return true;
  withhold(pass, against);
  return false;
}

/** Journals what withholds the host when that changes; null when nothing does any more but its go. */
function withhold(pass: Pass, withheld: Withheld | null): void {
  const before = pass.state.withheld;
  // A fetch that is given up is always told: its phase ends with it.
  if (pass.phase.name === 'fetching' && withheld !== null) return pass.event({ kind: 'withheld', body: { withheld } });
  if (before?.code === withheld?.code && before?.until === withheld?.until && before?.reason === withheld?.reason)
    return;
  pass.event({ kind: 'withheld', body: { withheld } });
}
