import {
  accept,
  type CatalogueRule,
  ComplianceCatalogue,
  type Crypto,
  catalogueBytesMax,
  type DocumentRef,
  entriesOf,
  type FleetDocument,
  type HostCompliance,
  type HostName,
  type Instant,
  lookup,
  type ReleaseDocument,
  refuse,
  reportPath,
  type SealedDocument,
  type StaticReport,
  sealDocument,
  sha256Hex,
  type TrustState,
  utf8,
  type VerifyContext,
  type WaiverRegister,
} from '@nixfleet/contracts';
import {
  type EndingWaiver,
  type EvaluatedCompliance,
  endingWaivers,
  leastSeverities,
  observationsOf,
  readCatalogue,
  readStaticReport as readReport,
  type SeverityOf,
  type StaticFailure,
  staticGate,
  type VerifiedWaiver,
  verifyRegister,
  waiversInUse,
} from '@nixfleet/evidence';
import { z } from 'zod';
import type { BuildHost } from './build-result.ts';
import type { HostClosure } from './channel-manifest.ts';
import { requireDrillRecords } from './drill-records.ts';
import type { ApprovedFile } from './read-approved.ts';
import type { VerifiedTree } from './read-release.ts';
import type { WaiverFile } from './read-waivers.ts';
import type { ReleaseOutcome, ReleaseRefusal } from './release-refusal.ts';
import type { ReleaseTree } from './release-tree.ts';

/** What a release says of compliance. */
export interface AssembledCompliance {
  readonly staticReport: DocumentRef;
  readonly waiverRegister: DocumentRef | null;
  readonly report: StaticReport;
  readonly waivers: readonly VerifiedWaiver[];
  /** Report, register and the catalogues that the report names. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** Failures that stop nothing. */
  readonly warnings: readonly StaticFailure[];
  /** Waivers of the repository that do not count, each with why. */
  readonly refusedWaivers: readonly string[];
  /** Waivers that the release rests on and that end soon. */
  readonly ending: readonly EndingWaiver[];
}

/** A refusal with everything that has to be mended. */
export type StaticGateRefusal = ReleaseRefusal & {
  readonly failures: readonly StaticFailure[];
  /** What the release would have bound. */
  readonly report: StaticReport;
  readonly refusedWaivers: readonly string[];
};

export interface ComplianceInput {
  readonly crypto: Crypto;
  readonly fleet: FleetDocument;
  readonly hosts: ReadonlyMap<HostName, BuildHost>;
  /** Of each host of the fleet. */
  readonly closures: ReadonlyMap<HostName, Pick<HostClosure, 'closure'>>;
  /** Hosts that keep the closure of the release before. */
  readonly carriedOver: readonly HostName[];
  readonly previous: Pick<VerifiedTree, 'release'> | null;
  /** Where `previous` was read. */
  readonly previousTree: ReleaseTree;
  readonly waivers: readonly WaiverFile[];
  /** What rules about drills have read. Default: none. */
  readonly drills?: readonly ApprovedFile[];
  readonly trust: TrustState;
  /** Every version known, oldest first. Default: `trust` alone. */
  readonly trustStates?: readonly TrustState[];
  readonly now: Instant;
  readonly onStaticReport?: OnStaticReport;
}

/** Told what the static gate found, whether or not it refuses, with what the catalogues say of each rule. */
export type OnStaticReport = (
  report: StaticReport,
  rules: ReadonlyMap<string, Pick<CatalogueRule, 'name' | 'remediation'>>,
) => Promise<void>;

/**
 * The static gate: every static rule over every host, waivers applied. Null where the fleet asks for nothing: no channel has a
 * policy and no host has a catalogue. Refuses (`compliance-failed`, with `failures`) what fails under `enforce`, and
 * (`compliance-invalid`) a record of a drill that no approver signed.
 */
