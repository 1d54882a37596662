import { type HostPhase, type HostState, type HostTarget, type Instant, instantToMs } from '@nixfleet/contracts';
import type { Intent } from './host-input.ts';
import type { Pass } from './pass.ts';
import { revert } from './revert.ts';
import { isSame } from './same-target.ts';

type Trying = Extract<HostPhase, { name: 'trying' }>;

/**
 * A trial begins once, from a host that is at rest on what it has confirmed, so that there is something to go back to; one
 * that soaks or switches comes first.
 */
export function mayTry(
  { phase, running, confirmed, trialEnded }: HostState,
  { rolloutId, closure, trialUntil }: HostTarget,
  now: Instant,
): boolean {
  const isAtRest = phase.name === 'pending' || phase.name === 'converged' || phase.name === 'refused';
  if (trialUntil === undefined || trialUntil <= now || trialEnded === rolloutId) return false;
  if (!isAtRest && phase.name !== 'reverted' && phase.name !== 'fetching') return false;
  return confirmed !== null && running === confirmed.closure && running !== closure;
}

/** The dead man's switch is armed anew, until the trial's end: from then on it ends without agent, network or server. */
export function guardTrial(pass: Pass, target: HostTarget): void {
  if (pass.phase.name !== 'confirming' || target.trialUntil === undefined) return;
  const left = Math.ceil((instantToMs(target.trialUntil) - instantToMs(pass.now)) / 1000);
  pass.start({ type: 'arm', target, revertTo: pass.phase.revertTo, seconds: Math.max(1, left) });
}

export function onTrialArmed(
  pass: Pass,
  { target, revertTo }: Extract<HostPhase, { name: 'confirming' }>,
  deadline: Instant,
): void {
  if (target.trialUntil === undefined) return;
  pass.event({ kind: 'trying', body: { target, revertTo, deadline } });
}

/** Its time is over, or the newest release names it no longer. */
export function endTrialIfOver(pass: Pass, phase: Trying, intent: Intent | null): void {
  const isOver = phase.deadline <= pass.now || (intent !== null && !isSame(intent.target, phase.target));
  if (isOver) endTrial(pass, phase);
}

export function endTrial(pass: Pass, { target, revertTo }: Trying): void {
  if (revertTo !== null) revert(pass, { target, to: revertTo, cause: 'trial-ended' });
}
