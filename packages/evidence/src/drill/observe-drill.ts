import {
  type ComplianceMode,
  type DrillFailAt,
  type DrillStep,
  type DrillStepName,
  type EventOf,
  type HostName,
  type HostTarget,
  type Instant,
  instantToMs,
  type JournalEvent,
  type RolloutId,
  type RuntimeGateErrorReason,
  type Sha256Hex,
  syntheticControl,
  type VerifiedEvent,
} from '@nixfleet/contracts';

/** A drill that hosts take part in: one that fails in the configuration never reaches any. */
export interface DrillQuestion {
  readonly failAt: Exclude<DrillFailAt, 'static'>;
  readonly hosts: readonly HostName[];
  /** Hosts of later waves of the same rollout. */
  readonly held: readonly HostName[];
  readonly rolloutId: RolloutId;
  readonly limitSeconds: number;
  /** What happened later is of no account. */
  readonly observedUntil: Instant;
}

/** What one host's journal says of one drill. */
export interface DrillTrace {
  /** Of the drill's rollout, in order. */
  readonly events: readonly VerifiedEvent[];
  /** The newest event of the journal until then: what shows that nothing else was in it. */
  readonly newest: Sha256Hex | null;
}

export interface ObservedDrill {
  /** When the first host began to fetch; null: none did. */
  readonly startedAt: Instant | null;
  /** When the last host was back; where one was not, until when it was watched. */
  readonly endedAt: Instant;
  readonly steps: readonly DrillStep[];
  readonly passed: boolean;
}

/** What the gate has to say of each collector that fails. */
const reasonOf: Readonly<Record<Exclude<DrillFailAt, 'static' | 'runtime'>, RuntimeGateErrorReason>> = {
  timeout: 'timeout',
  malformed: 'malformed',
  stale: 'stale',
  unsigned: 'unverified',
};

export function drillTrace(
  { rolloutId, observedUntil }: Pick<DrillQuestion, 'rolloutId' | 'observedUntil'>,
  events: readonly VerifiedEvent[],
): DrillTrace {
  const known = events.filter(({ event }) => event.at <= observedUntil);
  return {
    events: known.filter(({ event }) => targetOf(event)?.rolloutId === rolloutId),
    newest: known.at(-1)?.sha256 ?? null,
  };
}

/**
 * What a gate has to do with a drill, step by step, as the hosts' own signed events show it. A host without a trace has shown
 * nothing. The same traces make the same steps, so that whoever has the journals can look again.
 */
export function observeDrill(question: DrillQuestion, traces: ReadonlyMap<HostName, DrillTrace>): ObservedDrill {
  const { hosts, held, limitSeconds, observedUntil } = question;
  const seen = hosts.map((host) => seenOn(question, traces.get(host)?.events ?? []));
  const startedAt = earliest(seen.map(({ started }) => started?.event.at ?? null));
  const isBack = seen.every(({ reverted }) => reverted !== null);
  const endedAt = isBack ? latest(seen.flatMap(({ reverted }) => reverted ?? [])) : observedUntil;
  const secondsTo = (at: Instant): number =>
    startedAt === null ? 0 : Math.max(0, Math.floor((instantToMs(at) - instantToMs(startedAt)) / 1000));
  const step = (name: DrillStepName, isObserved: boolean, at: Instant, shownBy: readonly Sha256Hex[]): DrillStep => ({
    name,
    isObserved,
    afterSeconds: isObserved ? secondsTo(at) : null,
    shownBy: isObserved ? [...shownBy].slice(0, shownByMax) : [],
  });
  /** Every host has to show it. */
  const shown = (name: DrillStepName, found: readonly (VerifiedEvent | null)[]): DrillStep => {
    const events = found.filter((event) => event !== null);
    const isObserved = events.length === hosts.length;
    return step(name, isObserved, isObserved ? latest(events) : endedAt, hashes(events));
  };
  const steps = [
    shown(
      'failure-reported',
      seen.map(({ reported }) => reported),
    ),
    shown(
      'not-confirmed',
      seen.map(({ failed, isConfirmed }) => (isConfirmed ? null : failed)),
    ),
    shown(
      'reverted',
      seen.map(({ reverted }) => reverted),
    ),
    ...(held.length === 0 ? [] : [waveHeld(traces, held, step, endedAt)]),
    step(
      'quarantined',
      seen.every(({ failed, isTakenAgain }) => failed !== null && !isTakenAgain),
      endedAt,
      hashes(seen.flatMap(({ failed }) => failed ?? [])),
    ),
    step('within-limit', isBack && startedAt !== null && secondsTo(endedAt) <= limitSeconds, endedAt, []),
  ];
  return { startedAt, endedAt, steps, passed: steps.every(({ isObserved }) => isObserved) };
}

