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
  type TagName,
  type WeakerMode,
} from '@nixfleet/contracts';
import { combineDecisions, combineStatuses, decideRule, effectiveMode } from './decide.ts';
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
  /** Null for a host without the compliance module. Hosts of `carriedOver` need not be here. */
  readonly hosts: ReadonlyMap<HostName, EvaluatedCompliance | null>;
  /** Measurements of an earlier release, for hosts that keep its closure. */
  readonly carriedOver: ReadonlyMap<HostName, StaticHostReport>;
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
 * judged: the same inputs make the same report. A host that is in neither map is reported as not evaluated, which under
 * `enforce` blocks: no answer is not a pass.
 */
export function staticGate(input: StaticGateInput): StaticGate {
  const hosts: Record<string, StaticHostReport> = {};
  const blocking: StaticFailure[] = [];
  const warnings: StaticFailure[] = [];
  const summary = { hosts: 0, pass: 0, fail: 0, error: 0, waived: 0, blocking: 0 };
  for (const [host, { channel, tags }] of entriesOf(input.fleet.hosts)) {
    const mode = lookup(input.fleet.channels, channel)?.policy.compliance.mode ?? 'enforce';
    const about: HostQuestion = { host, channel, tags, mode };
    const report = hostReport(input, about);
    hosts[host] = report;
    summary.hosts++;
    for (const { rules } of report.controls) {
      for (const { via, status, decision } of rules) {
        if (via !== null && via !== 'override') continue;
        if (status !== 'not-applicable') summary[status]++;
        if (decision === 'waived') summary.waived++;
      }
    }
    for (const failure of [...failuresOf(about, report), ...weakerModes(input, about)]) {
      if (failure.mode === 'enforce') blocking.push(failure);
      else if (failure.mode === 'permissive') warnings.push(failure);
    }
  }
  summary.blocking = blocking.length;
  const report: StaticReport = {
    type: 'static-report',
    fleet: input.fleet.fleet,
    schemaVersion: 1,
    waiverRegister: input.waiverRegister,
    hosts,
    summary,
  };
  return { report, blocking, warnings };
}

