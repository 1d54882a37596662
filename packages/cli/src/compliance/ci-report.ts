import { writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import type { StaticReport } from '@nixfleet/contracts';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import type { CommandValues } from '../command-values.ts';
import { absolutePath } from '../config/absolute-path.ts';
import { junitReport } from './junit.ts';
import type { RuleText } from './report-findings.ts';
import { sarifReport } from './sarif.ts';

/** What a static report is written as for the machinery of CI. */
export const ciFormats = ['sarif', 'junit'] as const;
export type CiFormat = (typeof ciFormats)[number];

/** For viewers that show nothing without a file: what a fleet is evaluated from. */
const evaluatedFile = 'flake.nix';

export function ciReport(format: CiFormat, report: StaticReport, rules: ReadonlyMap<string, RuleText>): string {
  if (format === 'junit') return junitReport(report, rules);
  return `${JSON.stringify(sarifReport(report, { rules, file: evaluatedFile }), null, 2)}\n`;
}

/** Writes the files that `--compliance-report` names. Throws `CliError` `usage` for a name that says no format. */
export function ciReportWriter(
  { environment, workingDirectory }: CommandContext,
  values: CommandValues,
): (report: StaticReport, rules: ReadonlyMap<string, RuleText>) => Promise<void> {
  const base = { base: workingDirectory, home: environment.HOME ?? homedir() };
  const files = values
    .list('compliance-report')
    .map((typed) => ({ path: absolutePath(typed, base), format: formatOf(typed) }));
  return async (report, rules) => {
    for (const { path, format } of files) {
      await writeFile(path, ciReport(format, report, rules)).catch((cause: unknown) => {
        throw new CliError('failed', `${path}: cannot be written`, 'name a file in a folder that is there', { cause });
      });
    }
  };
}

function formatOf(path: string): CiFormat {
  if (path.endsWith('.sarif')) return 'sarif';
  if (path.endsWith('.xml')) return 'junit';
  throw new CliError('usage', `--compliance-report ${path}: no format that is known`, 'name a file in .sarif or .xml');
}
