import {
  addSeconds,
  type BootId,
  type CheckName,
  type EventContent,
  type HostPhase,
  type HostTarget,
  type Instant,
  type RevertCause,
  type StorePath,
  type UnconfirmedCause,
  type Withheld,
} from '@nixfleet/contracts';
import { applyEvent } from './apply-event.ts';
import { backoffSeconds } from './backoff.ts';
import type {
  ActivationOutcome,
  CheckProgress,
  DeadManReport,
  HostEffect,
  HostInput,
  HostMemory,
  Intent,
  StepResult,
  WorkingMemory,
} from './host-input.ts';
import { initialHostState, quarantineOf } from './host-state.ts';

/** Wait before a refused closure is tried again, and before a failed revert is, in seconds. */
export const refusedRetrySeconds = 30;
export const revertRetrySeconds = 30;
/** Back-off after an unconfirmed switch whose policy is no longer known, in seconds. */
const retrySecondsDefault = 60;

export const initialMemory: HostMemory = {
  state: initialHostState,
  working: { intent: null, busy: null, checks: [], enforced: null, revertAttemptedAt: null },
};

/**
 * One step of the host machine (SPEC.md): facts in, journal events and effects out. Total and deterministic; an input
 * that does not fit the phase it arrives in changes nothing, because workers may report late or twice.
 */
export function step(memory: HostMemory, input: HostInput, { now }: { readonly now: Instant }): StepResult {
  const pass = new Pass(memory, now);
  react(pass, input);
  return pass.result();
}

/** One step under way: collects events and effects, with the state always the fold of the events so far. */
class Pass {
  readonly now: Instant;
  #memory: HostMemory;
  #bootId: BootId;
  readonly #events: EventContent[] = [];
  readonly #effects: HostEffect[] = [];

  constructor(memory: HostMemory, now: Instant) {
    this.#memory = memory;
    this.now = now;
    this.#bootId = memory.state.bootId ?? ('unknown' as BootId);
  }

