import {
  ComplianceCatalogue,
  catalogueBytesMax,
  type DrillRecord,
  entriesOf,
  type HostName,
  lookup,
  type RolloutId,
  type RolloutManifest,
  reportPath,
  type Sha256Hex,
  type SignedEvent,
  sha256Hex,
  textOf,
  type VerifyContext,
} from '@nixfleet/contracts';
import { followsChain } from '../evidence-chain.ts';
import { checkAgainstRelease, type ReleasedHost } from '../verify-against-release.ts';
import { verifyEvidence } from '../verify-evidence.ts';
import { tracesOf } from './drills.ts';
import type { HostFindings, Note, PacketPorts } from './findings.ts';
import { type HistoricRelease, keysOfRecord, readHistoricManifest } from './historic-release.ts';
import { type PacketManifest, packetPaths } from './packet-manifest.ts';
import type { PacketReader } from './packet-reader.ts';
import { TimelineBuilder } from './timeline.ts';

/** Largest journal of one host, in bytes. */
const journalBytesMax = 256 * 1024 * 1024;

export interface HostInput {
  readonly host: HostName;
  readonly releases: readonly HistoricRelease[];
  readonly manifests: Map<RolloutId, RolloutManifest | null>;
  readonly catalogues: Map<Sha256Hex, ComplianceCatalogue | null>;
  readonly period: PacketManifest;
  readonly drills: readonly DrillRecord[];
  readonly ports: PacketPorts;
  readonly note: Note;
}

/** One host: its collections against keys of record, chain and releases, then its journal. */
export async function verifyHost(ctx: VerifyContext, reader: PacketReader, input: HostInput): Promise<HostFindings> {
  const { host, releases, period, note } = input;
  const keys = keysOfRecord(releases, host);
  const builder = new TimelineBuilder(period);
  const waivers = new Set<string>();
  let catalogue: ComplianceCatalogue | null = null;
  let position: Parameters<typeof followsChain>[0] | 'first' = 'first';
  try {
    for await (const signed of reader.evidence(host)) {
      const verified = await verifyEvidence(ctx, { signed, host, keys, now: period.to });
      if (!verified.ok) {
        note(verified.reason, host, verified.detail);
        continue;
      }
      const { document } = verified.value;
      const { chain, sequence, previousSha256, collectedAt } = document;
      // The packet begins somewhere in the chain: its first document is taken at its word about the one before.
      const before: Parameters<typeof followsChain>[0] =
        position === 'first' ? { chain, sequence: sequence - 1, sha256: previousSha256, collectedAt } : position;
      const follows = followsChain(before, verified.value);
      if (!follows.ok) note(follows.reason, host, follows.detail);
      // Behind a gap it goes on from what is there, so that one gap is one break.
      if (follows.ok || follows.reason === 'chain-gap') {
        position = { chain, sequence, sha256: verified.value.sha256, collectedAt };
      } else continue;
      const released = await releasedHost(ctx, reader, input, document.release);
      const asked = await catalogueOf(ctx, reader, input.catalogues, document.catalogue.sha256);
      const checked = checkAgainstRelease(verified.value, released, asked);
      if (!checked.ok) {
        note(checked.reason, host, checked.detail);
        continue;
      }
      if (collectedAt < period.from || collectedAt >= period.to) {
        note('file', host, `evidence ${sequence} was collected at ${collectedAt}, outside the packet's period`);
        continue;
      }
      catalogue = asked;
      for (const { rules } of document.controls) {
        for (const { waiverId } of rules) if (waiverId !== undefined) waivers.add(waiverId);
      }
      builder.add(document, asked?.collectIntervalSeconds ?? 3600);
    }
  } catch (error) {
    note('file', packetPaths.evidence(host), `the archive cannot be read: ${String(error)}`);
  }
  const journal = await journalOf(reader, input);
  return { host, timeline: builder.finish(), ...journal, catalogue, waivers: [...waivers].sort() };
}

