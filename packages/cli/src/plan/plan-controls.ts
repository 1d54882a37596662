import {
  type ControlStanding,
  entriesOf,
  type HostName,
  lookup,
  type PlanControlChange,
  type PlanControls,
  type StaticHostReport,
  type StaticReport,
  type StaticRuleResult,
} from '@nixfleet/contracts';
import { type StaticChange, staticChanges } from '@nixfleet/evidence';

/** Static rules of every host that either report measured: as they would stand, and what of them stood otherwise before. */
export function planControls(
  before: StaticReport | null,
  after: StaticReport | null,
): ReadonlyMap<HostName, PlanControls> {
  const hosts = { ...before?.hosts, ...after?.hosts };
  const changes = Map.groupBy(after ? staticChanges(before, after) : [], ({ host }) => host);
  const found = new Map<HostName, PlanControls>();
  for (const [host] of entriesOf(hosts)) {
    const report = after ? lookup(after.hosts, host) : lookup(hosts, host);
    const changed = (changes.get(host) ?? []).filter(isOfPeople).map(planChange);
    if ((report?.controls ?? []).length === 0 && changed.length === 0) continue;
    found.set(host, { ...countsOf(report), changes: changed.sort((left, right) => weightOf(left) - weightOf(right)) });
  }
  return found;
}

function countsOf(report: StaticHostReport | undefined): Omit<PlanControls, 'changes'> {
  const counts = { pass: 0, fail: 0, error: 0, waived: 0 };
  for (const rule of report?.controls.flatMap(({ rules }) => rules) ?? []) {
    const standing = standingOf(rule);
    if (standing !== 'not-applicable') counts[standing]++;
  }
  return counts;
}

/** A rule that does not apply, for this reason or that, is no news; nor is one that appears and does not apply. */
function isOfPeople({ before, after }: StaticChange): boolean {
  const stands = (rule: StaticRuleResult | undefined): boolean =>
    rule !== undefined && standingOf(rule) !== 'not-applicable';
  return stands(before) || stands(after);
}

function planChange({ controlId, ruleId, mode, modeBefore, before, after }: StaticChange): PlanControlChange {
  return {
    controlId,
    ruleId,
    mode,
    ...(after === undefined || modeBefore === null || modeBefore === mode ? {} : { modeBefore }),
    before: before === undefined ? null : standingOf(before),
    after: after === undefined ? null : standingOf(after),
    waiverId: after?.waiverId ?? null,
    optionPath: after?.optionPath ?? null,
    fix: after?.fix ?? null,
  };
}

function standingOf({ status, decision }: StaticRuleResult): ControlStanding {
  return decision === 'waived' ? 'waived' : status;
}

const order: readonly (ControlStanding | null)[] = ['fail', 'error', 'waived', null, 'not-applicable', 'pass'];

/** What has to be mended comes first. */
function weightOf({ after }: PlanControlChange): number {
  return order.indexOf(after);
}
