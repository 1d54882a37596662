import {
  ComplianceCatalogue,
  catalogueBytesMax,
  type EvidenceDocument,
  lookup,
  parseMessage,
  type RolloutId,
  type RolloutManifest,
  reportPath,
  type Sha256Hex,
  type SignedEvent,
  sha256Hex,
  textOf,
  type VerifyContext,
} from '@nixfleet/contracts';
import { ChainWalk } from '../evidence-chain.ts';
import { EvidenceReader } from '../evidence-reader.ts';
import { readHistoricManifest } from '../read-bound.ts';
import { checkAgainstRelease, type ReleasedHost } from '../verify-against-release.ts';
import { type VerifiedEvidence, verifyEvidence } from '../verify-evidence.ts';
import { tracesOf } from './drills.ts';
import { type Break, type HostFindings, type HostOutcome, type Note, noteInto, type PacketPorts } from './findings.ts';
import type { HostQuestion } from './host-question.ts';
import { JournalClaims } from './journal-claims.ts';
import { packetPaths } from './packet-manifest.ts';
import { namingOversized, type PacketReader } from './packet-reader.ts';
import { TimelineBuilder } from './timeline.ts';

/** Largest journal of one host, in bytes. */
const journalBytesMax = 256 * 1024 * 1024;

/** The manifests of a packet that were read already: of use to the next host. Null: it cannot be read. */
export type KnownManifests = Map<RolloutId, RolloutManifest | null>;

export interface HostInput {
  readonly question: HostQuestion;
  readonly manifests: KnownManifests;
  readonly ports: Pick<PacketPorts, 'readJournal'>;
}

/** One host: its collections against its journal, keys of record, chain and releases. */
export async function verifyHost(ctx: VerifyContext, packet: PacketReader, input: HostInput): Promise<HostOutcome> {
  const { host, period, asked } = input.question;
  const breaks: Break[] = [];
  const note = noteInto(breaks);
  const reader = namingOversized(packet, note);
  const builder = new TimelineBuilder(period, { asked });
  const waivers = new Set<string>();
  const collectedUnder = new Set<Sha256Hex>();
  const catalogues = new Map<Sha256Hex, ComplianceCatalogue | null>();
  let catalogue: ComplianceCatalogue | null = null;
  // First, because it says which collections there have to be, and on what.
  const { claims, ...journal } = await journalOf(reader, input, note);
  let first: EvidenceDocument | null = null;
  try {
    for await (const evidence of chainOf(ctx, reader, input, { note, claims })) {
      const { document } = evidence;
      first ??= document;
      const released = await releasedHost(ctx, reader, input, document.release);
      if (typeof released === 'string') {
        note('release-unverified', host, `evidence ${document.sequence} of ${host}: ${released}`);
        continue;
      }
      const declared = await catalogueOf(ctx, reader, { known: catalogues, sha256: document.catalogue.sha256, note });
      const checked = checkAgainstRelease(evidence, released, declared);
      if (!checked.ok) {
        note(checked.reason, host, checked.detail);
        continue;
      }
      const { collectedAt, sequence } = document;
      if (collectedAt < period.from || collectedAt >= period.to) {
        note('file', host, `evidence ${sequence} was collected at ${collectedAt}, outside the packet's period`);
        continue;
      }
      const elsewhere = claims?.closureProblem(document) ?? null;
      if (elsewhere !== null) {
        note('closure-mismatch', host, `evidence ${sequence} of ${host}: ${elsewhere}`);
        continue;
      }
      catalogue = declared;
      if (released !== null) {
        collectedUnder.delete(released.releaseId);
        collectedUnder.add(released.releaseId);
      }
      for (const { rules } of document.controls) {
        for (const { waiverId } of rules) if (waiverId !== undefined) waivers.add(waiverId);
      }
      builder.add(document, declared?.collectIntervalSeconds ?? 3600);
    }
  } catch (error) {
    note('file', packetPaths.evidence(host), `the archive cannot be read: ${String(error)}`);
  }
  const { before, lost } = claims?.missing(first) ?? { before: 0, lost: [] };
  for (const detail of lost) note('chain-gap', host, detail);
  return {
    findings: {
      host,
      asked,
      timeline: builder.finish(before),
      ...journal,
      catalogue,
      collectedUnder: [...collectedUnder],
      waivers: [...waivers].sort(),
    },
    breaks,
  };
}