/** Weaker modes of a host whose waivers do not count: as bad as what the wider scope asked for. */
function weakerModes({ hosts, waivers, now }: StaticGateInput, about: HostQuestion): StaticFailure[] {
  const { host, channel } = about;
  return (hosts.get(host)?.weakened ?? []).flatMap((weaker): StaticFailure[] => {
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

interface HostQuestion {
  readonly host: HostName;
  readonly channel: ChannelName;
  readonly tags: readonly TagName[];
  readonly mode: ComplianceMode;
}

function hostReport(input: StaticGateInput, about: HostQuestion): StaticHostReport {
  const evaluated = input.hosts.get(about.host) ?? null;
  const earlier = input.carriedOver.get(about.host);
  const { channel, mode } = about;
  if (evaluated === null && earlier !== undefined) {
    const controls = earlier.controls.map((control) => {
      const effective = effectiveMode(mode, control.mode);
      return decided(
        control.controlId,
        control.frameworkArticles,
        effective,
        control.rules.map((rule) => decidedRule(rule, control.controlId, input, about)),
      );
    });
    return { ...earlier, channel, mode, isCarriedOver: true, controls };
  }
  if (evaluated === null) {
    return { channel, mode, catalogue: null, governance: null, isCarriedOver: false, controls: [] };
  }
  const { catalogue, sha256, bytes } = evaluated;
  const observations = new Map<string, StaticObservation>(evaluated.observations.map((entry) => [entry.id, entry]));
  const controls = [...catalogue.controls]
    .sort((left, right) => (left.controlId < right.controlId ? -1 : 1))
    .map((control) => controlResult(control, observations, input, about));
  return {
    channel,
    mode,
    catalogue: { version: catalogue.version, sha256, bytes },
    governance: catalogue.governance,
    isCarriedOver: false,
    controls,
  };
}

function controlResult(
  control: CatalogueControl,
  observations: ReadonlyMap<string, StaticObservation>,
  input: StaticGateInput,
  about: HostQuestion,
): StaticControlResult {
  const mode = effectiveMode(about.mode, control.mode);
  const rules = [...control.rules]
    .sort((left, right) => (left.id < right.id ? -1 : 1))
    .map((rule) => decidedRule(measured(rule, mode, observations.get(rule.id)), control.controlId, input, about));
  return decided(control.controlId, control.articles, mode, rules);
}

function decided(
  controlId: ControlId,
  frameworkArticles: StaticControlResult['frameworkArticles'],
  mode: ComplianceMode,
  rules: StaticRuleResult[],
): StaticControlResult {
  return {
    controlId,
    mode,
    status: combineStatuses(rules.map(({ status }) => status)),
    decision: combineDecisions(rules.map(({ decision }) => decision)),
    frameworkArticles,
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
  };
}

/** What whoever thinks of a higher level, or of another mode, is told; it decides nothing. */
function forecast(
  observation: StaticObservation | undefined,
): Pick<StaticRuleResult, 'wouldPass' | 'fix' | 'optionPath'> {
  if (observation === undefined) return {};
  const { passed, fix, optionPath } = observation;
  return passed ? { wouldPass: true } : { wouldPass: false, fix, optionPath };
}

function decidedRule(
  rule: MeasuredRule & { readonly decision?: unknown; readonly waiverId?: unknown },
  controlId: ControlId,
  { waivers, now }: StaticGateInput,
  { host, channel, tags }: HostQuestion,
): StaticRuleResult {
  const { decision: _decision, waiverId: _waiverId, ...kept } = rule;
  const question = { controlId, ruleId: rule.id, host, channel, tags, at: now };
  return { ...kept, ...decideRule(rule.status, waivers, question) };
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

/**
 * Why a report may not be signed with a release, or null: it has to cover every host of the fleet and no other, be about
 * the policy that the fleet has, and hold no failure that blocks. For whoever signs, and did not evaluate anything.
 */
export function unsignableReport(report: StaticReport, fleet: FleetDocument): string | null {
  if (report.fleet !== fleet.fleet) return `the static report is of fleet ${report.fleet}`;
  for (const [host, { channel }] of entriesOf(fleet.hosts)) {
    const found = lookup(report.hosts, host);
    if (!found) return `the static report does not cover host ${host}`;
    const mode = lookup(fleet.channels, channel)?.policy.compliance.mode ?? 'enforce';
    if (found.channel !== channel || found.mode !== mode) {
      return `the static report is about host ${host} in channel ${found.channel} under ${found.mode}, not ${channel} under ${mode}`;
    }
    const inconsistent = inconsistency(found);
    if (inconsistent !== null) return `the static report of host ${host}: ${inconsistent}`;
    const blocking = failuresOf({ host, channel, mode }, found).find((failure) => failure.mode === 'enforce');
    if (blocking) return `${host}: ${blocking.ruleId ?? 'no catalogue'} fails under enforce`;
  }
  // What is no rule of a host, such as a weaker mode whose waiver ran out, is in the count alone.
  if (report.summary.blocking > 0) return `the static report says that ${report.summary.blocking} failures block`;
  const extra = entriesOf(report.hosts).find(([host]) => !lookup(fleet.hosts, host));
  return extra ? `the static report has host ${extra[0]}, which is not one of the fleet` : null;
}

/** A report whose words do not follow from each other was not made by `staticGate`. */
function inconsistency({ controls }: StaticHostReport): string | null {
  for (const { controlId, status, decision, rules } of controls) {
    if (status !== combineStatuses(rules.map((rule) => rule.status))) return `${controlId}: status`;
    if (decision !== combineDecisions(rules.map((rule) => rule.decision))) return `${controlId}: decision`;
    for (const rule of rules) {
      const isBad = rule.status === 'fail' || rule.status === 'error';
      const isWaived = rule.decision === 'waived' && rule.waiverId !== undefined && rule.status === 'fail';
      if (isBad && rule.decision !== 'fail' && !isWaived) return `${rule.id}: ${rule.status} decides ${rule.decision}`;
    }
  }
  return null;
}
