import {
  accept,
  countSigners,
  documentBytesMax,
  entriesOf,
  type FleetDocument,
  FleetDocument as FleetSchema,
  fleetPath,
  type HostName,
  type Instant,
  parseDocument,
  parseOpensshPublicLine,
  ReleaseDocument,
  readDocument,
  refuse,
  requireThreshold,
  type Sha256Hex,
  type SignedBytes,
  type StaticReport,
  type TrustState,
  type Verified,
  type VerifyContext,
} from '@nixfleet/contracts';
import { type ReadFile, readBound } from '../read-bound.ts';
import type { KeyOfRecord } from '../verify-evidence.ts';
import { verifyStaticReport } from '../verify-static-report.ts';
import type { VerifiedWaiver } from '../verify-waiver.ts';

/** A release of the past with everything that it binds, verified. */
export interface HistoricRelease {
  readonly releaseId: Sha256Hex;
  readonly document: ReleaseDocument;
  readonly fleet: FleetDocument;
  readonly report: StaticReport | null;
  readonly waivers: readonly VerifiedWaiver[];
  readonly signers: readonly string[];
  /** Whether those who signed could still sign one under the newest trust. */
  readonly isStillTrusted: boolean;
}

/**
 * A release under the trust version that it names. There is no head any more that named it, so nothing shows that it was
 * current; that it was released is what its signatures show. Order: form and type; its trust is one of the chain; the
 * threshold of the release role and of each channel; then fleet, static report and waiver register by hash. The report
 * must be what whoever signed it saw to: `verifyStaticReport`.
 */
export async function verifyHistoricRelease(
  ctx: VerifyContext,
  {
    signed,
    trust,
    read,
    hosts,
  }: {
    readonly signed: SignedBytes;
    readonly trust: readonly TrustState[];
    readonly read: ReadFile;
    /** Hosts whose catalogue is looked at, and has to be there: those of a packet. Default: all. */
    readonly hosts?: ReadonlySet<HostName>;
  },
): Promise<Verified<HistoricRelease>> {
  const parsed = await parseDocument(ctx, { type: 'release', schema: ReleaseDocument }, signed.bytes);
  if (!parsed.ok) return parsed;
  const { document, sha256: releaseId } = parsed.value;
  const what = `release ${document.version}`;
  const state = trust.find((one) => one.document.version === document.trustVersion);
  if (!state) return refuse('trust-gap', `${what}: ${outsideChain(document.trustVersion, trust)}`);
  const counted = await enough(ctx, state, document, signed);
  if (!counted.ok) return refuse(counted.reason, `${what}: ${counted.detail}`);
  const newest = trust.at(-1) ?? state;
  const now = await enough(ctx, newest, document, signed);

  const fleetBytes = await readBound(ctx, read, fleetPath(document.resolvedFleet.sha256), {
    bytesMax: documentBytesMax.fleet,
    sha256: document.resolvedFleet.sha256,
  });
  if (!fleetBytes.ok) return fleetBytes;
  const fleet = readDocument(ctx.fleet, { type: 'fleet', schema: FleetSchema }, fleetBytes.value);
  if (!fleet.ok) return fleet;
  const question = { release: document, fleet: fleet.value.document, trust: state, read };
  const compliance = await verifyStaticReport(ctx, { ...question, ...(hosts ? { hosts } : {}) });
  if (!compliance.ok) return refuse(compliance.reason, `${what}: ${compliance.detail}`);
  return accept({
    releaseId,
    document,
    fleet: fleet.value.document,
    ...compliance.value,
    signers: [...counted.value].sort(),
    isStillTrusted: now.ok,
  });
}

/** A chain is walked forwards alone: what was in force before its start nobody can say. */
function outsideChain(version: number, [start]: readonly TrustState[]): string {
  const from = start?.document.version;
  return from !== undefined && version < from
    ? `it was made under trust ${version}, and the chain starts from trust ${from}: start from trust ${version} or older`
    : `trust ${version} is not part of the chain`;
}

async function enough(
  ctx: VerifyContext,
  trust: TrustState,
  document: ReleaseDocument,
  signed: SignedBytes,
): Promise<Verified<ReadonlySet<string>>> {
  const { release: role } = trust.document.roles;
  const count = await countSigners(ctx, trust, role.signers, signed);
  const demanded = entriesOf(role.channels ?? {})
    .filter(([channel]) => Object.hasOwn(document.channels, channel))
    .map(([, { threshold }]) => threshold);
  const threshold = Math.max(role.threshold, ...demanded);
  const counted = requireThreshold(count, threshold, `the release role of trust ${trust.document.version}`);
  return counted.ok ? accept(count.signers) : counted;
}

/**
 * Keys of record of one host: each from the first release that declares it up to the first one that does not. `releases` in
 * the order of their versions.
 */
export function keysOfRecord(releases: readonly HistoricRelease[], host: string): KeyOfRecord[] {
  const open = new Map<string, Instant>();
  const keys: KeyOfRecord[] = [];
  const close = (line: string, until: Instant | null) => {
    const from = open.get(line);
    const key = parseOpensshPublicLine(line);
    if (from !== undefined && key) keys.push({ key, from, until });
    open.delete(line);
  };
  for (const { document, fleet } of releases) {
    const declared: ReadonlySet<string> = new Set(
      entriesOf(fleet.hosts).find(([name]) => name === host)?.[1].pubkeys ?? [],
    );
    for (const line of [...open.keys()]) if (!declared.has(line)) close(line, document.createdAt);
    for (const line of declared) if (!open.has(line)) open.set(line, document.createdAt);
  }
  for (const line of [...open.keys()]) close(line, null);
  return keys;
}
