import { addSeconds, type HostPhase, type HostTarget, type Instant } from '@nixfleet/contracts';
import { clip } from './clip.ts';
import type { ActivationOutcome, HostInput, Intent } from './host-input.ts';
import { owesBoot } from './host-state.ts';
import { type Pass, unreachable } from './pass.ts';
import { isStillWanted } from './pursue.ts';
import { bootInto, rebootIfDue, seeReboots } from './reboot.ts';
import { refused } from './refused.ts';
import { fail, unconfirm } from './revert.ts';
import { activationSeconds, confirmSeconds } from './switch-times.ts';
import { onTrialArmed } from './trial.ts';

export function onFetched(pass: Pass, id: number): void {
  const { phase } = pass;
  if (phase.name === 'fetching' && pass.awaits(id, 'fetch')) pass.start({ type: 'recheck', target: phase.target });
}

export function onFetchRefused(
  pass: Pass,
  { id, reason, detail }: Extract<HostInput, { type: 'fetch-refused' }>,
): void {
  const { phase } = pass;
  if (phase.name === 'fetching' && pass.awaits(id, 'fetch')) refused(pass, { target: phase.target, reason, detail });
}

/** The `go` is asked for once more just before arming: a hold or halt of the meantime still stops the switch. */
export function onRechecked(pass: Pass, { id, intent }: { readonly id: number; readonly intent: Intent | null }): void {
  const { phase } = pass;
  if (!pass.awaits(id, 'recheck')) return;
  pass.remember({ intent, busy: null });
  seeReboots(pass);
  if (phase.name !== 'fetching') return rebootIfDue(pass, intent);
  if (!isStillWanted(pass, phase.target, intent)) return;
  if (owesBoot(pass.state, phase.target.reboots)) {
    return bootInto(pass, phase.target, `reboots = ${phase.target.reboots}`);
  }
  arm(pass, phase.target, activationSeconds(pass) + confirmSeconds(pass));
}

function arm(pass: Pass, target: HostTarget, seconds: number): void {
  pass.start({ type: 'arm', target, revertTo: pass.state.confirmed?.closure ?? null, seconds });
}

export function onArmed(pass: Pass, { id, deadline }: { readonly id: number; readonly deadline: Instant }): void {
  const { phase } = pass;
  if (!pass.awaits(id, 'arm')) return;
  if (phase.name === 'confirming') return onTrialArmed(pass, phase, deadline);
  if (phase.name === 'deferred' || phase.name === 'rebooting') {
    pass.event({ kind: 'confirming', body: { target: phase.target, deadline } });
    return pass.probeAfresh(phase.target.closure);
  }
  if (phase.name !== 'fetching') return;
  const { target } = phase;
  const revertTo = pass.state.confirmed?.closure ?? null;
  pass.event({ kind: 'activating', body: { target, revertTo, deadline } });
  const onFailedUnits = pass.state.policy?.onFailedUnits ?? 'new';
  pass.start({ type: 'activate', target, timeoutSeconds: activationSeconds(pass), onFailedUnits });
}

export function onArmRefused(pass: Pass, { id, detail }: { readonly id: number; readonly detail: string }): void {
  const { phase } = pass;
  if (!pass.awaits(id, 'arm')) return;
  // It runs the target already, and nothing would undo it.
  if (phase.name === 'rebooting') return unconfirm(pass, 'rebooted');
  if (phase.name === 'confirming' && phase.target.trialUntil !== undefined) return unconfirm(pass, 'dead-man');
  if (phase.name !== 'fetching' && phase.name !== 'deferred') return;
  refused(pass, { target: phase.target, reason: 'dead-man-not-armed', detail });
}

export function onActivated(pass: Pass, { id, outcome }: Extract<HostInput, { type: 'activated' }>): void {
  const { phase } = pass;
  if (phase.name !== 'activating' || !pass.awaits(id, 'activate', 'await-activation')) return;
  activated(pass, phase, outcome);
}

/** Takes note of how the switch ended. */
export function activated(
  pass: Pass,
  { target, deadline }: Extract<HostPhase, { name: 'activating' }>,
  outcome: ActivationOutcome,
): void {
  switch (outcome.kind) {
    case 'ok': {
      const { output, running, detail: noted } = outcome;
      if (running !== target.closure) {
        const detail = `expected ${target.closure}, the machine runs ${running ?? 'nothing known'}`;
        return fail(pass, { cause: 'system-mismatch', output, detail });
      }
      // The time to confirm runs from the end of activation; the dead man's own deadline bounds it.
      const confirmBy = addSeconds(pass.now, confirmSeconds(pass));
      pass.event({
        kind: 'confirming',
        body: {
          target,
          deadline: confirmBy < deadline ? confirmBy : deadline,
          output,
          ...(noted === undefined ? {} : { detail: clip(noted, 1000) }),
        },
      });
      return pass.probeAfresh(target.closure);
    }
    case 'failed':
      return fail(pass, { cause: outcome.cause, output: outcome.output });
    case 'refused': {
      pass.disarm();
      refused(pass, { target, reason: outcome.reason, detail: outcome.detail });
      return probeRunning(pass);
    }
    case 'needs-reboot':
      pass.disarm();
      if (target.trialUntil !== undefined) {
        const detail = `${outcome.component} needs a reboot, and a trial ends with one`;
        return refused(pass, { target, reason: 'trial-needs-reboot', detail });
      }
      pass.event({ kind: 'deferred', body: { target, component: clip(outcome.component, 64) } });
      return probeRunning(pass);
    default:
      return unreachable(outcome);
  }
}

export function probeRunning(pass: Pass): void {
  const { running } = pass.state;
  if (running !== null) pass.probeAfresh(running);
}

/** The target was booted: it is guarded by the agent's own dead man's switch, and confirms by the same rules. */
export function confirmAfterReboot(pass: Pass, target: HostTarget): void {
  arm(pass, target, confirmSeconds(pass));
}
