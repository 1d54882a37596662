import { EvidenceView, type HostName, type Instant, instantToMs, lookup, utf8 } from '@nixfleet/contracts';
import { type EvidenceRefusalCode, verifyEvidence } from '@nixfleet/evidence';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import type { ExitCode } from '../command-definition.ts';
import type { CommandValues } from '../command-values.ts';
import { type ControlPlaneReader, openReader } from '../control-plane-reader.ts';
import { printable } from '../printable.ts';
import type { Colour } from '../render/paint.ts';
import { renderTable } from '../render/table.ts';
import { span } from '../render/time-ago.ts';
import { type Chain, type VerifiedChain, verifyChain } from '../verification/chain.ts';
import { openChain } from '../verification/open-chain.ts';
import { type ControlRow, controlRows, worstDecision } from './control-table.ts';

/** What the newest evidence of one host is and says. */
interface LiveHost {
  readonly host: HostName;
  readonly collectedAt: Instant | null;
  readonly ageSeconds: number | null;
  readonly signature: 'verified' | 'missing' | EvidenceRefusalCode;
  readonly detail: string | null;
  /** Whether it names the current release. */
  readonly release: 'current' | 'earlier' | 'none' | null;
  /** Null where nothing vouches for it. */
  readonly decision: ControlRow['decision'] | null;
  readonly failing: readonly string[];
  readonly waived: readonly string[];
}

/** A line a host: what was decided, how old that is, and whether it verifies. The control plane is not trusted with any of it. */
export async function liveStatus(context: CommandContext, values: CommandValues): Promise<ExitCode> {
  const { terminal } = context;
  const { chain, start } = await openChain(context, values);
  const verified = await verifyChain(chain, start);
  if (!verified.ok) throw new CliError('failed', `refused (${verified.reason})`, verified.detail);
  const hosts = hostsOf(verified.value, values.list('host'));
  const reader = await openReader(context, values);
  const found: LiveHost[] = [];
  try {
    for (const host of hosts) found.push(await newestOf(host, { chain, verified: verified.value, reader }));
  } finally {
    reader.close();
  }
  const { version } = verified.value.release.document;
  if (values.flag('json')) terminal.result(JSON.stringify({ version, at: chain.now, hosts: found }, null, 2));
  else for (const line of renderTable(tableOf(found), terminal)) terminal.result(line);
  return 0;
}

function hostsOf({ fleet }: VerifiedChain, named: readonly string[]): readonly HostName[] {
  const all = Object.keys(fleet.document.hosts) as HostName[];
  const unknown = named.find((name) => lookup(fleet.document.hosts, name) === undefined);
  if (unknown !== undefined) throw new CliError('failed', `${printable(unknown)}: not in the fleet`, 'check the name');
  return all.filter((host) => named.length === 0 || named.includes(host)).sort();
}

async function newestOf(
  host: HostName,
  {
    chain: { ctx, now },
    verified: { fleet, release },
    reader,
  }: { readonly chain: Chain; readonly verified: VerifiedChain; readonly reader: ControlPlaneReader },
): Promise<LiveHost> {
  const nothing = { host, release: null, decision: null, failing: [], waived: [], collectedAt: null, ageSeconds: null };
  const { evidence } = await reader.patientView(EvidenceView, `/v1/evidence/${host}?newest=1`);
  const newest = evidence.at(-1);
  if (newest === undefined) return { ...nothing, signature: 'missing', detail: 'the control plane has none' };
  // Only a key that the newest release declares counts for what is now.
  const keys = fleet.hostKeys(host).map((key) => ({ key, from: '2000-01-01T00:00:00Z' as Instant, until: null }));
  const signed = { bytes: utf8(newest.evidence), sig: newest.sig, sshsig: newest.sshsig };
  const outcome = await verifyEvidence(ctx, { signed, host, keys, now });
  if (!outcome.ok) return { ...nothing, signature: outcome.reason, detail: outcome.detail };
  const { document } = outcome.value;
  const rows = controlRows(document.controls);
  const named = document.release?.releaseId ?? null;
  return {
    host,
    collectedAt: document.collectedAt,
    ageSeconds: Math.max(0, Math.floor((instantToMs(now) - instantToMs(document.collectedAt)) / 1000)),
    signature: 'verified',
    detail: null,
    release: named === null ? 'none' : named === release.sha256 ? 'current' : 'earlier',
    decision: worstDecision(rows),
    failing: rows.filter(({ decision }) => decision === 'fail').map(({ controlId }) => controlId),
    waived: rows.filter(({ decision }) => decision === 'waived').map(({ controlId }) => controlId),
  };
}

const colours: Readonly<Record<ControlRow['decision'], Colour>> = {
  pass: 'green',
  fail: 'red',
  waived: 'yellow',
  none: 'dim',
};

function tableOf(hosts: readonly LiveHost[]): Parameters<typeof renderTable>[0] {
  return {
    headings: ['HOST', 'DECISION', 'AGE', 'SIGNATURE', 'RELEASE', 'CONTROLS'],
    rows: hosts.map(({ host, decision, ageSeconds, signature, release, failing, waived, detail }) => [
      host,
      decision === null ? '–' : { text: decision, colour: colours[decision] },
      ageSeconds === null ? '–' : span(ageSeconds),
      signature === 'verified' ? signature : { text: signature, colour: 'red' as const },
      release ?? '–',
      detail === null ? [...failing, ...waived.map((control) => `${control} (waived)`)].join(', ') : printable(detail),
    ]),
  };
}