async function releasedHost(
  ctx: VerifyContext,
  reader: PacketReader,
  { host, releases, manifests }: HostInput,
  named: { readonly releaseId: Sha256Hex; readonly rolloutId: RolloutId } | null,
): Promise<ReleasedHost | null> {
  const release = named && releases.find(({ releaseId }) => releaseId === named.releaseId);
  if (!release) return null;
  const { rolloutId } = named;
  const channel = entriesOf(release.document.channels).find(
    ([, entry]) => entry.rolloutId === rolloutId || entry.mayFinish.includes(rolloutId),
  )?.[0];
  if (channel === undefined) return null;
  let manifest = manifests.get(rolloutId);
  if (manifest === undefined) {
    const read = (path: string, bytesMax: number) => reader.read(packetPaths.release(path), bytesMax);
    const found = await readHistoricManifest(ctx, read, rolloutId);
    manifest = found.ok ? found.value : null;
    manifests.set(rolloutId, manifest);
  }
  const entry = manifest ? lookup(manifest.hosts, host) : undefined;
  const declared = lookup(release.fleet.hosts, host);
  if (!manifest || !entry || !declared) return null;
  // The report is about the closure of this release; a rollout that finishes later brings an earlier one's.
  const isCurrent = release.document.channels[channel]?.rolloutId === rolloutId;
  const reported = release.report && lookup(release.report.hosts, host);
  return {
    releaseId: release.releaseId,
    sourceCommit: release.document.source.commit,
    rolloutId,
    channel,
    tags: declared.tags,
    closure: entry.closure,
    closureDigest: entry.closureDigest,
    catalogueSha256: isCurrent ? (reported?.catalogue?.sha256 ?? null) : null,
    waiverRegister: release.document.waiverRegister?.sha256 ?? null,
    waivers: release.waivers,
  };
}

async function catalogueOf(
  ctx: VerifyContext,
  reader: PacketReader,
  known: Map<Sha256Hex, ComplianceCatalogue | null>,
  sha256: Sha256Hex,
): Promise<ComplianceCatalogue | null> {
  const before = known.get(sha256);
  if (before !== undefined) return before;
  const bytes = await reader.read(packetPaths.release(reportPath(sha256)), catalogueBytesMax);
  let catalogue: ComplianceCatalogue | null = null;
  if (bytes && (await sha256Hex(ctx.crypto, bytes)) === sha256) {
    try {
      catalogue = ComplianceCatalogue.parse(JSON.parse(textOf(bytes)));
    } catch {
      // It has the hash and no shape that this version knows: the evidence is judged without it.
    }
  }
  known.set(sha256, catalogue);
  return catalogue;
}

async function journalOf(
  reader: PacketReader,
  { host, releases, drills, ports, note }: HostInput,
): Promise<Pick<HostFindings, 'ran' | 'drillTraces'>> {
  const nothing = { ran: null, drillTraces: new Map() };
  const path = packetPaths.journal(host);
  const bytes = await reader.read(path, journalBytesMax);
  if (!bytes) return nothing;
  const events: SignedEvent[] = [];
  for (const line of textOf(bytes).split('\n')) {
    if (line === '') continue;
    try {
      const entry: unknown = JSON.parse(line);
      const isEvent = typeof entry === 'object' && entry !== null && 'event' in entry && 'signature' in entry;
      if (!isEvent || typeof entry.event !== 'string' || typeof entry.signature !== 'string')
        throw new Error('no event');
      events.push({ event: entry.event, signature: entry.signature });
    } catch {
      note('journal', path, `line ${events.length + 1} is no signed event`);
      return nothing;
    }
  }
  const read = await ports.readJournal(host, events, releases);
  if ('ran' in read) return { ran: read.ran, drillTraces: tracesOf(host, drills, read.events) };
  note('journal', path, read.problem);
  return nothing;
}