/** The collections that a key of record signed and that stand in the chain; all others are noted. */
async function* chainOf(
  ctx: VerifyContext,
  packet: PacketReader,
  { question: { host, keys, period } }: HostInput,
  { note, claims }: { readonly note: Note; readonly claims: JournalClaims | null },
): AsyncGenerator<VerifiedEvidence> {
  const reader = new EvidenceReader();
  const chains = new ChainWalk();
  for await (const signed of packet.evidence(host)) {
    const verified = await verifyEvidence(ctx, { signed, host, keys, now: period.to, reader });
    if (!verified.ok) {
      claims?.saw(await sha256Hex(ctx.crypto, signed.bytes));
      note(verified.reason, host, verified.detail);
      continue;
    }
    claims?.saw(verified.value.sha256);
    const { refusal, isLink } = chains.step(verified.value);
    if (refusal !== null) note(refusal.reason, host, refusal.detail);
    if (isLink) yield verified.value;
  }
}

/** Null where no release of the packet says it; a text where what would bind it is missing. */
async function releasedHost(
  ctx: VerifyContext,
  reader: PacketReader,
  { question, manifests }: HostInput,
  named: { readonly releaseId: Sha256Hex; readonly rolloutId: RolloutId } | null,
): Promise<ReleasedHost | string | null> {
  const release = named && question.releases.find(({ releaseId }) => releaseId === named.releaseId);
  if (!release || release.tags === null) return null;
  const { rolloutId } = named;
  const entry = release.channels.find((one) => one.rolloutId === rolloutId || one.mayFinish.includes(rolloutId));
  if (entry === undefined) return null;
  // The report of a release is about the closures of its own rollouts. One that finishes later has its own from when it was new.
  const reported = entry.rolloutId === rolloutId ? release : question.releases.find(hasAsOwn(rolloutId));
  if (reported === undefined) return `no release of the packet has rollout ${rolloutId} as its own`;
  let manifest = manifests.get(rolloutId);
  if (manifest === undefined) {
    const read = (path: string, bytesMax: number) => reader.read(packetPaths.release(path), bytesMax);
    const found = await readHistoricManifest(ctx, read, rolloutId);
    manifest = found.ok ? found.value : null;
    manifests.set(rolloutId, manifest);
  }
  const host = manifest ? lookup(manifest.hosts, question.host) : undefined;
  if (!manifest || !host) return null;
  return {
    releaseId: release.releaseId,
    sourceCommit: release.commit,
    rolloutId,
    channel: entry.channel,
    tags: release.tags,
    mode: manifest.policy.compliance.mode,
    closure: host.closure,
    closureDigest: host.closureDigest,
    catalogueSha256: reported.catalogueSha256,
    waiverRegister: release.waiverRegister,
    waivers: release.waivers,
  };
}

function hasAsOwn(rolloutId: RolloutId): (release: HostQuestion['releases'][number]) => boolean {
  return ({ channels }) => channels.some((channel) => channel.rolloutId === rolloutId);
}

/** What was asked. Where that is not there, nothing shows that all of it was answered, which is noted once. */
async function catalogueOf(
  ctx: VerifyContext,
  reader: PacketReader,
  {
    known,
    sha256,
    note,
  }: { readonly known: Map<Sha256Hex, ComplianceCatalogue | null>; readonly sha256: Sha256Hex; readonly note: Note },
): Promise<ComplianceCatalogue | null> {
  const before = known.get(sha256);
  if (before !== undefined) return before;
  const path = packetPaths.release(reportPath(sha256));
  const bytes = await reader.read(path, catalogueBytesMax);
  let catalogue: ComplianceCatalogue | null = null;
  if (!bytes) note('file', path, 'is not there: it is the catalogue that evidence was collected under');
  else if ((await sha256Hex(ctx.crypto, bytes)) !== sha256) {
    note('file', path, 'has another hash than its name: it is the catalogue that evidence was collected under');
  } else {
    const parsed = parseMessage(ComplianceCatalogue, bytes);
    if (parsed.ok) catalogue = parsed.value;
    else note('file', path, `is no catalogue that this version knows: ${parsed.detail}`);
  }
  known.set(sha256, catalogue);
  return catalogue;
}

async function journalOf(
  reader: PacketReader,
  { question, ports }: HostInput,
  note: Note,
): Promise<Pick<HostFindings, 'ran' | 'drillTraces'> & { readonly claims: JournalClaims | null }> {
  const nothing = { ran: null, drillTraces: new Map(), claims: null };
  const path = packetPaths.journal(question.host);
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
  const read = await ports.readJournal(question, events);
  if ('ran' in read) {
    const drillTraces = tracesOf(question.host, question.drills, read.events);
    return { ran: read.ran, drillTraces, claims: new JournalClaims(read, question.period) };
  }
  note('journal', path, read.problem);
  return nothing;
}