/** As many as a step of a record holds. */
const shownByMax = 64;

/** No host of a later wave has begun. */
function waveHeld(
  traces: ReadonlyMap<HostName, DrillTrace>,
  held: readonly HostName[],
  step: (name: DrillStepName, isObserved: boolean, at: Instant, shownBy: readonly Sha256Hex[]) => DrillStep,
  endedAt: Instant,
): DrillStep {
  const found = held.map((host) => traces.get(host));
  const isHeld = found.every((trace) => trace !== undefined && !trace.events.some(({ event }) => isStart(event)));
  return step(
    'wave-held',
    isHeld,
    endedAt,
    found.flatMap((trace) => trace?.newest ?? []),
  );
}

interface SeenOnHost {
  readonly started: VerifiedEvent | null;
  readonly reported: VerifiedEvent | null;
  readonly failed: VerifiedEvent | null;
  readonly isConfirmed: boolean;
  /** Back on the closure that it left, and still there. */
  readonly reverted: VerifiedEvent | null;
  /** The closure that failed was taken up once more, without a higher attempt. */
  readonly isTakenAgain: boolean;
}

function seenOn({ failAt }: DrillQuestion, events: readonly VerifiedEvent[]): SeenOnHost {
  const find = (test: (event: JournalEvent) => boolean): VerifiedEvent | null =>
    events.find(({ event }) => test(event)) ?? null;
  const failed = find((event) => event.kind === 'failed' && event.body.cause === 'compliance-failed');
  const after = failed === null ? [] : events.slice(events.indexOf(failed) + 1);
  const left = events.map(({ event }) => event).find((event) => event.kind === 'activating');
  const attempt = failed && targetOf(failed.event)?.attempt;
  return {
    started: find(isStart),
    reported: find((event) => isReport(event, failAt)),
    failed,
    isConfirmed: events.some(({ event }) => event.kind === 'confirmed'),
    reverted:
      after.find(({ event }) => event.kind === 'reverted' && left !== undefined && event.body.to === leftFor(left)) ??
      null,
    isTakenAgain: after.some(({ event }) => isStart(event) && targetOf(event)?.attempt === attempt),
  };
}

function isReport(event: JournalEvent, failAt: DrillQuestion['failAt']): boolean {
  if (failAt === 'runtime') {
    return (
      event.kind === 'compliance-failure' &&
      event.body.controlId === syntheticControl.controlId &&
      // An error is a probe that did not run: it shows nothing of a measurement that fails.
      event.body.status === 'fail' &&
      event.body.ruleIds.some((id) => id === syntheticControl.ruleId) &&
      isEnforced(event.body.mode)
    );
  }
  return event.kind === 'runtime-gate-error' && event.body.reason === reasonOf[failAt] && isEnforced(event.body.mode);
}

function isEnforced(mode: ComplianceMode): boolean {
  return mode === 'enforce';
}

function isStart({ kind }: JournalEvent): boolean {
  return kind === 'fetching' || kind === 'activating' || kind === 'rebooting';
}

function leftFor({ body }: EventOf<'activating'>): string | null {
  return body.revertTo;
}

function targetOf({ body }: JournalEvent): HostTarget | null {
  if ('target' in body) return body.target;
  return 'activation' in body ? body.activation : null;
}

function hashes(events: readonly VerifiedEvent[]): readonly Sha256Hex[] {
  return events.map(({ sha256 }) => sha256);
}

function earliest(instants: readonly (Instant | null)[]): Instant | null {
  return instants.filter((at) => at !== null).sort()[0] ?? null;
}

function latest(events: readonly VerifiedEvent[]): Instant {
  const [first, ...rest] = events.map(({ event }) => event.at);
  return rest.reduce((found, at) => (at > found ? at : found), first ?? ('1970-01-01T00:00:00Z' as Instant));
}
