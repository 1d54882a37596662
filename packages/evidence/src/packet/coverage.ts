import { type ComplianceDecision, entriesOf } from '@nixfleet/contracts';
import type { HostFindings, PacketFindings } from './findings.ts';

/**
 * How a point of a framework is covered, as honest as can be: `measured` on hosts, `declared` by their configuration alone,
 * `attested` by a person, or `not-covered`: rules speak of it, and none of them is active or measures anything. A mapping
 * says that evidence contributes to a point, never that it satisfies it.
 */
export type CoverageState = 'measured' | 'declared' | 'attested' | 'not-covered';

export interface ArticleCoverage {
  readonly framework: string;
  readonly article: string;
  readonly state: CoverageState;
  /** The worst that was decided of it at the last collection of any host; null where nothing was measured or declared. */
  readonly decision: ComplianceDecision | null;
  readonly rules: readonly string[];
}

const statesBestFirst: readonly CoverageState[] = ['measured', 'declared', 'attested', 'not-covered'];
const decisionsWorstFirst: readonly ComplianceDecision[] = ['fail', 'waived', 'pass', 'none'];

/** Every point that the catalogues of the hosts speak of. Sorted by framework and article. */
export function coverageOf({ hosts }: PacketFindings): readonly ArticleCoverage[] {
  const found = new Map<string, { state: CoverageState; decision: ComplianceDecision | null; rules: Set<string> }>();
  for (const host of hosts) {
    for (const { article, framework, rule, state, decision } of pointsOf(host)) {
      const key = `${framework}\0${article}`;
      const entry = found.get(key) ?? {
        state: 'not-covered' as CoverageState,
        decision: null,
        rules: new Set<string>(),
      };
      found.set(key, entry);
      entry.rules.add(rule);
      if (statesBestFirst.indexOf(state) < statesBestFirst.indexOf(entry.state)) entry.state = state;
      if (decision !== null && (entry.decision === null || isWorse(decision, entry.decision)))
        entry.decision = decision;
    }
  }
  return [...found]
    .map(([key, { state, decision, rules }]) => {
      const [framework = '', article = ''] = key.split('\0');
      return { framework, article, state, decision, rules: [...rules].sort() };
    })
    .sort((left, right) =>
      left.framework === right.framework
        ? compareArticles(left.article, right.article)
        : left.framework < right.framework
          ? -1
          : 1,
    );
}

interface Point {
  readonly framework: string;
  readonly article: string;
  readonly rule: string;
  readonly state: CoverageState;
  readonly decision: ComplianceDecision | null;
}

function* pointsOf({ catalogue, timeline }: HostFindings): Generator<Point> {
  for (const control of catalogue?.controls ?? []) {
    const span = timeline.controls.get(control.controlId)?.at(-1);
    for (const rule of control.rules) {
      const isActive = rule.via === null && control.mode !== 'disabled';
      const isFailing = span?.failing.includes(rule.id) ?? false;
      const measured: ComplianceDecision = isFailing ? (span?.decision === 'waived' ? 'waived' : 'fail') : 'pass';
      const state: CoverageState = !isActive
        ? 'not-covered'
        : rule.isAttested
          ? 'attested'
          : rule.unmeasured !== null
            ? 'not-covered'
            : rule.probe !== null && span !== undefined && span.status !== 'not-applicable'
              ? 'measured'
              : rule.hasStatic
                ? 'declared'
                : 'not-covered';
      const decision = state === 'measured' ? measured : null;
      for (const [framework, articles] of entriesOf(rule.articles)) {
        for (const article of articles.length === 0 ? ['(as a whole)'] : articles) {
          yield { framework, article, rule: rule.id, state, decision };
        }
      }
    }
  }
}

function isWorse(left: ComplianceDecision, right: ComplianceDecision): boolean {
  return decisionsWorstFirst.indexOf(left) < decisionsWorstFirst.indexOf(right);
}

/** `R9` before `R10`: runs of digits by their number, the rest by code unit. */
export function compareArticles(left: string, right: string): number {
  const parts = (text: string) => text.match(/\d+|\D+/g) ?? [];
  const a = parts(left);
  const b = parts(right);
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const one = a[i] ?? '';
    const two = b[i] ?? '';
    if (one === two) continue;
    const isNumber = /^\d/.test(one) && /^\d/.test(two);
    if (isNumber && Number(one) !== Number(two)) return Number(one) - Number(two);
    return one < two ? -1 : 1;
  }
  return 0;
}
