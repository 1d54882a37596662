import { entriesOf, FrameworkName, GovernanceLevel, lookup } from '@nixfleet/contracts';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import type { ExitCode } from '../command-definition.ts';
import type { CommandValues } from '../command-values.ts';
import { type Gap, gapOf } from '../compliance/gap.ts';
import { catalogueOf, hostsOf, openReport } from '../compliance/open-report.ts';
import { parseTyped } from '../parse-typed.ts';
import { printable } from '../printable.ts';

/** Levels as ANSSI-BP-028 calls them. */
const levelNames: Readonly<Record<string, GovernanceLevel>> = {
  intermediary: 'standard',
  enhanced: 'strict',
  reinforced: 'strict',
  high: 'paranoid',
};

export async function run(context: CommandContext, values: CommandValues): Promise<ExitCode> {
  const { terminal } = context;
  const typed = values.text('framework');
  if (typed === undefined) throw new CliError('usage', '--framework is missing', 'such as --framework nis2');
  const framework = parseTyped(FrameworkName, typed, '--framework');
  const asked = values.text('level') ?? 'paranoid';
  const level = parseTyped(GovernanceLevel, lookup(levelNames, asked) ?? asked, '--level');
  const opened = await openReport(context, values);
  const gaps: Gap[] = [];
  let isMapped = false;
  for (const [host, report] of hostsOf(opened.report, values.list('host'))) {
    const catalogue = await catalogueOf(opened, report);
    const results = new Map(report.controls.flatMap(({ rules }) => rules.map((rule) => [rule.id as string, rule])));
    const modes = new Map(report.controls.map(({ controlId, mode }) => [controlId, mode]));
    for (const control of catalogue?.controls ?? []) {
      for (const rule of control.rules) {
        if (!entriesOf(rule.articles).some(([name]) => name === framework)) continue;
        isMapped = true;
        if (rank(rule.severity) > rank(level)) continue;
        const gap = gapOf(rule, results.get(rule.id), modes.get(control.controlId) ?? control.mode);
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

function linesOf({ host, ruleId, name, kind, why, fix, effect }: Gap): string[] {
  return [
    `${host} ${ruleId} ${printable(name)}: ${kind} (${printable(why)})`,
    ...fix.map((line) => `  ${printable(line)}`),
    `  effect: ${effect ?? 'known once it is measured on the host'}`,
  ];
}
