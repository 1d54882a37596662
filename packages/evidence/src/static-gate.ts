import {
  type CatalogueControl,
  type CatalogueRule,
  type ChannelName,
  type ComplianceCatalogue,
  type ComplianceMode,
  type ControlId,
  entriesOf,
  type FleetDocument,
  type HostName,
  type Instant,
  lookup,
  type RuleId,
  type Sha256Hex,
  type StaticControlResult,
  type StaticHostReport,
  type StaticObservation,
  type StaticReport,
  type StaticRuleResult,
  type StorePath,
  type TagName,
  type WeakerMode,
} from '@nixfleet/contracts';
import { combineDecisions, combineStatuses, decideRule, effectiveMode } from './decide.ts';
import { EvidenceError } from './errors.ts';
import type { ApplicableWaiver } from './waiver-scope.ts';
import { weakerModeProblem } from './weaker-mode.ts';

/** What evaluation yielded for one host, parsed. */
export interface EvaluatedCompliance {
  readonly catalogue: ComplianceCatalogue;
  /** Of its text, which is the file in the closure. */
  readonly sha256: Sha256Hex;
  readonly bytes: number;
  readonly observations: readonly StaticObservation[];
  /** Modes weaker than a wider scope asks for. Default: none. */
  readonly weakened?: readonly WeakerMode[];
}

export interface StaticGateInput {
  readonly fleet: FleetDocument;
  /** Null, or not there, for a host without the compliance module. */
  readonly hosts: ReadonlyMap<HostName, EvaluatedCompliance | null>;
  /** Of each host of the fleet. */
  readonly closures: ReadonlyMap<HostName, StorePath>;
  /** Hosts that keep the closure of an earlier release, and its measurements: `observationsOf`. */
  readonly carriedOver: ReadonlySet<HostName>;
  /** Verified. */
  readonly waivers: readonly ApplicableWaiver[];
  readonly waiverRegister: Sha256Hex | null;
  readonly now: Instant;
}

/** One rule that fails on one host, with all that a person needs to mend it. */
export interface StaticFailure {
  readonly host: HostName;
  readonly channel: ChannelName;
  /** `weaker-mode`: a mode rests on a waiver that does not count; `no-catalogue`: the host has no compliance module. */
  readonly kind: 'rule' | 'weaker-mode' | 'no-catalogue';
  /** Null where it is more than one control that fails. */
  readonly controlId: ControlId | null;
  readonly ruleId: RuleId | null;
  readonly mode: ComplianceMode;
  readonly optionPath: string;
  readonly observed: unknown;
  readonly expected: unknown;
  readonly fix: string;
}

export interface StaticGate {
  readonly report: StaticReport;
  /** Under `enforce`, and covered by no waiver: they stop the release. */
  readonly blocking: readonly StaticFailure[];
  /** Under `permissive`: for people. */
  readonly warnings: readonly StaticFailure[];
}

/**
 * Every static rule over every host. A pure function of what was evaluated, the waivers and the time at which they are
 * judged: the same inputs make the same report. A host that nothing is known of is reported as not evaluated, which under
 * `enforce` blocks: no answer is not a pass.
 */
export function staticGate(input: StaticGateInput): StaticGate {
  const hosts: Record<string, StaticHostReport> = {};
  const judged: JudgedHost[] = [];
  for (const question of hostQuestions(input.fleet)) {
    const evaluated = input.hosts.get(question.host) ?? null;
    const isCarriedOver = input.carriedOver.has(question.host);
    const closure = input.closures.get(question.host);
    if (closure === undefined) throw new EvidenceError('bad-input', `${question.host} has no closure`);
    const one = judgeHost({ ...input, evaluated, closure, isCarriedOver }, question);
    hosts[question.host] = one.report;
    judged.push(one);
  }
  const failures = judged.flatMap((one) => one.failures);
  const report: StaticReport = {
    type: 'static-report',
    fleet: input.fleet.fleet,
    schemaVersion: 1,
    waiverRegister: input.waiverRegister,
    hosts,
    summary: summaryOf(judged),
  };
  return {
    report,
    blocking: failures.filter(({ mode }) => mode === 'enforce'),
    warnings: failures.filter(({ mode }) => mode === 'permissive'),
  };
}

/** A host as the fleet has it. */
export interface HostQuestion {
  readonly host: HostName;
  readonly channel: ChannelName;
  readonly tags: readonly TagName[];
  /** The channel's. */
  readonly mode: ComplianceMode;
}

