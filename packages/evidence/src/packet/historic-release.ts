import {
  accept,
  countSigners,
  type DocumentRefusalCode,
  documentBytesMax,
  entriesOf,
  type FleetDocument,
  FleetDocument as FleetSchema,
  fleetPath,
  type Instant,
  parseDocument,
  parseOpensshPublicLine,
  ReleaseDocument,
  type RolloutId,
  RolloutManifest,
  readDocument,
  refuse,
  reportPath,
  requireThreshold,
  rolloutPath,
  type Sha256Hex,
  type SignedBytes,
  StaticReport,
  sha256Hex,
  type TrustState,
  type Verified,
  type VerifyContext,
} from '@nixfleet/contracts';
import { unsignableReport } from '../static-gate.ts';
import type { KeyOfRecord } from '../verify-evidence.ts';
import { type VerifiedWaiver, verifyRegister } from '../verify-waiver.ts';

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

type ReadFile = (path: string, bytesMax: number) => Promise<Uint8Array | null>;

/**
 * A release under the trust version that it names. There is no head any more that named it, so nothing shows that it was
 * current; that it was released is what its signatures show. Order: form and type; its trust is one of the chain; the
 * threshold of the release role and of each channel; then fleet, static report and waiver register by hash. The report
 * must cover the fleet, as whoever signed it saw to.
 */
export async function verifyHistoricRelease(
  ctx: VerifyContext,
  {
    signed,
    trust,
    read,
  }: { readonly signed: SignedBytes; readonly trust: readonly TrustState[]; readonly read: ReadFile },
): Promise<Verified<HistoricRelease>> {
  const parsed = await parseDocument(ctx, { type: 'release', schema: ReleaseDocument }, signed.bytes);
  if (!parsed.ok) return parsed;
  const { document, sha256: releaseId } = parsed.value;
  const what = `release ${document.version}`;
  const state = trust.find((one) => one.document.version === document.trustVersion);
  if (!state) return refuse('trust-gap', `${what}: trust ${document.trustVersion} is not part of the chain`);
  const counted = await enough(ctx, state, document, signed);
  if (!counted.ok) return refuse(counted.reason, `${what}: ${counted.detail}`);
  const newest = trust.at(-1) ?? state;
  const now = await enough(ctx, newest, document, signed);

  const fleetBytes = await bound(ctx, read, fleetPath(document.resolvedFleet.sha256), {
    bytesMax: documentBytesMax.fleet,
    sha256: document.resolvedFleet.sha256,
  });
  if (!fleetBytes.ok) return fleetBytes;
  const fleet = readDocument(ctx.fleet, { type: 'fleet', schema: FleetSchema }, fleetBytes.value);
  if (!fleet.ok) return fleet;
  const report = await readReport(ctx, read, document, fleet.value.document);
  if (!report.ok) return report;
  const waivers = await readRegister(ctx, read, document, { trust: state, report: report.value });
  if (!waivers.ok) return waivers;
  return accept({
    releaseId,
    document,
    fleet: fleet.value.document,
    report: report.value,
    waivers: waivers.value,
    signers: [...counted.value].sort(),
    isStillTrusted: now.ok,
  });
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

async function readReport(
  ctx: VerifyContext,
  read: ReadFile,
  { staticReport }: ReleaseDocument,
  fleet: FleetDocument,
): Promise<Verified<StaticReport | null>> {
  if (!staticReport) return accept(null);
  const bytes = await bound(ctx, read, reportPath(staticReport.sha256), {
    bytesMax: documentBytesMax['static-report'],
    sha256: staticReport.sha256,
  });
  if (!bytes.ok) return bytes;
  const report = readDocument(ctx.fleet, { type: 'static-report', schema: StaticReport }, bytes.value);
  if (!report.ok) return report;
  const problem = unsignableReport(report.value.document, fleet);
  return problem === null ? accept(report.value.document) : refuse('invalid', problem);
}

async function readRegister(
  ctx: VerifyContext,
  read: ReadFile,
  { waiverRegister }: ReleaseDocument,
  { trust, report }: { readonly trust: TrustState; readonly report: StaticReport | null },
): Promise<Verified<readonly VerifiedWaiver[]>> {
  if (!waiverRegister) return accept([]);
  const bytes = await bound(ctx, read, reportPath(waiverRegister.sha256), {
    bytesMax: documentBytesMax['waiver-register'],
    sha256: waiverRegister.sha256,
  });
  if (!bytes.ok) return bytes;
  const severities = new Map<string, 'minimal' | 'standard' | 'strict' | 'paranoid'>();
  for (const { controls } of Object.values(report?.hosts ?? {})) {
    for (const { rules } of controls) {
      for (const { id, severity } of rules) if (severities.get(id) !== 'minimal') severities.set(id, severity);
    }
  }
  const verified = await verifyRegister(ctx, { trust, bytes: bytes.value, severityOf: (id) => severities.get(id) });
  return verified.ok ? accept(verified.value.waivers) : verified;
}

async function bound(
  ctx: VerifyContext,
  read: ReadFile,
  path: string,
  { bytesMax, sha256 }: { readonly bytesMax: number; readonly sha256: Sha256Hex },
): Promise<Verified<Uint8Array>> {
  const bytes = await read(path, bytesMax);
  if (!bytes) return refuse<DocumentRefusalCode>('missing', `${path} is not there`);
  const hash = await sha256Hex(ctx.crypto, bytes);
  return hash === sha256 ? accept(bytes) : refuse('hash-mismatch', `${path} has hash ${hash}`);
}

/** A manifest by its hash. */
export async function readHistoricManifest(
  ctx: VerifyContext,
  read: ReadFile,
  rolloutId: RolloutId,
): Promise<Verified<RolloutManifest>> {
  const sha256 = rolloutId as string as Sha256Hex;
  const bytes = await bound(ctx, read, rolloutPath(rolloutId), { bytesMax: documentBytesMax.rollout, sha256 });
  if (!bytes.ok) return bytes;
  const manifest = readDocument(ctx.fleet, { type: 'rollout', schema: RolloutManifest }, bytes.value);
  return manifest.ok ? accept(manifest.value.document) : manifest;
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
