import {
  accept,
  type ComplianceCatalogue,
  type ComplianceMode,
  canonicalBytes,
  HostName,
  type Json,
  RuleId,
  refuse,
  type StaticObservation,
  type StaticReport,
  sha256Hex,
} from '@nixfleet/contracts';
import { createTestFleet, testCatalogue } from '@nixfleet/testkit';
import { type EvaluatedCompliance, type StaticGateInput, staticGate } from './static-gate.ts';
import { type ReportedRelease, unsignableReport } from './unsignable-report.ts';
import { releasedClosures } from './verify-static-report.ts';

export const web = HostName.parse('web-1');

function observation(id: string, passed: boolean): StaticObservation {
  const optionPath = 'services.openssh.settings.PasswordAuthentication';
  const fix = passed ? '' : `${optionPath} = false;`;
  return { id: RuleId.parse(id), passed, expected: { x: false }, observed: { x: !passed }, optionPath, fix };
}

/** The hosts of the demo, each with a catalogue of its own, and the gate and the signer over them. */
export async function staticLab(mode: ComplianceMode = 'enforce') {
  const fleet = await createTestFleet();
  await fleet.publish((next) => {
    for (const channel of Object.values(next.channels)) {
      channel.policy.compliance = { mode, frameworks: mode === 'disabled' ? [] : ['nis2'] };
    }
  });
  const { document } = (await fleet.verified()).fleet;
  const closures = releasedClosures([...fleet.current.manifests.values()].map((manifest) => manifest.document));
  const names = ['canary', 'db', 'web-1', 'web-2'].map((name) => HostName.parse(name));
  const known = new Map<string, { readonly catalogue: ComplianceCatalogue; readonly bytes: number }>();

  const evaluated = async (
    host: string,
    failing: readonly string[] = [],
    catalogue: ComplianceCatalogue = testCatalogue(host),
  ): Promise<EvaluatedCompliance> => {
    const bytes = canonicalBytes(catalogue as unknown as Json);
    const sha256 = await sha256Hex(fleet.ctx.crypto, bytes);
    known.set(sha256, { catalogue, bytes: bytes.length });
    const ids = catalogue.controls.flatMap(({ rules }) =>
      rules.filter(({ hasStatic }) => hasStatic).map(({ id }) => id),
    );
    const observations = ids.map((id) => observation(id, !failing.includes(id)));
    return { catalogue, sha256, bytes: bytes.length, observations };
  };
  const everywhere = async (of: (name: HostName) => Promise<EvaluatedCompliance>) =>
    new Map(await Promise.all(names.map(async (name) => [name, await of(name)] as const)));
  /** web-1 fails what is named. */
  const input = async (
    change: Partial<StaticGateInput> = {},
    failing: readonly string[] = [],
  ): Promise<StaticGateInput> => ({
    fleet: document,
    hosts: await everywhere((name) => evaluated(name, name === web ? failing : [])),
    closures,
    carriedOver: new Set(),
    waivers: [],
    waiverRegister: null,
    now: fleet.now,
    ...change,
  });
  const gate = async (change: Partial<StaticGateInput> = {}, failing: readonly string[] = []) =>
    staticGate(await input(change, failing));
  /** What whoever signs says of a report: `signed`, or why not. */
  const sign = async (report: StaticReport, change: Partial<ReportedRelease> = {}): Promise<string> => {
    const problem = await unsignableReport(report, {
      fleet: document,
      closures,
      carriedOver: new Set(),
      waiverRegister: null,
      waivers: [],
      catalogue: async (sha256) => {
        const found = known.get(sha256);
        return found ? accept(found) : refuse('missing', `${sha256} is not there`);
      },
      hosts: 'all',
      at: fleet.now,
      ...change,
    });
    return problem ?? 'signed';
  };
  return { fleet, document, names, closures, evaluated, everywhere, gate, sign };
}