export async function assembleCompliance(
  input: ComplianceInput,
): Promise<ReleaseOutcome<AssembledCompliance | null> | StaticGateRefusal> {
  const { crypto, fleet, now, trust, trustStates = [trust], drills = [] } = input;
  const areSigned = await requireDrillRecords({ crypto, fleet: fleet.fleet }, { drills, trust: trustStates, now });
  if (!areSigned.ok) return areSigned;
  const evaluated = await evaluatedHosts(input);
  if (!evaluated.ok) return evaluated;
  const carriedOver = await carriedOverHosts(input);
  if (!carriedOver.ok) return carriedOver;
  const hosts = new Map([...evaluated.value, ...carriedOver.value]);
  const isAsked = entriesOf(fleet.channels).some(([, { policy }]) => policy.compliance.mode !== 'disabled');
  if (!isAsked && [...hosts.values()].every((host) => host === null)) return accept(null);

  const files = new Map<string, Uint8Array>();
  const severityOf = leastSeverities([...hosts.values()].flatMap((host) => host?.catalogue.controls ?? []));
  const verified = await waiverRegister(input, severityOf);
  const register = verified.sealed;
  if (register) files.set(reportPath(register.sha256), register.bytes);

  const waivers = verified.waivers.map(({ document }) => document);
  const gate = staticGate({
    fleet,
    hosts,
    closures: new Map([...input.closures].map(([host, { closure }]) => [host, closure])),
    carriedOver: new Set(input.carriedOver),
    waivers,
    waiverRegister: register?.sha256 ?? null,
    now,
  });
  await input.onStaticReport?.(gate.report, ruleTexts(hosts));
  if (gate.blocking.length > 0) {
    const names = new Set(gate.blocking.map(({ host }) => host));
    const detail = `${gate.blocking.length} rules fail under enforce on ${[...names].slice(0, 10).join(', ')}: mend them, or have an approver waive them`;
    const refusedWaivers = verified.refused;
    return { ...refuse('compliance-failed', detail), failures: gate.blocking, report: gate.report, refusedWaivers };
  }
  for (const [host, built] of input.hosts) {
    const one = hosts.get(host);
    if (one && built.ok && built.compliance) files.set(reportPath(one.sha256), utf8(built.compliance.catalogue));
  }
  const sealed = await sealDocument(crypto, gate.report);
  files.set(reportPath(sealed.sha256), sealed.bytes);
  return accept({
    staticReport: { sha256: sealed.sha256, bytes: sealed.bytes.length },
    waiverRegister: register && { sha256: register.sha256, bytes: register.bytes.length },
    report: gate.report,
    waivers: verified.waivers,
    files,
    warnings: gate.warnings,
    refusedWaivers: verified.refused,
    ending: endingWaivers(waiversInUse(gate.report, waivers), now),
  });
}

/** Null for a host without the compliance module. Hosts that keep an earlier closure are not in it. */
async function evaluatedHosts({
  crypto,
  fleet,
  hosts,
  carriedOver,
}: ComplianceInput): Promise<ReleaseOutcome<Map<HostName, EvaluatedCompliance | null>>> {
  const found = new Map<HostName, EvaluatedCompliance | null>();
  for (const [host] of entriesOf(fleet.hosts)) {
    if (carriedOver.includes(host)) continue;
    const built = hosts.get(host);
    const compliance = built?.ok ? (built.compliance ?? null) : null;
    const read = compliance === null ? accept(null) : await readCompliance(crypto, host, compliance);
    if (!read.ok) return read;
    found.set(host, read.value);
  }
  return accept(found);
}

async function readCompliance(
  crypto: Crypto,
  host: HostName,
  compliance: HostCompliance,
): Promise<ReleaseOutcome<EvaluatedCompliance>> {
  const bytes = utf8(compliance.catalogue);
  if (bytes.length > catalogueBytesMax) {
    return refuse('compliance-invalid', `${host}: its catalogue has more than ${catalogueBytesMax} bytes`);
  }
  let json: unknown;
  try {
    json = JSON.parse(compliance.catalogue);
  } catch {
    return refuse('compliance-invalid', `${host}: its catalogue is no JSON`);
  }
  const catalogue = ComplianceCatalogue.safeParse(json);
  if (!catalogue.success) {
    return refuse('compliance-invalid', `${host}: its catalogue: ${z.prettifyError(catalogue.error)}`);
  }
  if (catalogue.data.host !== host) {
    return refuse('compliance-invalid', `${host}: its catalogue is that of ${catalogue.data.host}`);
  }
  return accept({
    catalogue: catalogue.data,
    sha256: await sha256Hex(crypto, bytes),
    bytes: bytes.length,
    observations: compliance.static,
    ...(compliance.weakened ? { weakened: compliance.weakened } : {}),
  });
}

