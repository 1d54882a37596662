import {
  addSeconds,
  type Clock,
  type CompliancePolicy,
  type EventContent,
  type EvidenceCheck,
  equalBytes,
  type HostState,
  type Instant,
  nearestInstant,
  type PublicKey,
  type RuntimeGateErrorReason,
  type StorePath,
} from '@nixfleet/contracts';
import {
  type ChainPosition,
  judgeCollection,
  positionOf,
  type RuntimeVerdict,
  type SignedEvidence,
  type VerifiedEvidence,
} from '@nixfleet/evidence';
import type { AgentTime } from '../agent-time.ts';
import { AgentError, messageOf } from '../errors.ts';
import type { Host } from '../host.ts';
import type { ProbeResult, Probes } from '../probes.ts';
import { waitUntil } from '../wait-until.ts';
import { collectionContext, type FactsDeps, targetOn } from './collection-facts.ts';
import type { Collector } from './collector.ts';
import { driftEvents, failureEvent, type Subject } from './gate-events.ts';
import { verifyOwnEvidence } from './kept-evidence.ts';
import { type Catalogue, readCatalogue } from './read-catalogue.ts';

/** Between two looks at whether the collector's own timer brought something new, in seconds. */
const lookSeconds = 60;
/** For the collector's own timer to be late before the agent orders a collection, in seconds. */
const timerSlackSeconds = 900;
/** For the release to be read after a start, in seconds: evidence that names none shows less. */
const releaseSecondsMax = 30;
/** For a machine to come up before it is measured, in seconds. */
const bootSecondsMax = 600;
/** Between two looks whether it has, in milliseconds: each starts a program, on a machine that is busy. */
const bootPollMs = 1000;
/** Collections tried where one by the timer came between the question and its answer. */
const triesMax = 2;

export interface ComplianceGateDeps extends FactsDeps {
  /** Null: the settings name none. */
  readonly collector: Collector | null;
  readonly probes: Pick<Probes, 'controls'>;
  readonly machine: Pick<Host, 'bootId' | 'isComingUp' | 'isGoingDown'>;
  readonly ownKey: PublicKey;
  readonly clock: Clock;
  readonly time: AgentTime;
  readonly state: () => HostState;
  /** Journals it, in order with what the checks answer. */
  readonly report: (content: EventContent) => void;
  /** There is a new document. */
  readonly onCollected: () => void;
}

/** The check of one closure. */
export interface GateSession {
  readonly mode: 'enforce' | 'observe';
  readonly intervalSeconds: number;
  readonly failureThreshold: number;
  /** Rejects only when `signal` aborts. */
  run(signal: AbortSignal): Promise<ProbeResult>;
  /** A declared check of some controls, or of those of a framework, as the newest collection on this closure found them. */
  newest(check: EvidenceCheck): ProbeResult;
}

/** The runtime gate of compliance on one host: asks the collector, believes only what it verified, and journals what follows. */
export class ComplianceGate {
  readonly #deps: ComplianceGateDeps;

  constructor(deps: ComplianceGateDeps) {
    this.#deps = deps;
  }

  /**
   * Null where nothing is to be measured. `policy` is the channel's, of the newest switch; without one — on a system that
   * NixFleet did not bring — the closure's own catalogue is measured, and nothing is enforced.
   */
  async open(closure: StorePath, policy: CompliancePolicy | null): Promise<GateSession | null> {
    if (policy?.mode === 'disabled') return null;
    const { probes, host, ctx } = this.#deps;
    const read = await readCatalogue(await probes.controls(closure), { crypto: ctx.crypto, host });
    if (policy === null && (read.kind !== 'read' || read.catalogue.document.governance.mode === 'disabled'))
      return null;
    const mode = policy?.mode === 'enforce' ? 'enforce' : 'permissive';
    const session = new Session(this.#deps, { closure, mode });
    return {
      mode: mode === 'enforce' ? 'enforce' : 'observe',
      intervalSeconds: lookSeconds,
      failureThreshold: 1,
      run: (signal) =>
        read.kind === 'read'
          ? session.run(read.catalogue, signal)
          : session.without(read.kind === 'absent' ? 'the closure declares no controls' : read.detail),
      newest: (check) => session.newest(check),
    };
  }
}

type GateMode = 'permissive' | 'enforce';

class Session {
  readonly #deps: ComplianceGateDeps;
  readonly #closure: StorePath;
  readonly #mode: GateMode;
  /** What was judged last, and what came of it. */
  #judged: VerifiedEvidence | null = null;
  /** What was verified last, as it lay there: each look finds it again until there is something newer. */
  #verified: { readonly signed: SignedEvidence; readonly evidence: VerifiedEvidence } | null = null;
  #result: ProbeResult | null = null;
  /** Controls that were told to fail since the last pass. */
  readonly #told = new Set<string>();
  #orderedAt: Instant | null = null;

  constructor(deps: ComplianceGateDeps, { closure, mode }: { readonly closure: StorePath; readonly mode: GateMode }) {
    this.#deps = deps;
    this.#closure = closure;
    this.#mode = mode;
  }

