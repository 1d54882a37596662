import { entriesOf, FrameworkName, GovernanceLevel, type StaticRuleResult } from '@nixfleet/contracts';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import type { ExitCode } from '../command-definition.ts';
import type { CommandValues } from '../command-values.ts';
import { catalogueOf, hostsOf, openReport } from '../compliance/open-report.ts';
import { parseTyped } from '../parse-typed.ts';
import { printable } from '../printable.ts';

interface Gap {
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

export async function run(context: CommandContext, values: CommandValues): Promise<ExitCode> {
  const { terminal } = context;
  const typed = values.text('framework');
  if (typed === undefined) throw new CliError('usage', '--framework is missing', 'such as --framework nis2');
  const framework = parseTyped(FrameworkName, typed, '--framework');
  const level = parseTyped(GovernanceLevel, values.text('level') ?? 'paranoid', '--level');
  const opened = await openReport(context, values);
  const gaps: Gap[] = [];
  let isMapped = false;
  for (const [host, report] of hostsOf(opened.report, values.list('host'))) {
    const catalogue = await catalogueOf(opened, report);
    const results = new Map(report.controls.flatMap(({ rules }) => rules.map((rule) => [rule.id as string, rule])));
    for (const control of catalogue?.controls ?? []) {
      for (const rule of control.rules) {
        if (!entriesOf(rule.articles).some(([name]) => name === framework)) continue;
        isMapped = true;
        if (rank(rule.severity) > rank(level)) continue;
        const gap = gapOf(rule, results.get(rule.id));
        if (gap !== null) gaps.push({ host, ruleId: rule.id, name: rule.name, ...gap });
      }
    }
  }
  if (!isMapped) throw new CliError('failed', `${framework}: no rule of any host speaks of it`, 'check the name');
  if (values.flag('json')) terminal.result(JSON.stringify({ framework, level, gaps }, null, 2));
  else if (gaps.length === 0) terminal.result(`no gap in ${framework} up to ${level} that rules speak of`);
  else for (const line of gaps.flatMap(linesOf)) terminal.result(line);
  return 0;
}

function rank(level: GovernanceLevel): number {
  return GovernanceLevel.options.indexOf(level);
}

function gapOf(
  rule: {
    readonly via: string | null;
    readonly unmeasured: string | null;
    readonly remediation: string;
    readonly severity: string;
  },
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

function linesOf({ host, ruleId, name, kind, why, fix, effect }: Gap): string[] {
  return [
    `${host} ${ruleId} ${printable(name)}: ${kind} (${printable(why)})`,
    ...fix.map((line) => `  ${printable(line)}`),
    `  effect: ${effect ?? 'known once it is evaluated; nothing is enforced before'}`,
  ];
}
