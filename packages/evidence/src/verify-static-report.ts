import {
  accept,
  documentBytesMax,
  entriesOf,
  type FleetDocument,
  type GovernanceLevel,
  type HostName,
  type ReleaseDocument,
  type RolloutManifest,
  readDocument,
  refuse,
  reportPath,
  StaticReport,
  type StorePath,
  type TrustState,
  type Verified,
  type VerifyContext,
} from '@nixfleet/contracts';
import { type ReadFile, readBound, readCatalogue, readHistoricManifest } from './read-bound.ts';
import { unsignableReport } from './unsignable-report.ts';
import { type SeverityOf, type VerifiedWaiver, verifyRegister } from './verify-waiver.ts';

/** What a release says of compliance. */
export interface ReleasedCompliance {
  /** Null where no policy asks for one. */
  readonly report: StaticReport | null;
  /** Those of the register that count. */
  readonly waivers: readonly VerifiedWaiver[];
}

export interface StaticReportQuestion {
  readonly release: ReleaseDocument;
  /** That of the release. */
  readonly fleet: FleetDocument;
  /** By which waivers are judged. */
  readonly trust: TrustState;
  readonly read: ReadFile;
  /** Hosts whose catalogue is looked at: `ReportedRelease`. Default: all. */
  readonly hosts?: ReadonlySet<HostName>;
}

/**
 * Static report and waivers of a release, each by its hash, and the report held against everything else that the release binds
 * (`invalid`): `unsignableReport`. What is signed must have been looked at, whoever assembled it.
 */
export async function verifyStaticReport(
  ctx: VerifyContext,
  question: StaticReportQuestion,
): Promise<Verified<ReleasedCompliance>> {
  const { release, fleet, read, hosts = 'all' } = question;
  const report = await readStaticReport(ctx, read, release);
  if (!report.ok) return report;
  const waivers = await readWaivers(ctx, question, report.value);
  if (!waivers.ok) return waivers;
  if (report.value === null) {
    const asking = entriesOf(fleet.channels).find(([, { policy }]) => policy.compliance.mode !== 'disabled');
    if (!asking) return accept({ report: null, waivers: waivers.value });
    return refuse('invalid', `channel ${asking[0]} has a compliance policy, and the release no static report`);
  }
  const manifests: RolloutManifest[] = [];
  for (const [, { rolloutId }] of entriesOf(release.channels)) {
    const manifest = await readHistoricManifest(ctx, read, rolloutId);
    if (!manifest.ok) return manifest;
    manifests.push(manifest.value);
  }
  const problem = await unsignableReport(report.value, {
    fleet,
    closures: releasedClosures(manifests),
    carriedOver: new Set(release.carriedOver),
    waiverRegister: release.waiverRegister?.sha256 ?? null,
    waivers: waivers.value.map(({ document }) => document),
    catalogue: (sha256) => readCatalogue(ctx, read, sha256),
    hosts,
    at: release.createdAt,
  });
  return problem === null ? accept({ report: report.value, waivers: waivers.value }) : refuse('invalid', problem);
}

/** What each host is given by the manifests of a release. */
export function releasedClosures(manifests: readonly Pick<RolloutManifest, 'hosts'>[]): Map<HostName, StorePath> {
  const all = manifests.flatMap(({ hosts }) => entriesOf(hosts));
  return new Map(all.map(([host, { closure }]) => [host, closure]));
}

/** The report that a release binds; null if it binds none. Its form and hash are looked at here, and no more. */
export async function readStaticReport(
  ctx: VerifyContext,
  read: ReadFile,
  { staticReport }: Pick<ReleaseDocument, 'staticReport'>,
): Promise<Verified<StaticReport | null>> {
  if (!staticReport) return accept(null);
  const { sha256 } = staticReport;
  const bytes = await readBound(ctx, read, reportPath(sha256), { bytesMax: documentBytesMax['static-report'], sha256 });
  if (!bytes.ok) return bytes;
  const report = readDocument(ctx.fleet, { type: 'static-report', schema: StaticReport }, bytes.value);
  return report.ok ? accept(report.value.document) : report;
}

/** Those of a release's register that count under `trust`. */
export async function readWaivers(
  ctx: VerifyContext,
  { release: { waiverRegister }, trust, read }: Pick<StaticReportQuestion, 'release' | 'trust' | 'read'>,
  report: StaticReport | null,
): Promise<Verified<readonly VerifiedWaiver[]>> {
  if (!waiverRegister) return accept([]);
  const { sha256 } = waiverRegister;
  const bytesMax = documentBytesMax['waiver-register'];
  const bytes = await readBound(ctx, read, reportPath(sha256), { bytesMax, sha256 });
  if (!bytes.ok) return bytes;
  const severityOf = leastSeverities(Object.values(report?.hosts ?? {}).flatMap(({ controls }) => controls));
  const verified = await verifyRegister(ctx, { trust, bytes: bytes.value, severityOf });
  return verified.ok ? accept(verified.value.waivers) : verified;
}

/** The least severity that any host gives a rule: the one that bounds a waiver most. */
export function leastSeverities(
  controls: readonly {
    readonly rules: readonly { readonly id: string; readonly severity: GovernanceLevel }[];
  }[],
): SeverityOf {
  const found = new Map<string, GovernanceLevel>();
  for (const { rules } of controls) {
    for (const { id, severity } of rules) if (found.get(id) !== 'minimal') found.set(id, severity);
  }
  return (ruleId) => found.get(ruleId);
}
