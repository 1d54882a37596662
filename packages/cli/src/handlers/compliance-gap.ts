import { FrameworkName, GovernanceLevel, lookup } from '@nixfleet/contracts';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import type { ExitCode } from '../command-definition.ts';
import type { CommandValues } from '../command-values.ts';
import type { Gap } from '../compliance/gap.ts';
import { allLines, type HostLines, hostGaps } from '../compliance/host-gaps.ts';
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
  let isKnown = false;
  for (const [host, report] of hostsOf(opened.report, values.list('host'))) {
    const catalogue = await catalogueOf(opened, report);
    const found = hostGaps({ host, report, catalogue, framework, level });
    isKnown ||= found.isKnown;
    gaps.push(...found.gaps);
  }
  if (!isKnown) throw new CliError('failed', `${framework}: no rule of any host speaks of it`, 'check the name');
  const hosts = [...new Set(gaps.map(({ host }) => host))].map((host) => allLines(host, gaps));
  if (values.flag('json')) terminal.result(JSON.stringify({ framework, level, gaps, hosts }, null, 2));
  else if (gaps.length === 0) terminal.result(`no gap in ${framework} up to ${level} that rules speak of`);
  else for (const line of [...gaps.flatMap(linesOf), ...hosts.flatMap(blockOf)]) terminal.result(line);
  return 0;
}

function linesOf({ host, ruleId, name, kind, why, fix, effect }: Gap): string[] {
  return [
    `${[host, ruleId ?? [], printable(name)].flat().join(' ')}: ${kind} (${printable(why)})`,
    ...fix.map((line) => `  ${printable(line)}`),
    `  effect: ${effect ?? `known once ${ruleId === null ? 'a release evaluates the host with it' : 'it is measured on the host'}`}`,
  ];
}

/** What goes into the host's configuration, each option once. */
function blockOf({ host, lines, fleetLines }: HostLines): string[] {
  const block = (title: string, of: readonly string[]): string[] =>
    of.length === 0 ? [] : ['', title, ...of.map((line) => `  ${printable(line)}`)];
  return [
    ...block(`${host}, all lines for its configuration:`, lines),
    ...block(`${host}, for the fleet:`, fleetLines),
  ];
}
