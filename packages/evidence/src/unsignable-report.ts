import {
  type ComplianceCatalogue,
  entriesOf,
  type FleetDocument,
  type HostName,
  type Instant,
  type Json,
  lookup,
  type Sha256Hex,
  type StaticControlResult,
  type StaticHostReport,
  type StaticReport,
  type StorePath,
  type Verified,
} from '@nixfleet/contracts';
import { combineDecisions, combineStatuses, decideRule, effectiveMode } from './decide.ts';
import { isSameJson } from './same-json.ts';
import {
  failuresOf,
  type HostQuestion,
  hostQuestions,
  type JudgedHost,
  judgeHost,
  observationsOf,
  type StaticFailure,
  summaryOf,
  weakerModes,
} from './static-gate.ts';
import type { ApplicableWaiver } from './waiver-scope.ts';

/** What a release binds beside its static report, verified: what the report is held against. */
export interface ReportedRelease {
  readonly fleet: FleetDocument;
  /** Of each host, from the manifests. */
  readonly closures: ReadonlyMap<HostName, StorePath>;
  readonly carriedOver: ReadonlySet<HostName>;
  readonly waiverRegister: Sha256Hex | null;
  /** Those of the register that count. */
  readonly waivers: readonly ApplicableWaiver[];
  /** What a host is asked, by the hash in the report. */
  readonly catalogue: (
    sha256: Sha256Hex,
  ) => Promise<Verified<{ readonly catalogue: ComplianceCatalogue; readonly bytes: number }>>;
  /**
   * Hosts whose catalogue is looked at. A packet has those of its own hosts: of another one, what was decided follows from what
   * the report says was measured, and that all was asked is not shown.
   */
  readonly hosts: ReadonlySet<HostName> | 'all';
  /** `createdAt` of the release, at which waivers are judged. */
  readonly at: Instant;
}

/**
 * Why a report may not be signed with a release, or null. For whoever signs, and did not evaluate anything; and for whoever
 * reads later what was signed. It has to cover every host of the fleet and no other, and be what the gate makes of the
 * measurements in it: of every rule of the host's own catalogue, under its modes and the channel's policy, with the waivers of
 * this release. What was measured is the word of whoever assembled it; all that follows from it is not.
 */
export async function unsignableReport(report: StaticReport, release: ReportedRelease): Promise<string | null> {
  const { fleet, waiverRegister } = release;
  if (report.fleet !== fleet.fleet) return `the static report is of fleet ${report.fleet}`;
  if (report.waiverRegister !== waiverRegister) {
    return `the static report rests on the waivers ${report.waiverRegister}, the release binds ${waiverRegister}`;
  }
  const judged: JudgedHost[] = [];
  for (const question of hostQuestions(fleet)) {
    const found = lookup(report.hosts, question.host);
    if (!found) return `the static report does not cover host ${question.host}`;
    const one = await judgedAgain(found, question, release);
    if (typeof one === 'string') return `the static report of host ${question.host}: ${one}`;
    const blocking = one.failures.find(({ mode }) => mode === 'enforce');
    if (blocking) return `${question.host}: ${blockingText(blocking)}`;
    judged.push(one);
  }
  const extra = entriesOf(report.hosts).find(([host]) => !lookup(fleet.hosts, host));
  if (extra) return `the static report has host ${extra[0]}, which is not one of the fleet`;
  const difference = differenceOf(report.summary, summaryOf(judged));
  return difference === null ? null : `the summary of the static report: ${difference}`;
}

function blockingText({ kind, ruleId, fix }: StaticFailure): string {
  if (kind === 'rule') return `${ruleId} fails under enforce`;
  return kind === 'weaker-mode'
    ? `a weaker mode stands on no waiver that counts: ${fix}`
    : 'no catalogue fails under enforce';
}

