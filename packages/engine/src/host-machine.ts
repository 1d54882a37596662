import type { HostPhaseName, Instant } from '@nixfleet/contracts';
import {
  confirmAfterReboot,
  onActivated,
  onArmed,
  onArmRefused,
  onFetched,
  onFetchRefused,
  onRechecked,
} from './activate.ts';
import {
  onAccepted,
  onChecksKnown,
  onCommitFailed,
  onCommitLost,
  onCommitted,
  onConfirmDeadline,
  onProbe,
  settle,
} from './confirm.ts';
import { driftBody, strayDefault } from './drift.ts';
import type { HostInput, HostMemory, StepResult } from './host-input.ts';
import { initialHostState } from './host-state.ts';
import { initialWorkingMemory, Pass, unreachable } from './pass.ts';
import { pursue } from './pursue.ts';
import { onRebootDeadline, onRebootRefused, seeReboots } from './reboot.ts';
import { onStarted } from './recover.ts';
import { onDeadMan, onReverted, retryRevert, unconfirm } from './revert.ts';
import { endTrialIfOver } from './trial.ts';

export const initialMemory: HostMemory = { state: initialHostState, working: initialWorkingMemory };

/**
 * One step of the host machine (SPEC.md): facts in, journal events and effects out. Total and deterministic; an input
 * that does not fit the phase it arrives in changes nothing, because workers may report late or twice.
 */
export function step(memory: HostMemory, input: HostInput, { now }: { readonly now: Instant }): StepResult {
  const pass = new Pass(memory, now);
  react(pass, input);
  return pass.result();
}

function react(pass: Pass, input: HostInput): void {
  switch (input.type) {
    case 'started':
      return onStarted(pass, input);
    case 'intent':
      pass.remember({ intent: input.intent });
      seeReboots(pass);
      return pursue(pass);
    case 'fetched':
      return onFetched(pass, input.id);
    case 'fetch-refused':
      return onFetchRefused(pass, input);
    case 'rechecked':
      return onRechecked(pass, input);
    case 'armed':
      return onArmed(pass, input);
    case 'arm-refused':
      return onArmRefused(pass, input);
    case 'activated':
      return onActivated(pass, input);
    case 'reboot-refused':
      return onRebootRefused(pass, input);
    case 'checks-known':
      return onChecksKnown(pass, input);
    case 'probe':
      return onProbe(pass, input);
    case 'accepted':
      return onAccepted(pass, input.id);
    case 'committed':
      return onCommitted(pass, input.id);
    case 'commit-lost':
      return onCommitLost(pass, input.id);
    case 'commit-failed':
      return onCommitFailed(pass, input.id, input.detail);
    case 'dead-man':
      return onDeadMan(pass, input.report);
    case 'reverted':
      return onReverted(pass, input);
    case 'observed':
      return onObserved(pass, input);
    case 'tick':
      return onTick(pass);
    default:
      return unreachable(input);
  }
}

function onTick(pass: Pass): void {
  const { phase, now, working } = pass;
  switch (phase.name) {
    case 'activating':
      if (phase.deadline <= now) {
        unconfirm(pass, working.busy?.type === 'await-activation' ? 'agent-restarted' : 'dead-man');
      }
      return;
    case 'confirming':
      if (phase.deadline <= now) onConfirmDeadline(pass);
      return;
    case 'rebooting':
      return onRebootDeadline(pass, phase);
    case 'soaking':
      settle(pass);
      // Without the soak's end a newer target may still have to start.
      if (pass.phase.name === 'soaking') pursue(pass);
      return;
    case 'trying':
      return endTrialIfOver(pass, phase, pass.working.intent);
    case 'reverting':
      return retryRevert(pass, phase.to);
    default:
      return pursue(pass);
  }
}

/** The machine is being changed by us: what it runs meanwhile is no drift. */
const midSwitch: ReadonlySet<HostPhaseName> = new Set(['activating', 'rebooting', 'confirming', 'trying', 'reverting']);

/** A change outside NixFleet is told, and its end too. What becomes of it is the channel's policy. */
function onObserved(pass: Pass, { running, bootDefault }: Extract<HostInput, { type: 'observed' }>): void {
  const { phase, state } = pass;
  if (midSwitch.has(phase.name)) return;
  if (phase.name === 'deferred' && running === phase.target.closure) {
    if (pass.working.busy === null) confirmAfterReboot(pass, phase.target);
    return;
  }
  if (state.confirmed === null) return;
  const stray = strayDefault(state, bootDefault);
  if (running === state.running && stray === state.bootDefault) return;
  pass.event({ kind: 'drift', body: driftBody(state.confirmed.closure, running, stray) });
}
