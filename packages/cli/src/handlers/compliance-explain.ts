import { type CatalogueControl, type CatalogueRule, entriesOf, RuleId } from '@nixfleet/contracts';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import type { ExitCode } from '../command-definition.ts';
import type { CommandValues } from '../command-values.ts';
import { catalogueOf, hostsOf, openReport } from '../compliance/open-report.ts';
import { ruleLines, shown } from '../compliance/rule-lines.ts';
import { parseTyped } from '../parse-typed.ts';
import { printable } from '../printable.ts';

export async function run(context: CommandContext, values: CommandValues): Promise<ExitCode> {
  const { terminal } = context;
  const wanted = parseTyped(RuleId, values.argument('rule'), 'rule');
  const opened = await openReport(context, values);
  let found: { readonly control: CatalogueControl; readonly rule: CatalogueRule } | null = null;
  const hosts: { readonly host: string; readonly result: Parameters<typeof ruleLines>[1] }[] = [];
  for (const [host, report] of hostsOf(opened.report, values.list('host'))) {
    const result = report.controls.flatMap(({ rules }) => rules).find(({ id }) => id === wanted);
    if (!result) continue;
    hosts.push({ host, result });
    if (found !== null) continue;
    for (const control of (await catalogueOf(opened, report))?.controls ?? []) {
      const rule = control.rules.find(({ id }) => id === wanted);
      if (rule) found = { control, rule };
    }
  }
  if (found === null)
    throw new CliError('failed', `${wanted}: no host has this rule`, 'see nixfleet compliance status');
  const { control, rule } = found;
  if (values.flag('json')) {
    const { rules, ...about } = control;
    terminal.result(JSON.stringify({ control: about, rule, hosts }, null, 2));
    return 0;
  }
  for (const line of explanation(control, rule)) terminal.result(line);
  terminal.result('');
  for (const { host, result } of hosts) for (const line of ruleLines(host, result)) terminal.result(line);
  return 0;
}

function explanation(control: CatalogueControl, rule: CatalogueRule): string[] {
  const articles = entriesOf(rule.articles).map(
    ([framework, points]) => `${framework} ${points.join(', ') || '(as a whole)'}`,
  );
  const lines = [
    `${rule.id}: ${printable(rule.name)}`,
    `control ${control.controlId}: ${printable(control.purpose)}`,
    `severity ${rule.severity}; contributes evidence to ${articles.join('; ') || 'no framework'}`,
  ];
  if (rule.hasStatic) lines.push('evaluated over the configuration of each host');
  if (rule.probe) {
    lines.push(`measured on the host by: ${printable([rule.probe.command, ...rule.probe.args].join(' '))}`);
    lines.push(`expected of it: ${shown(rule.probe.expect)}`);
  } else if (rule.isAttested) lines.push('stated by a person');
  else if (rule.unmeasured !== null) lines.push(`not measured: ${printable(rule.unmeasured)}`);
  lines.push(`to do: ${printable(rule.remediation)}`);
  return lines;
}