export function hostQuestions({ hosts, channels }: FleetDocument): readonly HostQuestion[] {
  return entriesOf(hosts).map(([host, { channel, tags }]) => {
    const mode = lookup(channels, channel)?.policy.compliance.mode ?? 'enforce';
    return { host, channel, tags, mode };
  });
}

export interface JudgeInput extends Pick<StaticGateInput, 'waivers' | 'now'> {
  readonly evaluated: EvaluatedCompliance | null;
  readonly closure: StorePath;
  readonly isCarriedOver: boolean;
}

export interface JudgedHost {
  readonly report: StaticHostReport;
  /** Rules that fail, and weaker modes whose waivers do not count. */
  readonly failures: readonly StaticFailure[];
}

/** One host: what `staticGate` says of it, and what whoever signs makes of the same measurements once more. */
export function judgeHost(input: JudgeInput, about: HostQuestion): JudgedHost {
  const report = hostReport(input, about);
  return { report, failures: [...failuresOf(about, report), ...weakerModes(input.evaluated?.weakened, input, about)] };
}

export function summaryOf(judged: readonly JudgedHost[]): StaticReport['summary'] {
  const summary = { hosts: judged.length, pass: 0, fail: 0, error: 0, waived: 0, blocking: 0 };
  for (const { report, failures } of judged) {
    summary.blocking += failures.filter(({ mode }) => mode === 'enforce').length;
    for (const { rules } of report.controls) {
      for (const { via, status, decision } of rules) {
        if (via !== null && via !== 'override') continue;
        if (status !== 'not-applicable') summary[status]++;
        if (decision === 'waived') summary.waived++;
      }
    }
  }
  return summary;
}

/** Weaker modes of a host whose waivers do not count: as bad as what the wider scope asked for. */
export function weakerModes(
  weakened: readonly WeakerMode[] = [],
  { waivers, now }: Pick<StaticGateInput, 'waivers' | 'now'>,
  about: HostQuestion,
): StaticFailure[] {
  const { host, channel } = about;
  return weakened.flatMap((weaker): StaticFailure[] => {
    const problem = weakerModeProblem(weaker, waivers, { ...about, at: now });
    if (problem === null) return [];
    const { path, mode, wider, waiver, control } = weaker;
    const fix = `have an approver sign a waiver that counts, or take the mode out: ${problem}`;
    const expected = `${wider}, or a waiver that counts in place of ${waiver}`;
    return [
      {
        ...{ kind: 'weaker-mode', host, channel, controlId: control, ruleId: null, mode: wider },
        ...{ optionPath: path, observed: mode, expected, fix },
      },
    ];
  });
}

function hostReport(input: JudgeInput, about: HostQuestion): StaticHostReport {
  const { evaluated, closure, isCarriedOver } = input;
  const { channel, mode } = about;
  if (evaluated === null) {
    return { channel, mode, closure, catalogue: null, governance: null, isCarriedOver, controls: [] };
  }
  const { catalogue, sha256, bytes, weakened = [] } = evaluated;
  const observations = new Map<string, StaticObservation>(evaluated.observations.map((entry) => [entry.id, entry]));
  const controls = [...catalogue.controls]
    .sort((left, right) => (left.controlId < right.controlId ? -1 : 1))
    .map((control) => controlResult(control, observations, input, about));
  return {
    channel,
    mode,
    closure,
    catalogue: { version: catalogue.version, sha256, bytes },
    governance: catalogue.governance,
    isCarriedOver,
    ...(weakened.length > 0 ? { weakened: [...weakened] } : {}),
    controls,
  };
}

function controlResult(
  control: CatalogueControl,
  observations: ReadonlyMap<string, StaticObservation>,
  input: JudgeInput,
  about: HostQuestion,
): StaticControlResult {
  const mode = effectiveMode(about.mode, control.mode);
  const rules = [...control.rules]
    .sort((left, right) => (left.id < right.id ? -1 : 1))
    .map((rule) => decidedRule(measured(rule, mode, observations.get(rule.id)), control.controlId, input, about));
  return {
    controlId: control.controlId,
    mode,
    status: combineStatuses(rules.map(({ status }) => status)),
    decision: combineDecisions(rules.map(({ decision }) => decision)),
    frameworkArticles: control.articles,
    rules,
  };
}

