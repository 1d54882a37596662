import type { EvidenceControl, EvidenceDocument, EvidenceRule, Json } from '@nixfleet/contracts';
import { summarise } from './build-evidence.ts';
import { combineDecisions, combineStatuses } from './decide.ts';
import { evaluateExpectation } from './expectation.ts';

/** Most problems that are listed. */
const problemsMax = 10;

/**
 * Where a document is at odds with itself: a decision that does not follow from its measurement, a pass whose observation is
 * not as expected, counts that are wrong. A signature does not make these true. Empty if it agrees with itself.
 */
export function evidenceProblems(
  document: EvidenceDocument,
  problemsOf: (control: EvidenceControl) => readonly string[] = controlProblems,
): string[] {
  const problems: string[] = [];
  const ids = document.controls.map(({ controlId }) => controlId);
  if (!isSorted(ids)) problems.push('controls: expected each once, sorted by controlId');
  for (const control of document.controls) {
    if (problems.length >= problemsMax) return problems;
    problems.push(...problemsOf(control));
  }
  const counted = summarise(document.controls);
  for (const [name, value] of Object.entries(counted)) {
    const said = document.summary[name as keyof typeof counted];
    if (said !== value) problems.push(`summary.${name}: says ${said}, and the controls say ${value}`);
  }
  return problems.slice(0, problemsMax);
}

/** Where one control is at odds with itself. How long its probes took and the hashes of their outputs do not matter. */
export function controlProblems(control: EvidenceControl): string[] {
  const { controlId: at, rules } = control;
  const problems: string[] = [];
  if (!isSorted(rules.map(({ id }) => id))) problems.push(`${at}: expected each rule once, sorted by id`);
  const status = combineStatuses(rules.map((rule) => rule.status));
  if (control.status !== status) problems.push(`${at}: says ${control.status}, and its rules say ${status}`);
  if (control.passed !== (status === 'pass')) problems.push(`${at}: passed is ${control.passed} at ${status}`);
  const decision = combineDecisions(rules.map((rule) => rule.decision));
  if (control.decision !== decision) problems.push(`${at}: decides ${control.decision}, and its rules ${decision}`);
  for (const rule of rules) {
    const problem = ruleProblem(rule);
    if (problem !== null) problems.push(`${at}: ${rule.id}: ${problem}`);
  }
  return problems;
}

const decisionsOf: { readonly [Status in EvidenceRule['status']]: readonly EvidenceRule['decision'][] } = {
  pass: ['pass'],
  fail: ['fail', 'waived'],
  error: ['fail'],
  'not-applicable': ['none'],
};

/** Where one rule is at odds with itself; null if nowhere. */
export function ruleProblem(rule: EvidenceRule): string | null {
  const { status, decision, waiverId, via, reason } = rule;
  if (!decisionsOf[status].includes(decision)) return `${status} cannot decide ${decision}`;
  if ((decision === 'waived') !== (waiverId !== undefined)) return `${decision}, with waiver ${waiverId ?? 'none'}`;
  if ((status === 'not-applicable') !== (reason !== undefined)) return `${status}, with reason ${reason ?? 'none'}`;
  if (via === 'override') return status === 'fail' ? null : `forced off by hand, and ${status}`;
  if (via !== null) return reason === 'inactive' ? null : `not active (${via}), and ${status}`;
  if (status !== 'pass' && status !== 'fail') return null;
  if (rule.expected === undefined || rule.observed === undefined || rule.probe === undefined) {
    return `${status}, without what was expected, observed and run`;
  }
  if (rule.probe.exitCode !== 0) return `${status}, of a probe that ended with ${rule.probe.exitCode ?? 'a signal'}`;
  const evaluated = evaluateExpectation(rule.expected as Json, rule.observed as Json);
  if (!evaluated.ok) return `expected: ${evaluated.reason}`;
  return evaluated.value.isMet === (status === 'pass') ? null : `${status}, and the observation says otherwise`;
}

function isSorted(ids: readonly string[]): boolean {
  return ids.every((id, i) => i === 0 || (ids[i - 1] ?? '') < id);
}