  /** There is nothing that could be measured: told once, and as bad as a failure where anything is enforced. */
  async without(detail: string): Promise<ProbeResult> {
    if (this.#result === null) this.#tellGateError({ reason: 'no-collector', detail });
    return this.#settle({ status: 'fail', detail });
  }

  newest({ controls, framework }: EvidenceCheck): ProbeResult {
    const found = this.#judged?.document.controls.filter(
      ({ controlId, frameworkArticles }) =>
        controls?.includes(controlId) === true ||
        (framework !== undefined && Object.hasOwn(frameworkArticles, framework)),
    );
    if (found === undefined) return { status: 'fail', detail: 'nothing was collected on this closure yet' };
    const missing = (controls ?? []).filter((id) => !found.some(({ controlId }) => controlId === id));
    const failing = found.filter(({ decision }) => decision === 'fail').map(({ controlId }) => controlId);
    const against = [...missing.map((id) => `${id} (not measured)`), ...failing];
    if (found.length === 0 && missing.length === 0) against.push('no control is of this framework');
    return against.length === 0 ? { status: 'pass' } : { status: 'fail', detail: against.join(', ').slice(0, 500) };
  }

  async run(catalogue: Catalogue, signal: AbortSignal): Promise<ProbeResult> {
    const { collector } = this.#deps;
    if (collector === null) return this.without('the settings of the agent name no collector');
    if (this.#result === null) return this.#collect(catalogue, collector, signal);
    const newest = await this.#newest(collector);
    const isNew = newest.ok && newest.value !== null && newest.value.sha256 !== this.#judged?.sha256;
    if (isNew && newest.value.document.system.toplevel === this.#closure) {
      const { chain, sequence, previousSha256, collectedAt } = newest.value.document;
      // Documents between the two are the archive's concern; going back is not.
      const last = this.#judged && positionOf(this.#judged);
      const before =
        last?.chain === chain && sequence > last.sequence
          ? { chain, sequence: sequence - 1, sha256: previousSha256, collectedAt }
          : last;
      return this.#judge(catalogue, { evidence: newest.value, before, since: '1970-01-01T00:00:00Z' as Instant });
    }
    const since = this.#judged?.document.collectedAt ?? this.#orderedAt;
    const dueAt = since && addSeconds(since, catalogue.document.collectIntervalSeconds + timerSlackSeconds);
    if (dueAt !== null && this.#wall() < dueAt) return this.#result;
    return this.#collect(catalogue, collector, signal);
  }

  /** As the collector tells it: the agent's own time does not go back where a clock that was ahead is set right. */
  #wall(): Instant {
    return nearestInstant(this.#deps.clock.now());
  }

  async #collect(catalogue: Catalogue, collector: Collector, signal: AbortSignal): Promise<ProbeResult> {
    const { state, machine, clock } = this.#deps;
    await this.#untilReleaseIsRead(signal);
    // While it boots, the unit of the collector waits for all others, and what it would measure is not there yet.
    const isUp = async (): Promise<boolean> => !(await machine.isComingUp().catch(() => false));
    await waitUntil(isUp, { clock, msMax: bootSecondsMax * 1000, everyMs: bootPollMs, signal });
    const target = targetOn(state(), this.#closure);
    const since = this.#wall();
    this.#orderedAt = since;
    const severities = new Map(
      catalogue.document.controls.flatMap(({ rules }) => rules.map(({ id, severity }) => [id as string, severity])),
    );
    const context = await collectionContext(
      {
        ...{ closure: this.#closure, target, mode: this.#mode },
        confirmed: state().confirmed?.closure ?? null,
        severityOf: (rule) => severities.get(rule),
      },
      this.#deps,
      signal,
    );
    for (let tries = 1; ; tries++) {
      const before = await this.#newest(collector);
      const trigger = target !== null && this.#result === null ? 'activation' : 'timer';
      const order = { schemaVersion: 1, trigger, nonce: null, at: since } as const;
      const collected = await collector.collect({ context, order }, signal);
      // It was ended with everything else: nobody is told, and after the boot it is asked again.
      const isEnded = !collected.ok && (await machine.isGoingDown().catch(() => false));
      if (isEnded) return { status: 'fail', detail: 'the machine goes down' };
      if (!collected.ok) return this.#fail(collected.reason, collected.detail, collected.exitCode);
      const after = await this.#newest(collector);
      if (!after.ok) return this.#fail(after.reason, after.detail);
      if (after.value === null) return this.#fail('malformed', 'the collector ended well and left no evidence');
      // Its own timer may have woken it between our look and our order.
      const position = before.ok && before.value ? positionOf(before.value) : null;
      const isOvertaken = tries < triesMax && !isNext(position, after.value);
      if (!isOvertaken) return this.#judge(catalogue, { evidence: after.value, before: position, since });
    }
  }

  /** An agent that the switch itself started anew has read nothing yet. */
  async #untilReleaseIsRead(signal: AbortSignal): Promise<void> {
    const { documents, clock } = this.#deps;
    if (documents === null) return;
    await waitUntil(async () => documents.view !== null, { clock, msMax: releaseSecondsMax * 1000, signal });
  }

  async #judge(
    catalogue: Catalogue,
    {
      evidence,
      before,
      since,
    }: { readonly evidence: VerifiedEvidence; readonly before: ChainPosition | null; readonly since: Instant },
  ): Promise<ProbeResult> {
    const { machine, ctx, report } = this.#deps;
    const question = {
      mode: this.#mode,
      catalogue: catalogue.document,
      catalogueSha256: catalogue.sha256,
      closure: this.#closure,
      bootId: await machine.bootId(),
      activationCompletedAt: since,
      before,
    };
    const verdict: RuntimeVerdict = judgeCollection(question, evidence);
    this.#deps.onCollected();
    const drift = driftEvents(this.#judged, evidence);
    this.#judged = evidence;
    if (verdict.kind === 'gate-error') return this.#fail(verdict.reason, verdict.detail, null, evidence);
    if (verdict.kind === 'not-evaluated') return this.#settle({ status: 'pass' });
    for (const event of drift) report(event);
    const failures = verdict.kind === 'failed' ? verdict.failures : [];
    // Each collection is named once; a control again only when that is news.
    for (const [i, failure] of failures.entries()) {
      if (i > 0 && this.#told.has(failure.controlId)) continue;
      this.#told.add(failure.controlId);
      report(await failureEvent(ctx.crypto, this.#subject(), { failure, evidence }));
    }
    if (verdict.kind === 'failed' && verdict.isBlocking) {
      const failing = failures.filter(({ mode }) => mode === 'enforce').map(({ controlId }) => controlId);
      return this.#settle({ status: 'fail', detail: failing.join(', ').slice(0, 500) });
    }
    if (failures.length === 0) this.#told.clear();
    const { sequence } = evidence.document;
    report({ kind: 'compliance-passed', body: { ...this.#subject(), evidenceSha256: evidence.sha256, sequence } });
    return this.#settle({ status: 'pass' });
  }

  /** The newest document, verified by our own key: what the collector signs with. */
  async #newest(
    collector: Collector,
  ): Promise<
    | { readonly ok: true; readonly value: VerifiedEvidence | null }
    | { readonly ok: false; readonly reason: RuntimeGateErrorReason; readonly detail: string }
  > {
    const { ctx, host, ownKey, time } = this.#deps;
    try {
      const signed = await collector.newest();
      if (signed === null) return { ok: true, value: null };
      const known = this.#verified;
      if (known !== null && isSame(known.signed, signed)) return { ok: true, value: known.evidence };
      const verified = await verifyOwnEvidence(ctx, { signed, host, ownKey, now: time.now() });
      if (verified.ok) {
        this.#verified = { signed, evidence: verified.value };
        return { ok: true, value: verified.value };
      }
      const reason = verified.reason === 'malformed' || verified.reason === 'stale' ? verified.reason : 'unverified';
      return { ok: false, reason, detail: verified.detail };
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      return { ok: false, reason: 'malformed', detail: messageOf(error) };
    }
  }

  #fail(
    reason: RuntimeGateErrorReason,
    detail: string,
    collectorExitCode: number | null = null,
    evidence: VerifiedEvidence | null = null,
  ): ProbeResult {
    this.#tellGateError({ reason, detail, collectorExitCode, evidence });
    return this.#settle({ status: 'fail', detail: `${reason}: ${detail}`.slice(0, 500) });
  }

  #tellGateError({
    reason,
    detail,
    collectorExitCode = null,
    evidence = null,
  }: {
    readonly reason: RuntimeGateErrorReason;
    readonly detail: string;
    readonly collectorExitCode?: number | null;
    readonly evidence?: VerifiedEvidence | null;
  }): void {
    this.#deps.report({
      kind: 'runtime-gate-error',
      body: {
        ...this.#subject(),
        reason,
        mode: this.#mode,
        collectorExitCode,
        evidenceCollectedAt: evidence?.document.collectedAt ?? null,
        activationCompletedAt: this.#orderedAt,
        detail: detail.slice(0, 1000).toWellFormed(),
      },
    });
  }

  #subject(): Subject {
    const { phase } = this.#deps.state();
    const isActivation = phase.name === 'confirming' || phase.name === 'soaking';
    return { closure: this.#closure, activation: isActivation ? targetOn(this.#deps.state(), this.#closure) : null };
  }

  #settle(result: ProbeResult): ProbeResult {
    this.#result = result;
    return result;
  }
}

function isNext(before: ChainPosition | null, { document }: VerifiedEvidence): boolean {
  if (before?.chain !== document.chain) return document.sequence === 1;
  return document.sequence === before.sequence + 1;
}

function isSame(left: SignedEvidence, right: SignedEvidence): boolean {
  return left.sig === right.sig && left.sshsig === right.sshsig && equalBytes(left.bytes, right.bytes);
}
