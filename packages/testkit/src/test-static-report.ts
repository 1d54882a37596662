import {
  type ComplianceCatalogue,
  HostName,
  reportPath,
  StaticObservation,
  type StaticReport,
  sha256Hex,
  type WaiverDocument,
} from '@nixfleet/contracts';
import { type EvaluatedCompliance, releasedClosures, staticGate } from '@nixfleet/evidence';
import { TestEvidence, testCatalogue } from './test-compliance.ts';
import { createTestFleet, type TestFleet } from './test-fleet.ts';

export interface TestStaticReportOptions {
  /** What the release that binds the report changes. */
  readonly change?: Parameters<TestFleet['publish']>[0];
  readonly catalogueOf?: (host: string) => ComplianceCatalogue;
  /** Static rules that fail, by host; null: it has no compliance module. */
  readonly failing?: Readonly<Record<string, readonly string[] | null>>;
  /** Those of the register that `change` sets. */
  readonly waivers?: readonly WaiverDocument[];
}

/** What a signer would say of the configurations of the next release; their catalogues are put among the fleet's files. */
export async function testStaticReport(
  fleet: TestFleet,
  { change, catalogueOf = testCatalogue, failing = {}, waivers = [] }: TestStaticReportOptions = {},
): Promise<StaticReport> {
  // The report is about the fleet document, the closures and the register of the release that binds it: released here first.
  const probe = await createTestFleet({ now: fleet.now, intent: fleet.intent });
  await probe.publish(change);
  const hosts = new Map<HostName, EvaluatedCompliance | null>();
  for (const name of Object.keys(probe.intent.hosts)) {
    const host = HostName.parse(name);
    const catalogue = catalogueOf(name);
    const { catalogueBytes } = new TestEvidence(fleet, host, catalogue);
    const sha256 = await sha256Hex(fleet.ctx.crypto, catalogueBytes);
    fleet.files.set(reportPath(sha256), catalogueBytes);
    const failed = failing[name];
    const observations = catalogue.controls
      .flatMap(({ rules }) => rules)
      .filter(({ hasStatic }) => hasStatic)
      .map(({ id }) => {
        const passed = !failed?.includes(id);
        const fix = passed ? '' : 'x.y = 1;';
        return StaticObservation.parse({ id, passed, expected: {}, observed: {}, optionPath: 'x.y', fix });
      });
    hosts.set(host, failed === null ? null : { catalogue, sha256, bytes: catalogueBytes.length, observations });
  }
  const { report } = staticGate({
    fleet: (await probe.verified()).fleet.document,
    hosts,
    closures: releasedClosures([...probe.current.manifests.values()].map((manifest) => manifest.document)),
    carriedOver: new Set(),
    waivers,
    waiverRegister: probe.current.document.waiverRegister?.sha256 ?? null,
    now: fleet.now,
  });
  return report;
}
