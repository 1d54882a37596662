import {
  type ComplianceMode,
  type ControlId,
  entriesOf,
  type HostName,
  lookup,
  type RuleId,
  type StaticHostReport,
  type StaticReport,
  type StaticRuleResult,
} from '@nixfleet/contracts';

/** A rule of one host as two static reports have it; undefined where one does not have it. */
export interface StaticChange {
  readonly host: HostName;
  readonly controlId: ControlId;
  readonly ruleId: RuleId;
  /** Of the later report, where it has the rule. */
  readonly mode: ComplianceMode;
  /** Of the earlier one; null where that does not have the rule. */
  readonly modeBefore: ComplianceMode | null;
  readonly before: StaticRuleResult | undefined;
  readonly after: StaticRuleResult | undefined;
}

/**
 * Rules that stand otherwise than before: by what was measured, what follows from it, the waiver that covers it, or what a
 * failure would do. By host, control and rule.
 */
export function staticChanges(
  before: Pick<StaticReport, 'hosts'> | null,
  after: Pick<StaticReport, 'hosts'>,
): readonly StaticChange[] {
  const names = new Map([...entriesOf(before?.hosts ?? {}), ...entriesOf(after.hosts)]);
  return [...names.keys()].sort().flatMap((host) => {
    const [left, right] = [
      rulesOf(before ? lookup(before.hosts, host) : undefined),
      rulesOf(lookup(after.hosts, host)),
    ];
    const keys = [...new Set([...left.keys(), ...right.keys()])].sort();
    return keys.flatMap((key): StaticChange[] => {
      const [one, two] = [left.get(key), right.get(key)];
      const known = two ?? one;
      if (known === undefined || !isToldOf(one, two)) return [];
      const { controlId, mode, rule } = known;
      const modeBefore = one?.mode ?? null;
      return [{ host, controlId, ruleId: rule.id, mode, modeBefore, before: one?.rule, after: two?.rule }];
    });
  });
}

interface KnownRule {
  readonly controlId: ControlId;
  readonly mode: ComplianceMode;
  readonly rule: StaticRuleResult;
}

function rulesOf(report: StaticHostReport | undefined): ReadonlyMap<string, KnownRule> {
  const found = new Map<string, KnownRule>();
  for (const { controlId, mode, rules } of report?.controls ?? []) {
    for (const rule of rules) found.set(`${controlId} ${rule.id}`, { controlId, mode, rule });
  }
  return found;
}

/** Of the modes, what a failure would do: the more, the stronger. */
const strength: Readonly<Record<ComplianceMode, number>> = { disabled: 0, permissive: 1, enforce: 2 };

/** A stronger mode changes nothing for a rule that passes; a weaker one does, and neither for a rule that does not apply. */
function isToldOf(one: KnownRule | undefined, two: KnownRule | undefined): boolean {
  if (standingOf(one) !== standingOf(two)) return true;
  if (one === undefined || two === undefined || two.rule.status === 'not-applicable') return false;
  return two.rule.status === 'pass' ? strength[two.mode] < strength[one.mode] : two.mode !== one.mode;
}

function standingOf(known: KnownRule | undefined): string {
  if (known === undefined) return '';
  const { status, decision, waiverId, via, reason } = known.rule;
  return [status, decision, waiverId, via, reason].join(' ');
}
