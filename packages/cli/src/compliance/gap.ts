import type { CatalogueRule, ComplianceMode, GovernanceLevel, StaticRuleResult } from '@nixfleet/contracts';

/** What keeps one rule from speaking for a framework on one host. */
export interface Gap {
  readonly host: string;
  readonly ruleId: string;
  readonly name: string;
  /** `failing`: has a fix; `inactive`: would be active at the level; `unmeasured`: nothing says anything of it. */
  readonly kind: 'failing' | 'inactive' | 'unmeasured';
  readonly why: string;
  readonly fix: readonly string[];
  /** What becomes of the host's decision once it is done; null where only a measurement can tell. */
  readonly effect: string | null;
}

type Result = StaticRuleResult | undefined;

/** Null where the rule passes, is measured on the host alone, or a person states it. */
export function gapOf(
  rule: Pick<CatalogueRule, 'via' | 'unmeasured' | 'remediation' | 'severity' | 'hasStatic' | 'isAttested'>,
  result: Result,
  mode: ComplianceMode,
): Omit<Gap, 'host' | 'ruleId' | 'name'> | null {
  if (result?.status === 'fail' || result?.status === 'error') {
    const isWaived = result.decision === 'waived';
    const why = isWaived ? `waived by ${result.waiverId}` : result.status;
    return { kind: 'failing', why, fix: fixLines(result, rule.remediation), effect: effectOf(isWaived, mode) };
  }
  if (rule.via === 'level' || rule.via === 'control' || rule.via === 'tag') {
    const activation =
      rule.via === 'level' ? [levelLine(rule.severity)] : rule.via === 'control' ? [] : [rule.remediation];
    const lines = result?.wouldPass === false ? fixLines(result, rule.remediation) : [];
    const fix = [...activation, ...lines];
    return {
      kind: 'inactive',
      why: rule.via,
      fix: fix.length === 0 ? [rule.remediation] : fix,
      effect: forecastOf(result, mode),
    };
  }
  if (rule.via === null && rule.unmeasured !== null) {
    return { kind: 'unmeasured', why: rule.unmeasured, fix: [rule.remediation], effect: null };
  }
  return null;
}

function levelLine(level: GovernanceLevel): string {
  return `compliance.governance.level = "${level}";`;
}

function effectOf(isWaived: boolean, mode: ComplianceMode): string {
  if (isWaived) return 'its waiver is not needed any more';
  return mode === 'enforce'
    ? 'the rule passes and blocks no release'
    : `the rule passes; in mode ${mode} it blocks nothing`;
}

function forecastOf(result: Result, mode: ComplianceMode): string | null {
  if (result?.wouldPass === undefined) return null;
  if (result.wouldPass) return 'active, it would pass as the host is configured now';
  const blocked = mode === 'enforce' ? ', and block a release until all of these lines are there' : '';
  return `active, it would fail as the host is configured now${blocked}`;
}

/** Lines of one list each are one list: Nix takes an option once in a set. */
function fixLines({ fix, optionPath }: StaticRuleResult, remediation: string): readonly string[] {
  const lists = new Map<string, string[]>();
  const lines: string[] = [];
  for (const line of (fix ?? remediation).split('\n')) {
    const [, option, item] = /^(\S+) = \[ (.+) \];$/.exec(line) ?? [];
    if (option === undefined || item === undefined) lines.push(line);
    else lists.set(option, [...(lists.get(option) ?? []), item]);
  }
  const joined = [...lists].map(([option, items]) => `${option} = [ ${items.join(' ')} ];`);
  const isVague = lines.some((line) => !line.includes('.') || / there\b/.test(line));
  return [...(isVague && optionPath ? [`at ${optionPath}:`] : []), ...lines, ...joined];
}
