import type { CatalogueRule, StaticRuleResult } from '@nixfleet/contracts';

/** What keeps one rule from speaking for a framework on one host. */
export interface Gap {
  readonly host: string;
  readonly ruleId: string;
  readonly name: string;
  /** `failing`: has a fix; `inactive`: would be active at the level; `unmeasured`: nothing says anything of it. */
  readonly kind: 'failing' | 'inactive' | 'unmeasured';
  readonly why: string;
  readonly fix: readonly string[];
  /** What becomes of the host's decision once it is done; null where only an evaluation can tell. */
  readonly effect: string | null;
}

/** Null where the rule passes, is measured on the host alone, or a person states it. */
export function gapOf(
  rule: Pick<CatalogueRule, 'via' | 'unmeasured' | 'remediation' | 'severity'>,
  result: StaticRuleResult | undefined,
): Omit<Gap, 'host' | 'ruleId' | 'name'> | null {
  if (result?.status === 'fail' || result?.status === 'error') {
    const fix = (result.fix ?? rule.remediation).split('\n');
    const isWaived = result.decision === 'waived';
    const effect = isWaived ? 'its waiver is not needed any more' : 'the rule passes and blocks no release';
    return { kind: 'failing', why: isWaived ? `waived by ${result.waiverId}` : result.status, fix, effect };
  }
  if (rule.via === 'level') {
    const fix = [`compliance.governance.level = "${rule.severity}";`];
    return { kind: 'inactive', why: 'level', fix, effect: null };
  }
  if (rule.via === 'control' || rule.via === 'tag') {
    return { kind: 'inactive', why: rule.via, fix: [rule.remediation], effect: null };
  }
  if (rule.via === null && rule.unmeasured !== null) {
    return { kind: 'unmeasured', why: rule.unmeasured, fix: [rule.remediation], effect: null };
  }
  return null;
}