/** A host's report made once more, from the measurements in it; or how it differs from that. */
async function judgedAgain(
  found: StaticHostReport,
  question: HostQuestion,
  release: ReportedRelease,
): Promise<JudgedHost | string> {
  const { host, channel, mode } = question;
  if (found.channel !== channel || found.mode !== mode) {
    return `it is about channel ${found.channel} under ${found.mode}, not ${channel} under ${mode}`;
  }
  const closure = release.closures.get(host);
  if (closure === undefined) return 'no manifest of the release has it';
  if (found.closure !== closure) return `it is about ${found.closure}, released is ${closure}`;
  const isCarriedOver = release.carriedOver.has(host);
  const input = { closure, isCarriedOver, waivers: release.waivers, now: release.at };
  let judged: JudgedHost;
  if (found.catalogue === null) judged = judgeHost({ ...input, evaluated: null }, question);
  else if (release.hosts !== 'all' && !release.hosts.has(host)) return judgedByItself(found, question, release);
  else {
    const { sha256 } = found.catalogue;
    const asked = await release.catalogue(sha256);
    if (!asked.ok) return `its catalogue: ${asked.detail}`;
    const { catalogue, bytes } = asked.value;
    if (catalogue.host !== host) return `its catalogue is that of ${catalogue.host}`;
    const { weakened = [] } = found;
    const evaluated = { catalogue, sha256, bytes, observations: observationsOf(found), weakened };
    judged = judgeHost({ ...input, evaluated }, question);
  }
  return hostDifference(found, judged.report) ?? judged;
}

/** Without its catalogue: what was decided has to follow from the measurements that are there. */
function judgedByItself(
  found: StaticHostReport,
  question: HostQuestion,
  { carriedOver, waivers, at }: ReportedRelease,
): JudgedHost | string {
  const controls = found.controls.map((control): StaticControlResult => {
    const rules = control.rules.map(({ waiverId: _waiverId, ...rule }) => ({
      ...rule,
      ...decideRule(rule.status, waivers, { ...question, controlId: control.controlId, ruleId: rule.id, at }),
    }));
    return {
      ...control,
      mode: effectiveMode(question.mode, control.mode),
      status: combineStatuses(rules.map(({ status }) => status)),
      decision: combineDecisions(rules.map(({ decision }) => decision)),
      rules,
    };
  });
  const report = { ...found, isCarriedOver: carriedOver.has(question.host), controls };
  const failures = [...failuresOf(question, report), ...weakerModes(found.weakened, { waivers, now: at }, question)];
  return hostDifference(found, report) ?? { report, failures };
}

function hostDifference(found: StaticHostReport, expected: StaticHostReport): string | null {
  const { controls: foundControls, ...foundRest } = found;
  const { controls: expectedControls, ...expectedRest } = expected;
  return (
    listDifference(
      'control',
      ({ controlId }) => controlId,
      [foundControls, expectedControls],
      (one, other) => {
        const { rules: foundRules, ...foundControl } = one;
        const { rules: expectedRules, ...expectedControl } = other;
        const rules = [foundRules, expectedRules] as const;
        return (
          listDifference('rule', ({ id }) => id, rules, differenceOf) ?? differenceOf(foundControl, expectedControl)
        );
      },
    ) ?? differenceOf(foundRest, expectedRest)
  );
}

/** Of two lists in one order: what is missing, too much, or differs. */
function listDifference<One>(
  kind: string,
  name: (one: One) => string,
  [found, expected]: readonly [readonly One[], readonly One[]],
  difference: (found: One, expected: One) => string | null,
): string | null {
  for (let i = 0; i < Math.max(found.length, expected.length); i++) {
    const [one, other] = [found[i], expected[i]];
    if (other === undefined) return one === undefined ? null : `${kind} ${name(one)} is not in its catalogue, or twice`;
    if (one === undefined || name(one) !== name(other)) return `${kind} ${name(other)} is missing, or not in its place`;
    const problem = difference(one, other);
    if (problem !== null) return `${name(other)}: ${problem}`;
  }
  return null;
}

/** Longest value that is shown, in characters of JSON. */
const valueCharactersMax = 80;

function differenceOf(found: object, expected: object): string | null {
  const [left, right] = [found, expected] as [Record<string, Json | undefined>, Record<string, Json | undefined>];
  for (const name of new Set([...Object.keys(left), ...Object.keys(right)])) {
    const [one, other] = [lookup(left, name), lookup(right, name)];
    if (!isSameJson(one, other)) return `${name} is ${shown(one)}, expected ${shown(other)}`;
  }
  return null;
}

function shown(value: Json | undefined): string {
  return (JSON.stringify(value) ?? 'nothing').slice(0, valueCharactersMax);
}
