import {
  concatBytes,
  documentBytesMax,
  entriesOf,
  type HostName,
  lookup,
  pinTrust,
  type SignedBytes,
  syntheticControl,
  type TrustState,
  trustPath,
  trustStepsMax,
  utf8,
  type VerifyContext,
  walkTrust,
} from '@nixfleet/contracts';
import type { ReadFile } from '../read-bound.ts';
import { declaredOf, hasDeclaredFailure } from './declared.ts';
import { readDrills, recheckDrills } from './drills.ts';
import {
  type Break,
  type HostFindings,
  type HostOutcome,
  type Note,
  noteInto,
  type PacketFindings,
  type PacketPorts,
} from './findings.ts';
import { type HistoricRelease, verifyHistoricRelease } from './historic-release.ts';
import { type HostQuestion, hostQuestion } from './host-question.ts';
import { hostsLeftOut, releasesInForce } from './in-force.ts';
import { type PacketManifest, packetManifestPath, packetPaths } from './packet-manifest.ts';
import { namingOversized, type PacketReader } from './packet-reader.ts';
import { readPacketManifest } from './read-manifest.ts';
import { signedIn } from './signed-in.ts';
import { type KnownManifests, verifyHost } from './verify-host.ts';

/** Verifies the hosts of a packet and gives what they came to, in the order in which they were asked. */
export type VerifyHosts = (questions: readonly HostQuestion[]) => Promise<readonly HostOutcome[]>;

/**
 * Walks a packet from stated trust to every measurement, and names every break: trust chain → releases with what they bind →
 * keys of record → each collection's signature, chain, closure, catalogue and waivers → journal → commits → drills. Never
 * stops at the first break: what else is broken, and what holds, is as much to be known.
 */
export async function verifyPacket(
  ctx: VerifyContext,
  packet: PacketReader,
  {
    start,
    ports,
    verifyHosts = inTurn(ctx, packet, ports),
  }: { readonly start: Uint8Array; readonly ports: PacketPorts; readonly verifyHosts?: VerifyHosts },
): Promise<PacketFindings | { readonly unreadable: Break }> {
  const breaks: Break[] = [];
  const note = noteInto(breaks);
  const reader = namingOversized(packet, note);
  const manifest = await readPacketManifest(ctx, packet);
  if (!manifest.ok) return { unreadable: { code: 'manifest', where: packetManifestPath, detail: manifest.detail } };
  await checkFiles(reader, manifest.value, note);
  const read = (path: string, bytesMax: number) => reader.read(packetPaths.release(path), bytesMax);

  const trust = await walkPacketTrust(ctx, read, reader, start, note);
  const newest = trust.at(-1);
  const releases = newest
    ? await readReleases(ctx, reader, { trust, read, hosts: new Set(manifest.value.hosts), note })
    : [];
  const commits = await checkCommits(reader, releases, ports, note);
  const drills = newest ? await readDrills(ctx, reader, { trust, period: manifest.value, note }) : [];
  const about = { releases, drills: drills.map(({ record }) => record) };
  const questions = manifest.value.hosts.map((host) => hostQuestion(host, manifest.value, about));
  const outcomes = await verifyHosts(questions);
  const hosts = outcomes.map(({ findings }) => findings);
  for (const { code, where, detail } of outcomes.flatMap((outcome) => outcome.breaks)) note(code, where, detail);
  const inForce = releasesInForce(releases, manifest.value);
  const rechecked = await recheckDrills(ctx, reader, { drills, hosts, releases, note });
  return {
    manifest: manifest.value,
    trust,
    releases,
    hosts,
    drills: rechecked,
    commits,
    breaks,
    incompleteHosts: hosts.filter(({ timeline }) => timeline.gaps.length > 0).map(({ host }) => host),
    leftOut: hostsLeftOut(inForce, manifest.value.hosts),
    hasFailures: hosts.some(
      (host) => hasMeasuredFailure(host) || hasDeclaredFailure(declaredOf(host, releases, manifest.value), host),
    ),
  };
}

/** A drill fails on purpose, and contributes to nothing. */
function hasMeasuredFailure({ timeline }: HostFindings): boolean {
  return [...timeline.failures.keys()].some((controlId) => controlId !== syntheticControl.controlId);
}

/** One after the other, here. */
function inTurn(ctx: VerifyContext, reader: PacketReader, ports: PacketPorts): VerifyHosts {
  return async (questions) => {
    const manifests: KnownManifests = new Map();
    const outcomes: HostOutcome[] = [];
    for (const question of questions) outcomes.push(await verifyHost(ctx, reader, { question, manifests, ports }));
    return outcomes;
  };
}

