import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  canonicalBytes,
  catalogueBytesMax,
  documentBytesMax,
  entriesOf,
  fleetPath,
  type HostName,
  type Instant,
  type Json,
  lookup,
  type ReleaseDocument,
  reportPath,
  rolloutPath,
  signaturePath,
  type TrustState,
  trustPath,
  type VerifyContext,
} from '@nixfleet/contracts';
import {
  derivedFiles,
  type HistoricRelease,
  type PacketFindings,
  type PacketManifest,
  packetManifestPath,
  packetPaths,
  packetSums,
  packetSumsPath,
  trustKeyFiles,
  verifyPacket,
} from '@nixfleet/evidence';
import { readSigned } from '@nixfleet/release';
import { CliError } from '../cli-error.ts';
import type { ReleasesPlace } from '../verification/releases-place.ts';
import type { HostPool } from './host-pool.ts';
import { filesOf, openPacket } from './open-packet.ts';
import { journalUntil } from './packet-journal.ts';
import { packetPorts } from './packet-ports.ts';
import { periodReleases } from './period-releases.ts';
import { inStaging } from './staging.ts';
import { walkTrustStates } from './trust-states.ts';
import { verifyHostsWith } from './verify-hosts.ts';

export interface PacketInput {
  readonly ctx: VerifyContext;
  readonly place: ReleasesPlace;
  /** Bytes of the trust document to start from, and the state that was made of it. */
  readonly start: Uint8Array;
  readonly pinned: TrustState;
  readonly hosts: readonly HostName[];
  readonly from: Instant;
  /** Exclusive. */
  readonly to: Instant;
  /** Folder of collected evidence, a folder a host in it: `collectedEvidence`. */
  readonly evidence: string;
  /** Told of files of that folder that are no evidence. */
  readonly onSkipped: (path: string, why: string) => void;
  /** A host's journal, one signed event a line; null if there is none. */
  readonly journalOf: (host: HostName) => Promise<Uint8Array | null>;
  /** The object of a commit; null where the repository is not at hand. */
  readonly commitOf: (commit: string) => Promise<Uint8Array | null>;
  /** Drill records and their signatures, by file name. */
  readonly drills: ReadonlyMap<string, Uint8Array>;
  /** A folder that is not there yet, or empty; or a file that is not there yet and ends in `.zip`. */
  readonly output: string;
  readonly pool: HostPool;
  readonly signal: AbortSignal;
}

/**
 * Writes a packet from the releases repository and collected evidence, then verifies it as an auditor would and writes
 * the report from that. The same inputs make the same bytes, however many threads there are. What does not verify is in the
 * packet all the same, and the report says so: a packet that left out what is wrong would be worth nothing. It is made aside
 * and moved into place when it is whole.
 */
export async function createPacket(input: PacketInput): Promise<PacketFindings> {
  return inStaging(input.output, async (staging, publish) => {
    const found = await fillFolder({ ...input, output: staging });
    await publish(await filesOf(staging), input.signal);
    return found;
  });
}

async function fillFolder(input: PacketInput): Promise<PacketFindings> {
  const { ctx, output, hosts, from, to, pool, signal } = input;
  const write = async (path: string, bytes: Uint8Array | string) => {
    signal.throwIfAborted();
    const file = join(output, ...path.split('/'));
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, bytes);
  };
  const trust = await copyTrust(input, write);
  const archived = await pool.run(
    hosts.map((host) => {
      const path = join(output, ...packetPaths.evidence(host).split('/'));
      return { kind: 'archive', host, evidence: input.evidence, from, to, path } as const;
    }),
  );
  for (const { skipped } of archived) for (const { path, why } of skipped) input.onSkipped(path, why);
  const named = new Set(archived.flatMap(({ releases }) => releases));
  const rollouts = new Set(archived.flatMap((one) => one.rollouts));
  const journals = new Map<HostName, Instant>();
  for (const host of hosts) {
    const journal = await input.journalOf(host);
    if (!journal) continue;
    const { bytes, from } = journalUntil(journal, to);
    if (bytes) await write(packetPaths.journal(host), bytes);
    if (bytes && from !== null) journals.set(host, from);
  }
  const releases = await copyReleases(input, { trust, named, rollouts, journals, write });
  const asked = releases.flatMap(({ report }) =>
    hosts.flatMap((host) => (report && lookup(report.hosts, host)?.catalogue?.sha256) ?? []),
  );
  for (const sha256 of new Set([...archived.flatMap(({ catalogues }) => catalogues), ...asked])) {
    await copy(input.place, reportPath(sha256), catalogueBytesMax, write);
  }
  for (const commit of new Set(releases.map(({ document }) => document.source.commit))) {
    const object = await input.commitOf(commit);
    if (object) await write(packetPaths.commit(commit), object);
  }
  for (const [name, bytes] of input.drills) await write(`${packetPaths.drills}/${name}`, bytes);

  // First without the report and what else is written from what verifying that finds.
  const about = { ctx, hosts, from, to, output };
  await writeManifest(about);
  const found = await verifyPacket(ctx, await openPacket(output), {
    start: input.start,
    ports: packetPorts(ctx),
    verifyHosts: verifyHostsWith(pool, { packet: output, fleet: ctx.fleet }),
  });
  if ('unreadable' in found) throw new CliError('failed', `${output}: ${found.unreadable.detail}`, 'this is a bug');
  for (const [path, text] of derivedFiles(found)) await write(path, text);
  await writeManifest(about);
  return found;
}

