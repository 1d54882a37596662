import {
  addSeconds,
  type EventContent,
  type HostTarget,
  type RevertCause,
  type StorePath,
  type UnconfirmedCause,
} from '@nixfleet/contracts';
import { backoffSeconds } from './backoff.ts';
import { clip } from './clip.ts';
import type { DeadManReport, HostInput } from './host-input.ts';
import type { Pass } from './pass.ts';

/** Wait before a failed revert is tried again, doubling up to the maximum, in seconds. */
export const revertRetrySeconds = 30;
export const revertRetryMaxSeconds = 600;
/** Back-off after an unconfirmed switch whose policy is not known, in seconds. */
const retrySecondsDefault = 60;
const retryMaxSecondsDefault = 3600;

type Fired = Extract<DeadManReport, { kind: 'fired' }>;

/** The closure or its activation is bad: quarantined, and reverted unless policy leaves it. */
export function fail(
  pass: Pass,
  { detail, ...failure }: Omit<Extract<EventContent, { kind: 'failed' }>['body'], 'target' | 'revertTo'>,
): void {
  const { phase } = pass;
  if (!('revertTo' in phase) || phase.name === 'unconfirmed' || phase.name === 'failed') return;
  const { target } = phase;
  const revertTo = failedRevertTarget(pass, phase);
  const said = detail === undefined ? {} : { detail: clip(detail, 1000) };
  pass.event({ kind: 'failed', body: { target, revertTo, ...failure, ...said } });
  if (revertTo !== null) revert(pass, { target, to: revertTo, cause: 'failed' });
}

/** Before `confirmed` any failure reverts; after it the signed `onHealthFailure` decides. */
function failedRevertTarget(
  { state }: Pass,
  { name, revertTo }: { readonly name: string; readonly revertTo: StorePath | null },
): StorePath | null {
  return name === 'soaking' && state.policy?.onHealthFailure === 'halt' ? null : revertTo;
}

/** Silence is not a failure: it reverts, backs off and never quarantines. */
export function unconfirm(pass: Pass, cause: UnconfirmedCause, deadMan?: Fired): void {
  const { phase, state, now } = pass;
  if (phase.name !== 'activating' && phase.name !== 'rebooting' && phase.name !== 'confirming') return;
  const { target, revertTo } = phase;
  const count = state.retry?.rolloutId === target.rolloutId ? state.retry.count + 1 : 1;
  const seconds = backoffSeconds({
    count,
    firstSeconds: state.policy?.unconfirmedRetrySeconds ?? retrySecondsDefault,
    maxSeconds: state.policy?.unconfirmedRetryMaxSeconds ?? retryMaxSecondsDefault,
  });
  pass.event({ kind: 'unconfirmed', body: { target, cause, retryNotBefore: addSeconds(now, seconds) } });
  if (revertTo === null) return;
  if (!deadMan) return revert(pass, { target, to: revertTo, cause: 'unconfirmed' });
  pass.event({ kind: 'reverting', body: { target, to: revertTo, cause: 'unconfirmed' } });
  afterDeadMan(pass, deadMan);
}

export function revert(
  pass: Pass,
  { target, to, cause }: { readonly target: HostTarget; readonly to: StorePath; readonly cause: RevertCause },
): void {
  pass.event({ kind: 'reverting', body: { target, to, cause } });
  pass.remember({ reverts: null });
  startRevert(pass, to);
}

export function startRevert(pass: Pass, to: StorePath): void {
  pass.remember({ reverts: { count: (pass.working.reverts?.count ?? 0) + 1, at: pass.now } });
  pass.start({ type: 'revert', to });
}

/** After a revert that did not succeed: again, with back-off, for ever. */
export function retryRevert(pass: Pass, to: StorePath): void {
  const { busy, reverts } = pass.working;
  if (busy !== null) return;
  const seconds = backoffSeconds({
    count: reverts?.count ?? 1,
    firstSeconds: revertRetrySeconds,
    maxSeconds: revertRetryMaxSeconds,
  });
  if (reverts !== null && pass.now < addSeconds(reverts.at, seconds)) return;
  startRevert(pass, to);
}

export function onReverted(pass: Pass, input: Extract<HostInput, { type: 'reverted' }>): void {
  if (pass.awaits(input.id, 'revert')) settleRevert(pass, input);
}

/** Takes note of how a revert ended, whoever did it. */
export function settleRevert(
  pass: Pass,
  { running, by, output, detail }: Omit<Extract<HostInput, { type: 'reverted' }>, 'type' | 'id'>,
): void {
  const { phase } = pass;
  if (phase.name !== 'reverting') return;
  const { target, to, cause } = phase;
  const seen = output === undefined ? {} : { output };
  pass.remember({ busy: null });
  if (running !== to) {
    const said = detail === undefined ? {} : { detail: clip(detail, 1000) };
    return pass.event({ kind: 'revert-failed', body: { target, to, running, ...seen, ...said } });
  }
  pass.remember({ reverts: null });
  pass.event({ kind: 'reverted', body: { target, to, cause, by, ...seen } });
  pass.probeAfresh(to);
}

export function onDeadMan(pass: Pass, report: DeadManReport): void {
  const { phase } = pass;
  const { busy } = pass.working;
  if (report.kind === 'fired' && phase.name === 'trying' && phase.revertTo !== null) {
    pass.event({ kind: 'reverting', body: { target: phase.target, to: phase.revertTo, cause: 'trial-ended' } });
    return afterDeadMan(pass, report);
  }
  if (report.kind === 'fired' && (phase.name === 'activating' || phase.name === 'confirming')) {
    return unconfirm(pass, 'dead-man', report);
  }
  // A revert of the agent's own waits for the dead man's by itself.
  if (phase.name !== 'reverting' || busy?.type !== 'await-dead-man') return;
  if (report.kind === 'fired') return afterDeadMan(pass, report);
  startRevert(pass, phase.to);
}

export function afterDeadMan(pass: Pass, { to, ok, output }: Fired): void {
  const { phase } = pass;
  if (phase.name !== 'reverting') return;
  if (ok === null) return pass.start({ type: 'await-dead-man' });
  // It did not succeed, or went elsewhere: the agent goes on.
  if (!ok || to !== phase.to) return startRevert(pass, phase.to);
  settleRevert(pass, { running: to, by: 'dead-man', ...(output === undefined ? {} : { output }) });
}
