import { type ComplianceDecision, entriesOf, type StaticHostReport } from '@nixfleet/contracts';
import { combineDecisions } from '../decide.ts';
import { type DeclaredHost, declaredOf } from './declared.ts';
import type { HostFindings, PacketFindings } from './findings.ts';
import type { RuleResult } from './timeline.ts';

/**
 * How a point of a framework is covered, as honest as can be: `measured` on hosts, `declared` by their configuration alone, or
 * `not-covered`: rules speak of it, and none of them came to anything. What a person has to state is not covered: a packet
 * holds no attestations. A mapping says that evidence contributes to a point, never that it satisfies it.
 */
export type CoverageState = 'measured' | 'declared' | 'not-covered';

export interface ArticleCoverage {
  readonly framework: string;
  readonly article: string;
  readonly state: CoverageState;
  /**
   * The worst that was decided of it on any host: at its last collection, and over its configuration in the release that it
   * last collected under and in the newest one. Null where nothing was decided.
   */
  readonly decision: ComplianceDecision | null;
  readonly rules: readonly string[];
}

const statesBestFirst: readonly CoverageState[] = ['measured', 'declared', 'not-covered'];

/** Every point that the catalogues of the hosts speak of. Sorted by framework and article. */
export function coverageOf({
  hosts,
  releases,
  manifest,
}: Pick<PacketFindings, 'hosts' | 'releases' | 'manifest'>): readonly ArticleCoverage[] {
  const found = new Map<string, { state: CoverageState; decision: ComplianceDecision | null; rules: Set<string> }>();
  for (const host of hosts) {
    for (const { article, framework, rule, state, decision } of pointsOf(host, declaredOf(host, releases, manifest))) {
      const key = `${framework}\0${article}`;
      const entry = found.get(key) ?? {
        state: 'not-covered' as CoverageState,
        decision: null,
        rules: new Set<string>(),
      };
      found.set(key, entry);
      entry.rules.add(rule);
      if (statesBestFirst.indexOf(state) < statesBestFirst.indexOf(entry.state)) entry.state = state;
      entry.decision = worst([entry.decision, decision]);
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

function* pointsOf(
  { catalogue, timeline, collectedUnder }: HostFindings,
  declared: readonly DeclaredHost[],
): Generator<Point> {
  const newest = declared.at(-1);
  const last = declared.find(({ release }) => release.releaseId === collectedUnder.at(-1));
  const configured = [...new Set([last, newest])].map((one) => staticResults(one?.report));
  for (const rule of catalogue?.controls.flatMap((control) => control.rules) ?? []) {
    // What is not active, or forced off, has no state but what was decided of it.
    const isActive = rule.via === null;
    const measured = timeline.rules.get(rule.id);
    const results = configured.flatMap((rules) => rules.get(rule.id) ?? []);
    const isMeasured = rule.probe !== null && measured !== undefined && isResult(measured);
    const state: CoverageState =
      isActive && isMeasured ? 'measured' : isActive && results.some(isResult) ? 'declared' : 'not-covered';
    const decision = worst(
      [measured, ...results].map((result) => (result && isResult(result) ? result.decision : null)),
    );
    for (const [framework, articles] of entriesOf(rule.articles)) {
      for (const article of articles.length === 0 ? ['(as a whole)'] : articles) {
        yield { framework, article, rule: rule.id, state, decision };
      }
    }
  }
}

function staticResults(report: StaticHostReport | undefined): ReadonlyMap<string, RuleResult> {
  const rules = report?.controls.flatMap((control) => control.rules) ?? [];
  return new Map(rules.map((rule) => [rule.id, rule]));
}

/** A rule that does not apply, is disabled or was not looked at came to nothing, whatever the rest of its control did. */
function isResult({ status }: RuleResult): boolean {
  return status !== 'not-applicable';
}

function worst(decisions: readonly (ComplianceDecision | null)[]): ComplianceDecision | null {
  const made = decisions.filter((decision) => decision !== null);
  return made.length === 0 ? null : combineDecisions(made);
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