  get state() {
    return this.#memory.state;
  }
  get working() {
    return this.#memory.working;
  }
  get phase(): HostPhase {
    return this.#memory.state.phase;
  }
  booted(bootId: BootId): void {
    this.#bootId = bootId;
  }
  event(content: EventContent): void {
    this.#events.push(content);
    const state = applyEvent(this.state, { ...content, at: this.now, bootId: this.#bootId });
    this.#memory = { ...this.#memory, state };
  }
  effect(effect: HostEffect): void {
    this.#effects.push(effect);
    this.remember({ busy: effect.type });
  }
  remember(change: Partial<WorkingMemory>): void {
    this.#memory = { ...this.#memory, working: { ...this.#memory.working, ...change } };
  }
  result(): StepResult {
    return { memory: this.#memory, events: this.#events, effects: this.#effects };
  }
}

function react(pass: Pass, input: HostInput): void {
  switch (input.type) {
    case 'started':
      return onStarted(pass, input);
    case 'intent':
      pass.remember({ intent: input.intent });
      return pursue(pass);
    case 'fetched':
      return onFetched(pass);
    case 'fetch-refused':
      return onRefused(pass, 'fetching', input.reason, input.detail);
    case 'rechecked':
      return onRechecked(pass, input.intent);
    case 'armed':
      return onArmed(pass, input.deadline);
    case 'arm-refused':
      return onRefused(pass, 'fetching', 'dead-man-not-armed', input.detail);
    case 'activated':
      return onActivated(pass, input.outcome);
    case 'checks-known':
      pass.remember({ enforced: input.enforced });
      return settleProbes(pass);
    case 'probe':
      return onProbe(pass, input);
    case 'accepted':
      return onAccepted(pass);
    case 'committed':
      return onCommitted(pass);
    case 'commit-lost':
      return onCommitLost(pass);
    case 'commit-failed':
      return onCommitFailed(pass, input.detail);
    case 'dead-man':
      return onDeadMan(pass, input.report);
    case 'reverted':
      return onReverted(pass, input);
    case 'observed':
      return onObserved(pass, input.running);
    case 'tick':
      return onTick(pass);
    default:
      return unreachable(input);
  }
}

// ---- deciding to start

/** Acts on the newest intent, if the phase lets it. */
function pursue(pass: Pass): void {
  const { intent } = pass.working;
  const { phase } = pass;
  if (intent === null) return;
  switch (phase.name) {
    case 'pending':
    case 'converged':
    case 'refused':
    case 'deferred':
    case 'reverted':
    case 'soaking':
      return consider(pass, intent);
    case 'failed':
    case 'unconfirmed':
      // With somewhere to go back to, the revert comes first.
      return phase.revertTo === null ? consider(pass, intent) : undefined;
    case 'fetching':
      return considerFetching(pass, phase.target, intent);
    case 'activating':
    case 'confirming':
    case 'reverting':
      return undefined;
    default:
      return unreachable(phase);
  }
}

function consider(pass: Pass, intent: Intent): void {
  const { phase, state, now } = pass;
  const { target } = intent;
  if (phase.name === 'soaking' && phase.target.closure === target.closure) return;
  if (phase.name === 'converged' && isSame(phase.target, target)) return;
  if (phase.name === 'deferred' && isSame(phase.target, target)) return;
  if (isOnTarget(pass, target)) return pass.event({ kind: 'converged', body: { target, switched: false } });
  const quarantine = quarantineOf(state, target);
  if (quarantine) return withhold(pass, { code: 'quarantined', reason: quarantine.cause });
  if (state.retry !== null && state.retry.rolloutId === target.rolloutId && now < state.retry.notBefore) {
    return withhold(pass, { code: 'retry-backoff', until: state.retry.notBefore });
  }
  if (phase.name === 'refused' && isSame(phase.target, target) && now < addSeconds(phase.at, refusedRetrySeconds))
    return;
  if (intent.policy.mode === 'observe') return withhold(pass, { code: 'observe' });
  if (intent.brake) return withhold(pass, intent.brake);
  if (!intent.hasGo) return;
  pass.event({ kind: 'fetching', body: { target } });
  pass.effect({ type: 'fetch', target });
}

/** While fetching: another target replaces it, a brake ends it, and after a restart the fetch is started again. */
function considerFetching(pass: Pass, fetching: HostTarget, intent: Intent): void {
  if (!isSame(fetching, intent.target)) {
    pass.event({ kind: 'withheld', body: { withheld: { code: 'in-progress', names: [intent.target.rolloutId] } } });
    pass.remember({ busy: null });
    return consider(pass, intent);
  }
  if (intent.brake) return withhold(pass, intent.brake);
  if (pass.working.busy === null) pass.effect({ type: 'fetch', target: fetching });
}

/** The host runs and has confirmed exactly this closure already, so nothing needs to be switched. */
function isOnTarget({ state }: Pass, target: HostTarget): boolean {
  return (
    state.running === target.closure && state.confirmed?.closure === target.closure && !quarantineOf(state, target)
  );
}

function withhold(pass: Pass, withheld: Withheld): void {
  const before = pass.state.withheld;
  if (before?.code === withheld.code && before.until === withheld.until && before.reason === withheld.reason) return;
  pass.event({ kind: 'withheld', body: { withheld } });
}

function isSame(left: HostTarget, right: HostTarget): boolean {
  return left.rolloutId === right.rolloutId && left.closure === right.closure && left.attempt === right.attempt;
}

// ---- fetch, arm, activate

function onFetched(pass: Pass): void {
  const { phase } = pass;
  if (phase.name === 'fetching') pass.effect({ type: 'recheck', target: phase.target });
}

function onRefused(
  pass: Pass,
  during: 'fetching' | 'activating',
  reason: Extract<HostInput, { type: 'fetch-refused' }>['reason'],
  detail: string,
): void {
  const { phase } = pass;
  if (phase.name !== during) return;
  pass.remember({ busy: null });
  pass.event({ kind: 'refused', body: { target: phase.target, reason, detail } });
}

/** The `go` is asked for once more just before arming: a hold or halt of the meantime still stops the switch. */
function onRechecked(pass: Pass, intent: Intent | null): void {
  const { phase } = pass;
  pass.remember({ intent });
  if (phase.name !== 'fetching' || pass.working.busy !== 'recheck') return;
  pass.remember({ busy: null });
  if (intent === null || !isSame(intent.target, phase.target) || !intent.hasGo) {
    pass.event({ kind: 'withheld', body: { withheld: { code: 'no-go' } } });
    return pursue(pass);
  }
  if (intent.brake) return withhold(pass, intent.brake);
  const { activationTimeoutSeconds, confirm } = intent.policy;
  pass.effect({
    type: 'arm',
    target: phase.target,
    revertTo: pass.state.confirmed?.closure ?? null,
    seconds: activationTimeoutSeconds + confirm.timeoutSeconds,
  });
}

function onArmed(pass: Pass, deadline: Instant): void {
  const { phase } = pass;
  const { intent } = pass.working;
  if (phase.name !== 'fetching' || pass.working.busy !== 'arm' || intent === null) return;
  const { target } = phase;
  pass.event({
    kind: 'activating',
    body: { target, revertTo: pass.state.confirmed?.closure ?? null, deadline },
  });
  pass.effect({ type: 'activate', target, timeoutSeconds: intent.policy.activationTimeoutSeconds });
}

function onActivated(pass: Pass, outcome: ActivationOutcome): void {
  const { phase } = pass;
  if (phase.name !== 'activating') return;
  pass.remember({ busy: null });
  const { target, deadline } = phase;
  switch (outcome.kind) {
    case 'ok': {
      const { output } = outcome;
      if (outcome.running !== target.closure) {
        const detail = `expected ${target.closure}, the machine runs ${outcome.running ?? 'nothing known'}`;
        return fail(pass, { cause: 'system-mismatch', output, detail });
      }
      pass.event({ kind: 'confirming', body: { target, deadline, output } });
      return probeAfresh(pass, target.closure);
    }
    case 'failed':
      return fail(pass, { cause: outcome.cause, output: outcome.output });
    case 'refused':
      pass.effect({ type: 'disarm' });
      return onRefused(pass, 'activating', outcome.reason, outcome.detail);
    case 'needs-reboot':
      pass.effect({ type: 'disarm' });
      return pass.event({ kind: 'deferred', body: { target, component: outcome.component } });
    default:
      return unreachable(outcome);
  }
}

// ---- probes and confirming

function probeAfresh(pass: Pass, closure: StorePath): void {
  pass.remember({ checks: [], enforced: null });
  pass.effect({ type: 'probe-afresh', closure });
}

function onProbe(pass: Pass, input: Extract<HostInput, { type: 'probe' }>): void {
  const { check, mode, status, failureThreshold, detail } = input;
  if (!('target' in pass.phase) && pass.phase.name !== 'pending') return;
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
  if (status === 'pass' || isFailed) reportProbe(pass, { check, mode, status, consecutiveFailures, detail });
  if (isFailed && mode === 'enforce') return failOnProbe(pass, check, detail);
  settleProbes(pass);
}

/** Journals a probe when its verdict changes, not every time it runs. */
function reportProbe(
  pass: Pass,
  {
    detail,
    ...body
  }: Omit<Extract<HostInput, { type: 'probe' }>, 'type' | 'failureThreshold' | 'detail'> & {
    readonly consecutiveFailures: number;
    readonly detail: string | undefined;
  },
): void {
  const known = pass.state.probes;
  if (Object.hasOwn(known, body.check) && known[body.check]?.status === body.status) return;
  pass.event({ kind: 'probe', body: { ...body, ...(detail === undefined ? {} : { detail: detail.slice(0, 512) }) } });
}

function failOnProbe(pass: Pass, check: CheckName, detail: string | undefined): void {
  if (pass.phase.name !== 'confirming' && pass.phase.name !== 'soaking') return;
  fail(pass, { cause: 'probe-failed', check, ...(detail === undefined ? {} : { detail }) });
}

/** Goes on as soon as every enforced probe has passed once since activation. */
function settleProbes(pass: Pass): void {
  const { phase } = pass;
  const { enforced, checks, busy, intent } = pass.working;
  if (phase.name !== 'confirming' || enforced === null) return;
  if (busy === 'request-acceptance' || busy === 'commit') return;
  const isReady = enforced.every((name) =>
    checks.some((progress) => progress.check === name && progress.passedSinceActivation),
  );
  if (!isReady) return;
  pass.event({ kind: 'probes-passed', body: { target: phase.target, probes: [...enforced] } });
  if (intent?.policy.confirm.by === 'local') pass.effect({ type: 'commit', target: phase.target });
  else pass.effect({ type: 'request-acceptance' });
}

function onAccepted(pass: Pass): void {
  const { phase } = pass;
  if (phase.name !== 'confirming' || pass.working.busy !== 'request-acceptance') return;
  pass.effect({ type: 'commit', target: phase.target });
}

function onCommitted(pass: Pass): void {
  const { phase } = pass;
  if (phase.name !== 'confirming') return;
  const { intent } = pass.working;
  pass.remember({ busy: null });
  pass.event({
    kind: 'confirmed',
    body: {
      target: phase.target,
      soakUntil: addSeconds(pass.now, phase.target.soakSeconds),
      by: intent?.policy.confirm.by ?? 'control-plane',
    },
  });
  onTick(pass);
}

function onCommitFailed(pass: Pass, detail: string): void {
  if (pass.phase.name !== 'confirming') return;
  pass.remember({ busy: null });
  fail(pass, { cause: 'profile-not-set', detail });
}

function onCommitLost(pass: Pass): void {
  if (pass.phase.name !== 'confirming') return;
  unconfirm(pass, 'dead-man');
}

// ---- not succeeding

function fail(
  pass: Pass,
  failure: Omit<Extract<EventContent, { kind: 'failed' }>['body'], 'target' | 'revertTo'>,
): void {
  const { phase } = pass;
  if (!('target' in phase)) return;
  const { target } = phase;
  const revertTo = failedRevertTarget(pass);
  pass.remember({ busy: null });
  pass.event({ kind: 'failed', body: { target, revertTo, ...failure } });
  if (revertTo !== null) revert(pass, { target, to: revertTo, cause: 'failed' });
}

/** Before `confirmed` any failure reverts; after it the signed `onHealthFailure` decides. */
function failedRevertTarget({ phase, working }: Pass): StorePath | null {
  if (!('revertTo' in phase)) return null;
  if (phase.name === 'soaking' && working.intent?.policy.onHealthFailure !== 'rollback-and-halt') return null;
  return phase.revertTo;
}

/** Silence is not a failure: it reverts, backs off and never quarantines. */
function unconfirm(pass: Pass, cause: UnconfirmedCause, deadMan?: DeadManReport): void {
  const { phase, state, now } = pass;
  if (phase.name !== 'activating' && phase.name !== 'confirming') return;
  const { target, revertTo } = phase;
  const policy = pass.working.intent?.policy;
  const count = state.retry?.rolloutId === target.rolloutId ? state.retry.count + 1 : 1;
  const seconds = backoffSeconds({
    count,
    firstSeconds: policy?.unconfirmedRetrySeconds ?? retrySecondsDefault,
    maxSeconds: policy?.unconfirmedRetryMaxSeconds ?? 3600,
  });
  pass.remember({ busy: null });
  pass.event({ kind: 'unconfirmed', body: { target, cause, retryNotBefore: addSeconds(now, seconds) } });
  if (revertTo === null) return;
  if (deadMan?.kind === 'fired') {
    pass.event({ kind: 'reverting', body: { target, to: revertTo, cause: 'unconfirmed' } });
    return afterDeadMan(pass, deadMan);
  }
  revert(pass, { target, to: revertTo, cause: 'unconfirmed' });
}

function revert(
  pass: Pass,
  { target, to, cause }: { readonly target: HostTarget; readonly to: StorePath; readonly cause: RevertCause },
): void {
  pass.event({ kind: 'reverting', body: { target, to, cause } });
  pass.remember({ revertAttemptedAt: pass.now });
  pass.effect({ type: 'revert', to });
}

function onReverted(pass: Pass, input: Extract<HostInput, { type: 'reverted' }>): void {
  const { phase } = pass;
  if (phase.name !== 'reverting') return;
  const { target, to, cause } = phase;
  const { running, by, output, detail } = input;
  const seen = output === undefined ? {} : { output };
  pass.remember({ busy: null });
  if (running !== to) {
    const said = detail === undefined ? {} : { detail };
    return pass.event({ kind: 'revert-failed', body: { target, to, running, ...seen, ...said } });
  }
  pass.remember({ revertAttemptedAt: null });
  pass.event({ kind: 'reverted', body: { target, to, cause, by, ...seen } });
  probeAfresh(pass, to);
}

function onDeadMan(pass: Pass, report: DeadManReport): void {
  if (report.kind !== 'fired') return;
  const { phase } = pass;
  if (phase.name === 'activating' || phase.name === 'confirming') return unconfirm(pass, 'dead-man', report);
  if (phase.name === 'reverting') afterDeadMan(pass, report);
}

function afterDeadMan(pass: Pass, report: Extract<DeadManReport, { kind: 'fired' }>): void {
  if (report.ok === null) return pass.effect({ type: 'await-dead-man' });
  const output = report.output === undefined ? {} : { output: report.output };
  if (report.ok) return onReverted(pass, { type: 'reverted', running: report.to, by: 'dead-man', ...output });
  // It tried and did not succeed: the agent goes on trying.
  pass.remember({ revertAttemptedAt: pass.now });
  pass.effect({ type: 'revert', to: report.to });
}

// ---- time and observation

function onTick(pass: Pass): void {
  const { phase, now, working } = pass;
  switch (phase.name) {
    case 'activating':
      if (phase.deadline <= now) unconfirm(pass, 'agent-restarted');
      return;
    case 'confirming':
      if (phase.deadline <= now)
        unconfirm(pass, working.busy === 'request-acceptance' ? 'no-contact' : 'probes-pending');
      return;
    case 'soaking':
      if (phase.soakUntil <= now && arePassing(working)) {
        pass.event({ kind: 'converged', body: { target: phase.target, switched: true } });
        pursue(pass);
      }
      return;
    case 'reverting': {
      const attemptedAt = working.revertAttemptedAt;
      const isDue = attemptedAt === null || addSeconds(attemptedAt, revertRetrySeconds) <= now;
      if (working.busy !== null || !isDue) return;
      pass.remember({ revertAttemptedAt: now });
      return pass.effect({ type: 'revert', to: phase.to });
    }
    default:
      return pursue(pass);
  }
}

/** Every enforced probe is known and its newest result is a pass. */
function arePassing({ enforced, checks }: WorkingMemory): boolean {
  if (enforced === null) return false;
  return enforced.every((name) => checks.some((progress) => progress.check === name && progress.lastStatus === 'pass'));
}

function onObserved(pass: Pass, running: StorePath | null): void {
  const { phase, state } = pass;
  if (phase.name === 'activating' || phase.name === 'confirming' || phase.name === 'reverting') return;
  if (running === state.running) return;
  if (state.confirmed === null || phase.name === 'deferred') return;
  pass.event({ kind: 'drift', body: { expected: state.confirmed.closure, running } });
}

// ---- start and recovery

function onStarted(pass: Pass, input: Extract<HostInput, { type: 'started' }>): void {
  const { phase } = pass;
  const isSameBoot = pass.state.bootId === null || pass.state.bootId === input.bootId;
  pass.booted(input.bootId);
  pass.remember({ busy: null, checks: [], enforced: null, revertAttemptedAt: null });
  pass.event({ kind: 'started', body: { running: input.running, agentVersion: input.agentVersion } });
  switch (phase.name) {
    case 'activating':
      return recoverActivation(pass, phase, input, isSameBoot);
    case 'confirming':
      return recoverConfirming(pass, phase, input, isSameBoot);
    case 'unconfirmed':
    case 'failed':
      if (phase.revertTo === null) return probeIfRunning(pass);
      return revert(pass, {
        target: phase.target,
        to: phase.revertTo,
        cause: phase.name === 'failed' ? 'failed' : 'unconfirmed',
      });
    case 'reverting':
      if (input.deadMan.kind === 'fired') return afterDeadMan(pass, input.deadMan);
      pass.remember({ revertAttemptedAt: pass.now });
      return pass.effect({ type: 'revert', to: phase.to });
    case 'deferred':
      if (input.running !== phase.target.closure || isSameBoot) return probeIfRunning(pass);
      return confirmAfterReboot(pass, phase.target);
    case 'pending':
    case 'fetching':
    case 'soaking':
    case 'converged':
    case 'refused':
    case 'reverted':
      reportDrift(pass, input.running);
      return probeIfRunning(pass);
    default:
      return unreachable(phase);
  }
}

function probeIfRunning(pass: Pass): void {
  const { running } = pass.state;
  if (running === null) return;
  probeAfresh(pass, running);
  pass.remember({ busy: null });
}

function reportDrift(pass: Pass, running: StorePath | null): void {
  const { confirmed } = pass.state;
  if (confirmed === null || running === confirmed.closure) return;
  pass.event({ kind: 'drift', body: { expected: confirmed.closure, running } });
}

/** Killed between arming and the end of the switch. */
function recoverActivation(
  pass: Pass,
  { target }: Extract<HostPhase, { name: 'activating' }>,
  { deadMan, activation }: Extract<HostInput, { type: 'started' }>,
  isSameBoot: boolean,
): void {
  if (deadMan.kind === 'fired') return unconfirm(pass, 'dead-man', deadMan);
  if (!isSameBoot) return unconfirm(pass, 'rebooted');
  if (activation === 'running') return pass.effect({ type: 'await-activation', target });
  // How the switch ended is not known, so it cannot be confirmed.
  if (activation === 'unknown') return unconfirm(pass, 'agent-restarted');
  onActivated(pass, activation);
}

/** Killed after the switch and before `confirmed`. */
function recoverConfirming(
  pass: Pass,
  { target }: Extract<HostPhase, { name: 'confirming' }>,
  { deadMan, running }: Extract<HostInput, { type: 'started' }>,
  isSameBoot: boolean,
): void {
  if (deadMan.kind === 'fired') return unconfirm(pass, 'dead-man', deadMan);
  // Disarming is the last act of a commit: everything before it had succeeded.
  if (deadMan.kind === 'disarmed' && running === target.closure) {
    onCommitted(pass);
    return probeIfRunning(pass);
  }
  if (!isSameBoot) return unconfirm(pass, 'rebooted');
  if (running !== target.closure) return unconfirm(pass, 'agent-restarted');
  probeAfresh(pass, target.closure);
}

/** A closure that needed a reboot was booted: it confirms by the same rules. */
function confirmAfterReboot(pass: Pass, target: HostTarget): void {
  const seconds = pass.working.intent?.policy.confirm.timeoutSeconds ?? 600;
  pass.event({ kind: 'confirming', body: { target, deadline: addSeconds(pass.now, seconds) } });
  probeAfresh(pass, target.closure);
}

function unreachable(value: never): never {
  throw new TypeError(`not of the host machine: ${JSON.stringify(value)}`);
}
