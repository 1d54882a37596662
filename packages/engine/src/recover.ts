import type { HostPhase, StorePath } from '@nixfleet/contracts';
import { activated, confirmAfterReboot, probeRunning } from './activate.ts';
import { confirmed } from './confirm.ts';
import { driftBody, strayDefault } from './drift.ts';
import type { HostInput } from './host-input.ts';
import { initialWorkingMemory, type Pass, unreachable } from './pass.ts';
import { startReboot } from './reboot.ts';
import { afterDeadMan, fail, onDeadMan, revert, settleRevert, startRevert, unconfirm } from './revert.ts';
import { endTrial } from './trial.ts';

type Started = Extract<HostInput, { type: 'started' }>;

/** The agent starts: what the journal says last, against what is found on the machine. */
export function onStarted(pass: Pass, input: Started): void {
  const { phase } = pass;
  const isSameBoot = pass.state.bootId === null || pass.state.bootId === input.bootId;
  pass.booted(input.bootId);
  pass.remember({ ...initialWorkingMemory, nextId: pass.working.nextId });
  pass.event({ kind: 'started', body: { running: input.running, agentVersion: input.agentVersion } });
  switch (phase.name) {
    case 'activating':
      return recoverActivation(pass, phase, input, isSameBoot);
    case 'rebooting':
      return recoverReboot(pass, phase, input, isSameBoot);
    case 'confirming':
      return recoverConfirming(pass, phase, input, isSameBoot);
    case 'trying':
      return recoverTrial(pass, phase, input, isSameBoot);
    case 'unconfirmed':
    case 'failed':
      if (phase.revertTo === null) return probeRunning(pass);
      return revert(pass, { target: phase.target, to: phase.revertTo, cause: phase.name });
    case 'reverting':
      return recoverReverting(pass, phase.to, input);
    case 'deferred':
      // It is not switched to live, so it runs only if it was booted.
      return input.running === phase.target.closure ? confirmAfterReboot(pass, phase.target) : probeRunning(pass);
    case 'pending':
    case 'fetching':
    case 'soaking':
    case 'converged':
    case 'refused':
    case 'reverted':
      reportDrift(pass, input);
      return probeRunning(pass);
    default:
      return unreachable(phase);
  }
}

function reportDrift(pass: Pass, { running, bootDefault }: Started): void {
  const { confirmed: last, bootDefault: known } = pass.state;
  if (last === null) return;
  const stray = strayDefault(pass.state, bootDefault);
  if (running === last.closure && stray === undefined && known === undefined) return;
  pass.event({ kind: 'drift', body: driftBody(last.closure, running, stray) });
}

/** Killed between arming and the end of the switch. */
function recoverActivation(
  pass: Pass,
  phase: Extract<HostPhase, { name: 'activating' }>,
  { deadMan, activation, running }: Started,
  isSameBoot: boolean,
): void {
  if (deadMan.kind === 'fired') return unconfirm(pass, 'dead-man', deadMan);
  // A failure, or nothing changed: as good after a reboot as before it.
  if (typeof activation === 'object' && activation.kind !== 'ok') return activated(pass, phase, activation);
  if (!isSameBoot) return unconfirm(pass, 'rebooted');
  // How the switch ended is not known, or nothing would undo it: so it cannot be confirmed.
  if (activation === 'unknown' || !isGuarded(phase.revertTo, deadMan)) return unconfirm(pass, 'agent-restarted');
  if (activation === 'running') return pass.start({ type: 'await-activation', target: phase.target });
  if (running !== phase.target.closure) return unconfirm(pass, 'agent-restarted');
  activated(pass, phase, activation);
}

/** The agent was told to boot the machine: it came up again, or the agent alone was started anew. */
function recoverReboot(
  pass: Pass,
  { target, revertTo }: Extract<HostPhase, { name: 'rebooting' }>,
  { deadMan, running, wasBootOrdered }: Started,
  isSameBoot: boolean,
): void {
  if (isSameBoot) return startReboot(pass, { target, revertTo });
  if (deadMan.kind === 'fired') return unconfirm(pass, 'dead-man', deadMan);
  if (running === target.closure) return confirmAfterReboot(pass, target);
  if (!wasBootOrdered) return unconfirm(pass, 'rebooted');
  fail(pass, { cause: 'boot-failed', detail: `booted into ${running ?? 'nothing known'}, not ${target.closure}` });
}

/** Killed after the switch and before `confirmed`. */
function recoverConfirming(
  pass: Pass,
  { target, revertTo }: Extract<HostPhase, { name: 'confirming' }>,
  { deadMan, running }: Started,
  isSameBoot: boolean,
): void {
  if (deadMan.kind === 'fired') return unconfirm(pass, 'dead-man', deadMan);
  // Disarming is the last act of a commit: everything before it had succeeded.
  if (deadMan.kind === 'disarmed' && running === target.closure && target.trialUntil === undefined) {
    confirmed(pass);
    return probeRunning(pass);
  }
  if (!isSameBoot) return unconfirm(pass, 'rebooted');
  if (running !== target.closure || !isGuarded(revertTo, deadMan)) return unconfirm(pass, 'agent-restarted');
  pass.probeAfresh(target.closure);
}

/** A boot ends a trial, and so does losing what would end it. */
function recoverTrial(
  pass: Pass,
  phase: Extract<HostPhase, { name: 'trying' }>,
  { deadMan, running }: Started,
  isSameBoot: boolean,
): void {
  if (deadMan.kind === 'fired') return onDeadMan(pass, deadMan);
  const goesOn = isSameBoot && deadMan.kind === 'armed' && running === phase.target.closure;
  if (goesOn) return pass.probeAfresh(phase.target.closure);
  const { target, revertTo } = phase;
  if (isSameBoot || running === null || running !== revertTo) return endTrial(pass, phase);
  // Booted: it runs what it boots, which a trial never becomes.
  pass.event({ kind: 'reverting', body: { target, to: running, cause: 'trial-ended' } });
  settleRevert(pass, { running, by: 'boot' });
}

/** The dead man's switch stands, or there is nothing that it could go back to. */
function isGuarded(revertTo: StorePath | null, { kind }: Started['deadMan']): boolean {
  return revertTo === null || kind === 'armed';
}

function recoverReverting(pass: Pass, to: StorePath, { deadMan, running }: Started): void {
  if (deadMan.kind === 'fired' && (deadMan.ok === null || (deadMan.ok && running === to))) {
    return afterDeadMan(pass, deadMan);
  }
  startRevert(pass, to);
}