type MeasuredRule = Omit<StaticRuleResult, 'decision' | 'waiverId'>;

function measured(rule: CatalogueRule, mode: ComplianceMode, observation: StaticObservation | undefined): MeasuredRule {
  const { id, severity, via } = rule;
  const none = (reason: NonNullable<StaticRuleResult['reason']>): MeasuredRule => ({
    id,
    severity,
    via,
    status: 'not-applicable',
    reason,
  });
  if (via === 'override' && observation === undefined) {
    return { id, severity, via, status: 'fail', fix: 'take the override out; an exception is a waiver' };
  }
  if (via !== null && via !== 'override') return { ...none('inactive'), ...forecast(observation) };
  if (rule.isAttested) return none('attested');
  if (rule.unmeasured !== null) return none('unmeasured');
  if (!rule.hasStatic) return none('not-static');
  if (mode === 'disabled') return { ...none('disabled'), ...forecast(observation) };
  // It was to be evaluated and was not: nobody knows, and nobody may take it for a pass.
  if (observation === undefined) return { id, severity, via, status: 'error' };
  const { passed, expected, observed, optionPath, fix } = observation;
  const isPass = passed && via !== 'override';
  return {
    id,
    severity,
    via,
    status: isPass ? 'pass' : 'fail',
    expected,
    observed,
    optionPath,
    ...(isPass ? {} : { fix }),
    ...underIn(observation),
  };
}

/** What whoever thinks of a higher level, or of another mode, is told; it decides nothing. */
function forecast(
  observation: StaticObservation | undefined,
): Pick<StaticRuleResult, 'wouldPass' | 'fix' | 'optionPath' | 'under'> {
  if (observation === undefined) return {};
  const { passed, fix, optionPath } = observation;
  const under = underIn(observation);
  return passed ? { wouldPass: true, ...under } : { wouldPass: false, fix, optionPath, ...under };
}

function underIn({ under }: Pick<StaticObservation, 'under'>): Pick<StaticObservation, 'under'> {
  return under === undefined ? {} : { under };
}

/**
 * What a host was observed to be, out of what a report says of it: `judgeHost` makes the same report of it under the same
 * modes, waivers and time, and another one under others.
 */
export function observationsOf({ controls }: Pick<StaticHostReport, 'controls'>): readonly StaticObservation[] {
  return controls.flatMap(({ rules }) => rules.flatMap(observationIn));
}

function observationIn(rule: StaticRuleResult): StaticObservation[] {
  const { id, status, wouldPass, expected, observed, optionPath, fix = '' } = rule;
  const more = { fix, ...underIn(rule) };
  if (wouldPass !== undefined) {
    return [{ id, passed: wouldPass, expected: null, observed: null, optionPath: optionPath ?? '', ...more }];
  }
  if (optionPath === undefined) return [];
  const passed = status === 'pass';
  return [{ id, passed, expected: expected ?? null, observed: observed ?? null, optionPath, ...more }];
}

function decidedRule(
  rule: MeasuredRule,
  controlId: ControlId,
  { waivers, now }: JudgeInput,
  { host, channel, tags }: HostQuestion,
): StaticRuleResult {
  const question = { controlId, ruleId: rule.id, host, channel, tags, at: now };
  return { ...rule, ...decideRule(rule.status, waivers, question) };
}

/** What of a host's report is a failure that no waiver covers, whatever the mode; one that is `disabled` stops and tells nothing. */
export function failuresOf(
  { host, channel, mode }: Omit<HostQuestion, 'tags'>,
  report: StaticHostReport,
): StaticFailure[] {
  if (report.catalogue === null) {
    if (mode === 'disabled') return [];
    return [
      {
        kind: 'no-catalogue',
        host,
        channel,
        controlId: null,
        ruleId: null,
        mode,
        optionPath: `hosts.${host}.configuration`,
        observed: null,
        expected: 'a catalogue of controls',
        fix: `import the compliance module into the configuration of ${host}`,
      },
    ];
  }
  return report.controls.flatMap((control) =>
    control.rules
      .filter(({ decision }) => decision === 'fail')
      .map((rule) => ({
        kind: 'rule',
        host,
        channel,
        controlId: control.controlId,
        ruleId: rule.id,
        mode: control.mode,
        optionPath: rule.optionPath ?? '',
        observed: rule.observed ?? null,
        expected: rule.expected ?? null,
        fix: rule.fix ?? 'it was not evaluated',
      })),
  );
}
