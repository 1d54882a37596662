import type { StaticHostReport } from '@nixfleet/contracts';
import { type EndingWaiver, endingWaivers, readWaivers, waiversInUse } from '@nixfleet/evidence';
import { endingWaiverLine } from '@nixfleet/release';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import type { ExitCode } from '../command-definition.ts';
import type { CommandValues } from '../command-values.ts';
import { ciFormats, ciReport } from '../compliance/ci-report.ts';
import { liveStatus } from '../compliance/live-status.ts';
import { catalogueOf, hostsOf, type OpenedReport, openReport } from '../compliance/open-report.ts';
import type { RuleText } from '../compliance/report-findings.ts';
import { ruleLines } from '../compliance/rule-lines.ts';
import { printable } from '../printable.ts';

export async function run(context: CommandContext, values: CommandValues): Promise<ExitCode> {
  const { terminal } = context;
  const format = values.text('format');
  const kinds = [format !== undefined, values.flag('live'), values.flag('json')];
  if (format !== undefined && kinds.filter(Boolean).length > 1) {
    throw new CliError('usage', '--format is of the static report, and no JSON', 'leave --live and --json out');
  }
  if (values.flag('live')) return liveStatus(context, values);
  const opened = await openReport(context, values);
  const { report, verified } = opened;
  if (format !== undefined) return writeFormat(context, values, { format, opened });
  const rows = hostsOf(report, values.list('host')).map(([host, found]) => ({ host, ...countsOf(found) }));
  const { version, createdAt } = verified.release.document;
  const ending = await endingOf(opened);
  if (values.flag('json')) {
    const { summary } = report;
    const waivers = ending.map(({ waiver, ...rest }) => ({ ...waiver, ...rest }));
    terminal.result(JSON.stringify({ version, createdAt, summary, hosts: rows, endingWaivers: waivers }, null, 2));
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
  for (const one of ending) terminal.result(terminal.paint('yellow', printable(endingWaiverLine(one))));
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

/** Waivers that the release rests on and that end soon, or have run out since it was made. */
async function endingOf({ chain, verified, report }: OpenedReport): Promise<readonly EndingWaiver[]> {
  const { ctx, place, now } = chain;
  const read = (path: string, bytesMax: number) => place.read(path, bytesMax);
  const waivers = await readWaivers(ctx, { release: verified.release.document, trust: verified.trust, read }, report);
  if (!waivers.ok) throw new CliError('failed', `refused (${waivers.reason})`, waivers.detail);
  const documents = waivers.value.map(({ document }) => document);
  return endingWaivers(waiversInUse(report, documents), now);
}

async function writeFormat(
  { terminal }: CommandContext,
  values: CommandValues,
  { format, opened }: { readonly format: string; readonly opened: OpenedReport },
): Promise<ExitCode> {
  const known = ciFormats.find((one) => one === format);
  if (known === undefined) throw new CliError('usage', `--format '${format}'`, `expected ${ciFormats.join(' or ')}`);
  const hosts = hostsOf(opened.report, values.list('host'));
  const rules = new Map<string, RuleText>();
  for (const [, host] of hosts) {
    for (const control of (await catalogueOf(opened, host))?.controls ?? []) {
      for (const rule of control.rules) rules.set(rule.id, rule);
    }
  }
  const report = { ...opened.report, hosts: Object.fromEntries(hosts) };
  terminal.result(ciReport(known, report, rules).trimEnd());
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
