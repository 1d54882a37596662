import type { StaticHostReport } from '@nixfleet/contracts';
import type { CommandContext } from '../command-context.ts';
import type { ExitCode } from '../command-definition.ts';
import type { CommandValues } from '../command-values.ts';
import { hostsOf, openReport } from '../compliance/open-report.ts';
import { ruleLines } from '../compliance/rule-lines.ts';

export async function run(context: CommandContext, values: CommandValues): Promise<ExitCode> {
  const { terminal } = context;
  const { report, verified } = await openReport(context, values);
  const rows = hostsOf(report, values.list('host')).map(([host, found]) => ({ host, ...countsOf(found) }));
  const { version, createdAt } = verified.release.document;
  if (values.flag('json')) {
    terminal.result(JSON.stringify({ version, createdAt, summary: report.summary, hosts: rows }, null, 2));
    return 0;
  }
  terminal.result(
    `release ${version}, made ${createdAt}: configurations, not what runs; that is evidence of each host`,
  );
  for (const { host, mode, pass, fail, waived, error, notApplicable } of rows) {
    terminal.result(
      `${host} (${mode}): ${pass} pass, ${fail} fail, ${waived} waived, ${error} not evaluated, ${notApplicable} not static or not active`,
    );
  }
  for (const [host, { controls }] of hostsOf(report, values.list('host'))) {
    for (const { rules } of controls) {
      for (const rule of rules) {
        if (rule.status !== 'fail' && rule.status !== 'error') continue;
        for (const [i, line] of ruleLines(host, rule).entries()) terminal.result(i === 0 ? `${rule.id} ${line}` : line);
      }
    }
  }
  return 0;
}

function countsOf({ mode, controls }: StaticHostReport) {
  const rules = controls.flatMap((control) => control.rules);
  const count = (test: (rule: (typeof rules)[number]) => boolean) => rules.filter(test).length;
  return {
    mode,
    pass: count(({ status }) => status === 'pass'),
    fail: count(({ decision, status }) => status === 'fail' && decision === 'fail'),
    waived: count(({ decision }) => decision === 'waived'),
    error: count(({ status }) => status === 'error'),
    notApplicable: count(({ status }) => status === 'not-applicable'),
  };
}