/** Every file is one of the manifest and as it says, and nothing else is there. The report comes last, by its content. */
async function checkFiles(reader: PacketReader, { files }: PacketManifest, note: Note): Promise<void> {
  const there = new Set(await reader.list());
  for (const path of there) {
    if (path !== packetManifestPath && lookup(files, path) === undefined) note('file', path, 'is not in the manifest');
  }
  for (const path of await reader.strangers()) note('file', path, 'is no file, and a packet holds nothing else');
  for (const [path, { sha256, bytes }] of entriesOf(files)) {
    if (!there.has(path)) {
      note('file', path, 'is not there');
      continue;
    }
    const found = await reader.digest(path);
    if (found.bytes !== bytes || found.sha256 !== sha256) {
      note('file', path, `expected ${bytes} bytes of SHA-256 ${sha256}, got ${found.bytes} of ${found.sha256}`);
    }
    const named = packetPaths.hashInName(path);
    if (named !== null && named !== found.sha256) note('file', path, 'has another hash than its name says');
  }
}

async function walkPacketTrust(
  ctx: VerifyContext,
  read: ReadFile,
  reader: PacketReader,
  start: Uint8Array,
  note: Note,
): Promise<readonly TrustState[]> {
  const pinned = await pinTrust(ctx, start);
  if (!pinned.ok) {
    note('trust', 'the trust that you gave', `${pinned.reason}: ${pinned.detail}`);
    return [];
  }
  const states = [pinned.value];
  for (let steps = 0; steps < trustStepsMax; steps++) {
    const current = states.at(-1) ?? pinned.value;
    const path = trustPath(current.document.version + 1);
    const bytes = await read(path, documentBytesMax.trust);
    if (!bytes) break;
    const signed = await signedIn(reader, packetPaths.release(path), bytes);
    const walked = await walkTrust(ctx, { current, next: [signed] });
    if (!walked.ok) {
      note('trust', packetPaths.release(path), `${walked.reason}: ${walked.detail}`);
      break;
    }
    states.push(walked.value);
  }
  return states;
}

async function readReleases(
  ctx: VerifyContext,
  reader: PacketReader,
  {
    trust,
    read,
    hosts,
    note,
  }: {
    readonly trust: readonly TrustState[];
    readonly read: ReadFile;
    readonly hosts: ReadonlySet<HostName>;
    readonly note: Note;
  },
): Promise<readonly HistoricRelease[]> {
  const found: HistoricRelease[] = [];
  for (const path of await reader.list()) {
    const hash = /^releases\/release\/([0-9a-f]{64})\.json$/.exec(path)?.[1];
    if (hash === undefined) continue;
    const bytes = await reader.read(path, documentBytesMax.release);
    if (!bytes) continue;
    const signed: SignedBytes = await signedIn(reader, path, bytes);
    const verified = await verifyHistoricRelease(ctx, { signed, trust, read, hosts });
    if (!verified.ok) note('release', path, `${verified.reason}: ${verified.detail}`);
    else if (verified.value.releaseId !== hash)
      note('release', path, `its bytes have hash ${verified.value.releaseId}`);
    else found.push(verified.value);
  }
  found.sort((left, right) => left.document.version - right.document.version);
  for (const [i, { document, releaseId }] of found.entries()) {
    const before = found[i - 1];
    if (!before) continue;
    const path = `releases/release/${releaseId}.json`;
    if (document.version === before.document.version) note('release', path, 'two releases have the same version');
    else if (document.version !== before.document.version + 1) {
      note('release-gap', path, `release ${before.document.version + 1} is missing before it`);
    } else if (document.createdAt < before.document.createdAt) {
      note('release', path, 'made before the release that it follows');
    }
  }
  return found;
}

async function checkCommits(
  reader: PacketReader,
  releases: readonly HistoricRelease[],
  ports: PacketPorts,
  note: Note,
): Promise<ReadonlySet<string>> {
  const good = new Set<string>();
  for (const commit of new Set(releases.map(({ document }) => document.source.commit))) {
    const path = packetPaths.commit(commit);
    const bytes = await reader.read(path, 1024 * 1024);
    if (!bytes) continue;
    const object = concatBytes(utf8(`commit ${bytes.length}\0`), bytes);
    const hash = await ports.gitHash(commit.length === 40 ? 'sha1' : 'sha256', object);
    if (hash === commit) good.add(commit);
    else note('commit', path, `its hash is ${hash}`);
  }
  return good;
}
