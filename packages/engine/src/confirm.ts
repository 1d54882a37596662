import { addSeconds, type CheckName, complianceCheck, type HostTarget } from '@nixfleet/contracts';
import { clip } from './clip.ts';
import type { CheckProgress, HostInput, WorkingMemory } from './host-input.ts';
import type { Pass } from './pass.ts';
import { pursue } from './pursue.ts';
import { fail, unconfirm } from './revert.ts';
import { guardTrial } from './trial.ts';

type ProbeInput = Extract<HostInput, { type: 'probe' }>;

export function onChecksKnown(pass: Pass, { id, enforced }: Extract<HostInput, { type: 'checks-known' }>): void {
  if (pass.working.probing !== id) return;
  pass.remember({ enforced });
  settle(pass);
}

export function onProbe(pass: Pass, input: ProbeInput): void {
  if (pass.working.probing !== input.id) return;
  const { check, mode, status, failureThreshold, detail } = input;
  const before = pass.working.checks.find((progress) => progress.check === check);
  const consecutiveFailures = status === 'pass' ? 0 : (before?.consecutiveFailures ?? 0) + 1;
  const progress: CheckProgress = {
    check,
    mode,
    consecutiveFailures,
    passedSinceActivation: status === 'pass' || (before?.passedSinceActivation ?? false),
    lastStatus: status,
  };
  pass.remember({ checks: [...pass.working.checks.filter((other) => other.check !== check), progress] });
  const isFailed = consecutiveFailures >= failureThreshold;
  if (status === 'pass' || isFailed) reportProbe(pass, progress, detail);
  if (isFailed && mode === 'enforce') failOnProbe(pass, check, detail);
  settle(pass);
}

/** Journals a probe when its verdict changes, not every time it runs. */
function reportProbe(
  pass: Pass,
  { check, mode, lastStatus: status, consecutiveFailures }: CheckProgress,
  detail: string | undefined,
): void {
  const known = pass.state.probes;
  if (Object.hasOwn(known, check) && known[check]?.status === status && known[check].mode === mode) return;
  const said = detail === undefined ? {} : { detail: clip(detail, 512) };
  pass.event({ kind: 'probe', body: { check, mode, status, consecutiveFailures, ...said } });
}

function failOnProbe(pass: Pass, check: CheckName, detail: string | undefined): void {
  const { name } = pass.phase;
  if (name !== 'confirming' && name !== 'soaking' && name !== 'trying') return;
  const cause = check === complianceCheck ? 'compliance-failed' : 'probe-failed';
  fail(pass, { cause, check, ...(detail === undefined ? {} : { detail }) });
}

/** Goes on as soon as probes and time let it. */
export function settle(pass: Pass): void {
  const { phase, state, working, now } = pass;
  if (phase.name === 'confirming') return offerForAcceptance(pass);
  if (phase.name !== 'soaking') return;
  const isOver = phase.soakUntil <= now && arePassing(working) && state.running === phase.target.closure;
  if (!isOver) return;
  pass.event({ kind: 'converged', body: { target: phase.target, switched: true } });
  pursue(pass);
}

/** Every enforced probe has passed once since activation: the control plane is asked, unless policy leaves it out. */
function offerForAcceptance(pass: Pass): void {
  const { phase, state } = pass;
  const { enforced, busy } = pass.working;
  if (phase.name !== 'confirming' || enforced === null || busy !== null || !havePassed(pass.working)) return;
  const { target } = phase;
  pass.event({ kind: 'probes-passed', body: { target, probes: [...enforced] } });
  if (state.policy?.confirm.by === 'local') return commit(pass, target);
  pass.start({ type: 'request-acceptance' });
}

function havePassed({ enforced, checks }: WorkingMemory): boolean {
  if (enforced === null) return false;
  return enforced.every((name) =>
    checks.some(({ check, passedSinceActivation }) => check === name && passedSinceActivation),
  );
}

/** Every enforced probe is known and its newest result is a pass. */
function arePassing({ enforced, checks }: WorkingMemory): boolean {
  if (enforced === null) return false;
  return enforced.every((name) => checks.some(({ check, lastStatus }) => check === name && lastStatus === 'pass'));
}

export function onAccepted(pass: Pass, id: number): void {
  const { phase } = pass;
  if (phase.name === 'confirming' && pass.awaits(id, 'request-acceptance')) {
    commit(pass, phase.target);
  }
}

/** A trial is alive, and that is all: instead of being committed it stays guarded until its end. */
function commit(pass: Pass, target: HostTarget): void {
  if (target.trialUntil === undefined) pass.start({ type: 'commit', target });
  else guardTrial(pass, target);
}

export function onCommitted(pass: Pass, id: number): void {
  if (pass.awaits(id, 'commit')) confirmed(pass);
}

/** Profile set, boot default read back, dead man's switch disarmed. */
export function confirmed(pass: Pass): void {
  const { phase, state } = pass;
  // Never a trial, whatever is found of it.
  if (phase.name !== 'confirming' || phase.target.trialUntil !== undefined) return;
  const soakUntil = addSeconds(pass.now, phase.target.soakSeconds);
  const by = state.policy?.confirm.by ?? 'control-plane';
  pass.event({ kind: 'confirmed', body: { target: phase.target, soakUntil, by } });
  settle(pass);
}

export function onCommitFailed(pass: Pass, id: number, detail: string): void {
  if (pass.phase.name === 'confirming' && pass.awaits(id, 'commit')) fail(pass, { cause: 'profile-not-set', detail });
}

export function onCommitLost(pass: Pass, id: number): void {
  if (pass.phase.name === 'confirming' && pass.awaits(id, 'commit')) unconfirm(pass, 'dead-man');
}

/** The deadline has passed: the machine goes back, unless a commit already contends with the dead man for the rename. */
export function onConfirmDeadline(pass: Pass): void {
  if (pass.working.busy?.type === 'commit') return;
  unconfirm(pass, havePassed(pass.working) ? 'no-contact' : 'probes-pending');
}