type Write = (path: string, bytes: Uint8Array | string) => Promise<void>;

/**
 * The chain from the given version on, so that a reader may start from that or an older one of their own, or from any that is no
 * newer than the one of the oldest release; and its keys as PEM.
 */
async function copyTrust({ ctx, place, pinned, start }: PacketInput, write: Write): Promise<readonly TrustState[]> {
  const states = await walkTrustStates(ctx, place, pinned);
  for (const { document } of states) {
    const fallback = document === pinned.document ? start : undefined;
    await copySigned(place, trustPath(document.version), documentBytesMax.trust, write, fallback);
  }
  for (const [path, pem] of trustKeyFiles(states)) await write(path, pem);
  return states;
}

/** A document with every signature beside it. */
async function copySigned(
  place: ReleasesPlace,
  path: string,
  bytesMax: number,
  write: Write,
  fallback?: Uint8Array,
): Promise<void> {
  const signed = await readSigned(place, path, bytesMax);
  const bytes = signed?.bytes ?? fallback;
  if (!bytes) return;
  await write(packetPaths.release(path), bytes);
  for (const [keyId, signature] of signed?.signatures ?? []) {
    await write(packetPaths.release(signaturePath(path, keyId, 'sig')), signature);
  }
  for (const [keyId, armored] of signed?.sshSignatures ?? []) {
    await write(packetPaths.release(signaturePath(path, keyId, 'sshsig')), armored);
  }
}

async function copyReleases(
  { ctx, place, from, to, hosts }: PacketInput,
  {
    trust,
    named,
    rollouts,
    journals,
    write,
  }: {
    readonly trust: readonly TrustState[];
    readonly named: ReadonlySet<string>;
    readonly rollouts: ReadonlySet<string>;
    readonly journals: ReadonlyMap<HostName, Instant>;
    readonly write: Write;
  },
): Promise<readonly HistoricRelease[]> {
  const releases: HistoricRelease[] = [];
  const question = { trust, from, to, named, rollouts, journals, hosts: new Set(hosts) };
  for await (const { path, release } of periodReleases(ctx, place, question)) {
    releases.push(release);
    await copySigned(place, path, documentBytesMax.release, write);
    for (const [bound, bytesMax] of boundPaths(release.document)) await copy(place, bound, bytesMax, write);
  }
  return releases;
}

function boundPaths({ resolvedFleet, staticReport, waiverRegister, channels }: ReleaseDocument): [string, number][] {
  return [
    [fleetPath(resolvedFleet.sha256), documentBytesMax.fleet],
    ...(staticReport ? [[reportPath(staticReport.sha256), documentBytesMax['static-report']] as [string, number]] : []),
    ...(waiverRegister
      ? [[reportPath(waiverRegister.sha256), documentBytesMax['waiver-register']] as [string, number]]
      : []),
    ...entriesOf(channels).flatMap(([, { rolloutId, mayFinish }]) =>
      [rolloutId, ...mayFinish].map((id): [string, number] => [rolloutPath(id), documentBytesMax.rollout]),
    ),
  ];
}

async function copy(place: ReleasesPlace, path: string, bytesMax: number, write: Write): Promise<void> {
  const bytes = await place.read(path, bytesMax);
  if (bytes) await write(packetPaths.release(path), bytes);
}

async function writeManifest({
  ctx,
  hosts,
  from,
  to,
  output,
}: Pick<PacketInput, 'ctx' | 'hosts' | 'from' | 'to' | 'output'>): Promise<void> {
  const reader = await openPacket(output);
  const files: PacketManifest['files'] = {};
  for (const path of await filesOf(output)) {
    if (path === packetManifestPath || path === packetSumsPath) continue;
    files[path] = await reader.digest(path);
  }
  await writeFile(join(output, packetSumsPath), packetSums(files));
  files[packetSumsPath] = await (await openPacket(output)).digest(packetSumsPath);
  const manifest = { type: 'packet', fleet: ctx.fleet, schemaVersion: 1, hosts: [...hosts].sort(), from, to, files };
  await writeFile(join(output, packetManifestPath), canonicalBytes(manifest as unknown as PacketManifest as Json));
}
