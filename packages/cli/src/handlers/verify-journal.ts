import { Instant, type Refusal, type SignedEvent } from '@nixfleet/contracts';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import type { ExitCode } from '../command-definition.ts';
import type { CommandValues } from '../command-values.ts';
import { absolutePath } from '../config/absolute-path.ts';
import { parseTyped } from '../parse-typed.ts';
import { type CommitOf, ranTable } from '../render/ran-table.ts';
import { type Chain, verifyChain } from '../verification/chain.ts';
import { commitsOf } from '../verification/commits.ts';
import { readJournalFile } from '../verification/journal-lines.ts';
import { verifyJournals } from '../verification/journals.ts';
import { openChain } from '../verification/open-chain.ts';
import { periodsWithin, type RanPeriod, ranPeriods } from '../verification/ran.ts';
import { showReport } from '../verification/show-report.ts';

export async function run(context: CommandContext, values: CommandValues): Promise<ExitCode> {
  const span = { since: instantOption(values, 'since'), until: instantOption(values, 'until') };
  const { chain, start } = await openChain(context, values);
  const signed = await journalOf(context, values);
  const isJson = values.flag('json');
  const found = await verifyWhatRan(chain, start, signed, span);
  if (!found.ok) return showReport(context, { chain, refusal: found, isJson });
  const { periods, commits } = found;
  const json = periods.map((period) => ({
    ...period,
    commit: period.rolloutId === null ? null : (commits.get(period.rolloutId) ?? null),
  }));
  const lines = ranTable(periods, commits, context.terminal);
  return showReport(context, { chain, refusal: null, isJson, more: { json: { ran: json }, lines } });
}

async function verifyWhatRan(
  chain: Chain,
  start: Uint8Array,
  signed: readonly SignedEvent[],
  span: { readonly since: Instant | null; readonly until: Instant | null },
): Promise<{ readonly ok: true; readonly periods: readonly RanPeriod[]; readonly commits: CommitOf } | Refusal> {
  const verified = await verifyChain(chain, start);
  if (!verified.ok) return verified;
  const journals = await verifyJournals(chain.ctx, verified.value.fleet, signed, chain.steps);
  if (!journals.ok) return journals;
  const periods = periodsWithin(ranPeriods(journals.value.events), span);
  const commits = await commitsOf(chain, journals.value.host, periods);
  return commits.ok ? { ok: true, periods, commits: commits.value } : commits;
}

function instantOption(values: CommandValues, name: 'since' | 'until'): Instant | null {
  const text = values.text(name);
  return text === undefined ? null : parseTyped(Instant, text, `--${name}`);
}

/** From the file, or as a control plane stored it: in either case every byte is checked here. */
async function journalOf(context: CommandContext, values: CommandValues): Promise<readonly SignedEvent[]> {
  const file = values.optionalArgument('file');
  const host = values.text('from-control-plane');
  if ((file === undefined) === (host === undefined)) {
    throw new CliError('usage', 'expected a file or --from-control-plane <host>, and not both', 'see --help');
  }
  if (file !== undefined) {
    const { environment, workingDirectory } = context;
    return readJournalFile(absolutePath(file, { base: workingDirectory, home: environment.HOME ?? '/' }));
  }
  const { fetchJournal } = await import('../verification/fetch-journal.ts');
  return fetchJournal(context, values, host ?? '');
}