/**
 * Hosts that keep a closure keep what was measured of it, under the catalogue in it. Null where the release before did not
 * measure it, or its catalogue is not there any more.
 */
async function carriedOverHosts({
  crypto,
  fleet,
  closures,
  carriedOver,
  previous,
  previousTree,
}: ComplianceInput): Promise<ReleaseOutcome<Map<HostName, EvaluatedCompliance | null>>> {
  const found = new Map<HostName, EvaluatedCompliance | null>();
  if (carriedOver.length === 0) return accept(found);
  const ctx: VerifyContext = { crypto, fleet: fleet.fleet };
  const read = (path: string, bytesMax: number) => previousTree.read(path, bytesMax);
  const earlier = previous ? await readReport(ctx, read, previous.release.document) : accept(null);
  if (!earlier.ok) return earlier;
  for (const host of carriedOver) {
    const reported = earlier.value && lookup(earlier.value.hosts, host);
    const report = reported?.closure === closures.get(host)?.closure ? reported : null;
    const named = report?.catalogue ?? null;
    const asked = named && (await readCatalogue(ctx, read, named.sha256));
    if (asked && !asked.ok && asked.reason !== 'missing') return asked;
    if (!report || !named || !asked?.ok) found.set(host, null);
    else {
      const { weakened = [] } = report;
      found.set(host, { ...asked.value, sha256: named.sha256, observations: observationsOf(report), weakened });
    }
  }
  return accept(found);
}

function ruleTexts(
  hosts: ReadonlyMap<HostName, EvaluatedCompliance | null>,
): ReadonlyMap<string, Pick<CatalogueRule, 'name' | 'remediation'>> {
  const all = [...hosts.values()].flatMap((host) => host?.catalogue.controls.flatMap(({ rules }) => rules) ?? []);
  return new Map(all.map(({ id, name, remediation }) => [id, { name, remediation }]));
}

/** Those that count, sealed as the register that the release binds; null where none does. */
async function waiverRegister(
  { crypto, fleet, waivers, trust }: ComplianceInput,
  severityOf: SeverityOf,
): Promise<{
  readonly sealed: SealedDocument | null;
  readonly waivers: readonly VerifiedWaiver[];
  readonly refused: readonly string[];
}> {
  if (waivers.length === 0) return { sealed: null, waivers: [], refused: [] };
  const ctx: VerifyContext = { crypto, fleet: fleet.fleet };
  const registerOf = (entries: readonly WaiverFile[]): WaiverRegister => ({
    type: 'waiver-register',
    fleet: fleet.fleet,
    schemaVersion: 1,
    waivers: entries.map(({ waiver, sshSignatures }) => ({ waiver, sshSignatures: { ...sshSignatures } })),
  });
  const { bytes } = await sealDocument(crypto, registerOf(waivers));
  const verified = await verifyRegister(ctx, { trust, bytes, severityOf });
  if (!verified.ok) return { sealed: null, waivers: [], refused: [verified.detail] };
  const { refused } = verified.value;
  const bad = new Set(refused.map(({ index }) => index));
  const good = waivers.filter((_, index) => !bad.has(index));
  return {
    sealed: good.length === 0 ? null : await sealDocument(crypto, registerOf(good)),
    waivers: verified.value.waivers,
    refused: refused.map(({ index, refusal }) => `waiver ${index + 1} of the repository: ${refusal.detail}`),
  };
}

/** The report that a release binds; null if it binds none. Bound by hash, so its form is all there is to check. */
export async function readStaticReport(
  ctx: VerifyContext,
  tree: ReleaseTree,
  release: ReleaseDocument,
): Promise<ReleaseOutcome<StaticReport | null>> {
  return readReport(ctx, (path, bytesMax) => tree.read(path, bytesMax), release);
}
