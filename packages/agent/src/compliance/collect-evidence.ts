import { join } from 'node:path';
import {
  type Clock,
  CollectionContext,
  CollectionOrder,
  type ComplianceCatalogue,
  type Crypto,
  collectionContextBytesMax,
  collectionFiles,
  type EvidenceDocument,
  evidenceChainStart,
  type FleetName,
  type Instant,
  JournalId,
  msToInstant,
  type ProbeDescriptor,
  parseMessage,
  type Random,
  type Sha256Hex,
  type Signer,
} from '@nixfleet/contracts';
import {
  type BuiltEvidence,
  buildEvidence,
  collectorFailure,
  isDrilled,
  type ProbeRunResult,
  rulesToRun,
  signEvidence,
} from '@nixfleet/evidence';
import type { Files } from '../files.ts';
import { failInTheEnd, overrun, staleFrom, undoDrill } from './collector-drill.ts';
import { type ChainLink, EvidenceArchive } from './evidence-archive.ts';

const saltBytes = 32;
const orderBytesMax = 4096;

/** What a collector can say of the machine it runs on. */
export interface MachineFacts extends Pick<EvidenceDocument, 'bootId' | 'clock'> {
  readonly system: Omit<EvidenceDocument['system'], 'closureDigest'>;
}

export interface CollectEvidenceDeps {
  readonly files: Files;
  readonly clock: Clock;
  readonly crypto: Crypto;
  readonly random: Random;
  readonly signer: Signer;
  readonly facts: () => Promise<MachineFacts>;
  /** Runs probes, bounded as their descriptors say. */
  readonly run: (
    probes: readonly { readonly ruleId: string; readonly probe: ProbeDescriptor }[],
  ) => Promise<ReadonlyMap<string, ProbeRunResult>>;
  /** Ends the wait of a drill. */
  readonly signal?: AbortSignal;
}

export interface CollectEvidenceOptions {
  readonly catalogue: ComplianceCatalogue;
  /** Of its bytes as they lie in the closure. */
  readonly catalogueSha256: Sha256Hex;
  /** Where documents are kept, and where the agent leaves what it knows. */
  readonly directory: string;
  /** Of the fleet, where no agent says it. */
  readonly fleet: FleetName;
  readonly retentionDays: number;
  /** A challenger's. */
  readonly nonce: EvidenceDocument['nonce'];
}

/**
 * One collection: measures, judges, signs, keeps. What the agent verified (`context.json`) counts for the closure that it
 * names and no other; without it nothing is said of a release. Throws `AgentError` for what cannot be read or written.
 * A drill that the closure declares makes it fail as told: what it then leaves is no link of the chain, and not archived.
 */
export async function collectEvidence(
  options: CollectEvidenceOptions,
  deps: CollectEvidenceDeps,
): Promise<EvidenceDocument> {
  const { catalogue, catalogueSha256, directory, retentionDays, nonce } = options;
  const { files, clock, crypto, random, signer } = deps;
  await undoDrill({ files, crypto, directory });
  const order = await takeOrder(files, directory);
  const { system, ...about } = await deps.facts();
  const context = await contextFor(files, { directory, closure: system.toplevel, host: catalogue.host });
  const fleet = context?.fleet ?? options.fleet;
  const mode = context?.mode ?? catalogue.governance.mode;
  const drill = collectorFailure(catalogue, mode, clock.now());
  const isDrill = isDrilled(catalogue, mode, clock.now());
  if (drill === 'timeout') return overrun(clock, deps.signal);
  const archive = new EvidenceArchive({
    ...{ files, directory, random },
    ctx: { crypto, fleet },
    host: catalogue.host,
    ownKey: signer.publicKey,
  });
  const { document, bytes } = await measured({ catalogue, catalogueSha256 }, deps, {
    facts: { ...about, system },
    context,
    fleet,
    link: (now) => archive.next(now),
    trigger: nonce === null ? (isDrill ? 'drill' : (order?.trigger ?? 'timer')) : 'challenge',
    nonce: nonce ?? order?.nonce ?? null,
    salt: await saltOf(files, directory, random),
    datedAt: drill === 'stale' ? staleFrom : (at) => at,
  });
  const signatures = await signEvidence(crypto, { signer, bytes, fleet });
  if (drill === null) await archive.keep(document, bytes, signatures, retentionDays);
  else await failInTheEnd(drill, { files, crypto, directory }, { bytes, signatures });
  return document;
}

