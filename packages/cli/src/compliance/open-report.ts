import {
  ComplianceCatalogue,
  catalogueBytesMax,
  type HostName,
  lookup,
  reportPath,
  type StaticHostReport,
  type StaticReport,
  sha256Hex,
  textOf,
} from '@nixfleet/contracts';
import { readStaticReport } from '@nixfleet/release';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import type { CommandValues } from '../command-values.ts';
import { type Chain, type VerifiedChain, verifyChain } from '../verification/chain.ts';
import { openChain } from '../verification/open-chain.ts';

/** The static report of the current release, verified from the trust that was given. */
export interface OpenedReport {
  readonly chain: Chain;
  readonly verified: VerifiedChain;
  readonly report: StaticReport;
}

export async function openReport(context: CommandContext, values: CommandValues): Promise<OpenedReport> {
  const { chain, start } = await openChain(context, values);
  const verified = await verifyChain(chain, start);
  if (!verified.ok) throw new CliError('failed', `refused (${verified.reason})`, verified.detail);
  const { document } = verified.value.release;
  const report = await readStaticReport(chain.ctx, chain.place, document);
  if (!report.ok) throw new CliError('failed', `refused (${report.reason})`, report.detail);
  if (report.value === null) {
    const next = 'give a channel a compliance policy, or a host the module, and release';
    throw new CliError('failed', `release ${document.version} has no static report`, next);
  }
  return { chain, verified: verified.value, report: report.value };
}

/** What a host is measured by: the very file of its closure, by the hash in the report. */
export async function catalogueOf(
  { chain: { ctx, place } }: Pick<OpenedReport, 'chain'>,
  host: StaticHostReport,
): Promise<ComplianceCatalogue | null> {
  if (host.catalogue === null) return null;
  const path = reportPath(host.catalogue.sha256);
  const bytes = await place.read(path, catalogueBytesMax);
  if (!bytes) throw new CliError('failed', `${path} is not in ${place.name}`, 'fetch the whole repository');
  if ((await sha256Hex(ctx.crypto, bytes)) !== host.catalogue.sha256) {
    throw new CliError('failed', `${path}: hash-mismatch`, 'it was changed');
  }
  const parsed = ComplianceCatalogue.safeParse(JSON.parse(textOf(bytes)));
  if (!parsed.success) throw new CliError('failed', `${path}: not a catalogue`, 'it is of another version');
  return parsed.data;
}

/** The hosts that were asked for, or all. */
export function hostsOf(report: StaticReport, named: readonly string[]): readonly [HostName, StaticHostReport][] {
  const unknown = named.find((name) => lookup(report.hosts, name) === undefined);
  if (unknown !== undefined) throw new CliError('failed', `${unknown}: not in the static report`, 'check the name');
  const all = Object.entries(report.hosts) as [HostName, StaticHostReport][];
  return all.filter(([host]) => named.length === 0 || named.includes(host)).sort(([a], [b]) => (a < b ? -1 : 1));
}
