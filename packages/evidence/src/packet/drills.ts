import {
  DrillRecord,
  documentBytesMax,
  entriesOf,
  type HostName,
  lookup,
  type RolloutManifest,
  readDocument,
  type TrustState,
  type VerifyContext,
} from '@nixfleet/contracts';
import { drillApproval, recordedAt } from '../drill/drill-approval.ts';
import { drillProblem, questionOf, type RecheckedDrill, recheckDrill } from '../drill/drill-problem.ts';
import { heldHosts } from '../drill/held-hosts.ts';
import { type DrillTrace, drillTrace } from '../drill/observe-drill.ts';
import { readHistoricManifest } from '../read-bound.ts';
import type { HostFindings, Note, PacketDrill } from './findings.ts';
import type { HistoricRelease } from './historic-release.ts';
import { type PacketManifest, packetPaths } from './packet-manifest.ts';
import type { PacketReader } from './packet-reader.ts';
import { signedIn } from './signed-in.ts';

/** A record, and whether whoever signed it is still an approver. */
type SignedDrill = Pick<PacketDrill, 'record' | 'isStillApproved'>;

/** Records of drills that an approver signed and that are at one with themselves. Sorted by identifier. `trust`: oldest first. */
export async function readDrills(
  ctx: VerifyContext,
  reader: PacketReader,
  {
    trust,
    period,
    note,
  }: { readonly trust: readonly TrustState[]; readonly period: PacketManifest; readonly note: Note },
): Promise<readonly SignedDrill[]> {
  const drills = new Map<string, SignedDrill>();
  for (const path of await reader.list()) {
    if (!path.startsWith(`${packetPaths.drills}/`) || !path.endsWith('.json')) continue;
    const bytes = await reader.read(path, documentBytesMax.drill);
    if (!bytes) continue;
    const read = readDocument(ctx.fleet, { type: 'drill', schema: DrillRecord }, bytes);
    if (!read.ok) {
      note('drill', path, `${read.reason}: ${read.detail}`);
      continue;
    }
    const { document } = read.value;
    const signed = await signedIn(reader, path, bytes);
    const approval = await drillApproval(ctx, { trust, record: document, signed });
    const problem =
      approval === null
        ? 'no approver signed it'
        : drills.has(document.id)
          ? `${document.id} is in the packet twice`
          : isWithin(period, document)
            ? drillProblem(document)
            : `it ended at ${document.endedAt}, outside the packet's period`;
    if (problem === null) drills.set(document.id, { record: document, isStillApproved: approval === 'current' });
    else note('drill', path, problem);
  }
  return [...drills.values()].sort((left, right) => (left.record.id < right.record.id ? -1 : 1));
}

/** A drill is of the period in which it ended. */
export function isWithin({ from, to }: Pick<PacketManifest, 'from' | 'to'>, { endedAt }: DrillRecord): boolean {
  return from <= endedAt && endedAt < to;
}

/** What a host's journal says of each drill that names it, by identifier. */
export function tracesOf(
  host: HostName,
  drills: readonly DrillRecord[],
  events: Parameters<typeof drillTrace>[1],
): ReadonlyMap<string, DrillTrace> {
  const traces = new Map<string, DrillTrace>();
  for (const drill of drills) {
    const question = questionOf(drill);
    if (question && (question.hosts.includes(host) || question.held.includes(host)))
      traces.set(drill.id, drillTrace(question, events));
  }
  return traces;
}

/** Each record against the releases and the journals of this packet; one that they contradict is a break, and not shown. */
export async function recheckDrills(
  ctx: VerifyContext,
  reader: PacketReader,
  {
    drills,
    hosts,
    releases,
    note,
  }: {
    readonly drills: readonly SignedDrill[];
    readonly hosts: readonly HostFindings[];
    readonly releases: readonly HistoricRelease[];
    readonly note: Note;
  },
): Promise<readonly PacketDrill[]> {
  const good: PacketDrill[] = [];
  for (const { record, isStillApproved } of drills) {
    const traces = new Map<HostName, DrillTrace>();
    for (const { host, drillTraces } of hosts) {
      const trace = drillTraces.get(record.id);
      if (trace) traces.set(host, trace);
    }
    const problem = await againstReleases(ctx, reader, record, releases);
    const rechecked: RecheckedDrill = problem === null ? recheckDrill(record, traces) : { problem, unchecked: [] };
    if (rechecked.problem === null) good.push({ record, unchecked: rechecked.unchecked, isStillApproved });
    else note('drill', `${packetPaths.drills}/${record.id}.json`, rechecked.problem);
  }
  return good;
}

async function againstReleases(
  ctx: VerifyContext,
  reader: PacketReader,
  record: DrillRecord,
  releases: readonly HistoricRelease[],
): Promise<string | null> {
  const { failAt, commit, rolloutId, hosts, held = [] } = record;
  if (failAt === 'static') {
    const made = releases.find(({ document }) => document.source.commit === commit);
    return made ? `commit ${commit} was to be refused, and is release ${made.document.version}` : null;
  }
  const carrier = releases.find(({ document }) =>
    entriesOf(document.channels).some(
      ([, channel]) => channel.rolloutId === rolloutId || channel.mayFinish.some((id) => id === rolloutId),
    ),
  );
  if (rolloutId === null || !carrier) return `no release of this packet names rollout ${rolloutId}`;
  const { version, createdAt } = carrier.document;
  if (createdAt > recordedAt(record))
    return `its rollout began with release ${version}, made at ${createdAt}, after it`;
  const read = (path: string, bytesMax: number) => reader.read(packetPaths.release(path), bytesMax);
  const manifest = await readHistoricManifest(ctx, read, rolloutId);
  return manifest.ok ? againstManifest(manifest.value, hosts, held) : `rollout ${rolloutId}: ${manifest.detail}`;
}

function againstManifest(
  manifest: RolloutManifest,
  hosts: readonly HostName[],
  held: readonly HostName[],
): string | null {
  const stranger = hosts.find((host) => lookup(manifest.hosts, host) === undefined);
  if (stranger !== undefined) return `${stranger} is not a host of its rollout`;
  const expected = heldHosts(manifest, hosts);
  const isSame = expected.length === held.length && expected.every((host) => held.includes(host));
  return isSame
    ? null
    : `the hosts of later waves are ${expected.join(', ') || 'none'}, not ${held.join(', ') || 'none'}`;
}