/**
 * What a collection would say now, by the same probes and the same waivers. Nothing is signed, kept, or taken from the directory:
 * the document stands in no chain, and is for whoever asks. Throws as `collectEvidence` does.
 */
export async function measureHost(
  options: Pick<CollectEvidenceOptions, 'catalogue' | 'catalogueSha256' | 'directory' | 'fleet'>,
  deps: Omit<CollectEvidenceDeps, 'signer'>,
): Promise<EvidenceDocument> {
  const { catalogue, directory } = options;
  const facts = await deps.facts();
  const context = await contextFor(deps.files, { directory, closure: facts.system.toplevel, host: catalogue.host });
  const { document } = await measured(options, deps, {
    facts,
    context,
    fleet: context?.fleet ?? options.fleet,
    link: async () => ({ chain: JournalId.parse('0'.repeat(32)), sequence: 1, previousSha256: evidenceChainStart }),
    trigger: 'manual',
    nonce: null,
    salt: deps.random.bytes(saltBytes),
    datedAt: (at) => at,
  });
  return document;
}

/** Runs the probes and judges them. */
async function measured(
  { catalogue, catalogueSha256 }: Pick<CollectEvidenceOptions, 'catalogue' | 'catalogueSha256'>,
  { clock, crypto, run }: Pick<CollectEvidenceDeps, 'clock' | 'crypto' | 'run'>,
  {
    facts: { system, ...about },
    context,
    fleet,
    link,
    trigger,
    nonce,
    salt,
    datedAt,
  }: {
    readonly facts: MachineFacts;
    readonly context: CollectionContext | null;
    readonly fleet: FleetName;
    /** Asked once it was measured. */
    readonly link: (now: Instant) => Promise<ChainLink>;
    readonly trigger: EvidenceDocument['trigger'];
    readonly nonce: EvidenceDocument['nonce'];
    readonly salt: Uint8Array;
    /** What the document says of its time. */
    readonly datedAt: (at: Instant) => Instant;
  },
): Promise<BuiltEvidence> {
  const mode = context?.mode ?? catalogue.governance.mode;
  const runs = await run(
    rulesToRun(catalogue, mode).flatMap(({ id, probe }) => (probe ? [{ ruleId: id, probe }] : [])),
  );
  const now = msToInstant(clock.now());
  return buildEvidence(crypto, {
    facts: {
      ...{ fleet, hostname: catalogue.host, ...about, trigger, nonce },
      ...(await link(now)),
      collectedAt: datedAt(now),
      system: { ...system, closureDigest: context?.closureDigest ?? null },
      release: context?.release ?? null,
    },
    catalogue,
    catalogueSha256,
    runs,
    mode,
    channel: context?.channel ?? ('local' as CollectionContext['channel']),
    tags: context?.tags ?? [],
    waivers: context?.waivers ?? [],
    waiverRegister: context?.waiverRegister ?? null,
    redactionSalt: salt,
  });
}

/** Taken once: the next collection has its own reason. */
async function takeOrder(files: Files, directory: string): Promise<CollectionOrder | null> {
  const path = join(directory, collectionFiles.order);
  const bytes = await files.read(path, orderBytesMax);
  if (bytes === null) return null;
  await files.remove(path);
  // What is malformed says nothing.
  const parsed = parseMessage(CollectionOrder, bytes);
  return parsed.ok ? parsed.value : null;
}

async function contextFor(
  files: Files,
  { directory, closure, host }: { readonly directory: string; readonly closure: string; readonly host: string },
): Promise<CollectionContext | null> {
  const bytes = await files.read(join(directory, collectionFiles.context), collectionContextBytesMax);
  const parsed = bytes && parseMessage(CollectionContext, bytes);
  if (!parsed?.ok) return null;
  return parsed.value.closure === closure && parsed.value.host === host ? parsed.value : null;
}

/** The same as long as the directory lasts, so that hashes of names can be compared; known to root alone. */
async function saltOf(files: Files, directory: string, random: Random): Promise<Uint8Array> {
  const path = join(directory, 'salt');
  const kept = await files.read(path, saltBytes);
  if (kept?.length === saltBytes) return kept;
  const salt = random.bytes(saltBytes);
  await files.write(path, salt);
  return salt;
}
