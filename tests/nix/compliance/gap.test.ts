import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { allLines, type Gap, hostGaps } from '@nixfleet/cli';
import {
  ComplianceCatalogue,
  type ComplianceMode,
  entriesOf,
  FrameworkName,
  GovernanceLevel,
  HostCompliance,
  HostName,
  Sha256Hex,
  type StaticHostReport,
  type StaticRuleResult,
} from '@nixfleet/contracts';
import { releasedClosures, staticGate } from '@nixfleet/evidence';
import { createTestFleet } from '@nixfleet/testkit';
import { evaluated } from '../nix.ts';
import { nixpkgsLib, withoutNixpkgsLib } from '../nixpkgs-lib.ts';

const host = HostName.parse('web-1');
const mode: ComplianceMode = 'permissive';

/** What a release would make of hosts with these modules, each evaluated by the module system of nixpkgs. */
async function reportsOf(
  modules: Readonly<Record<string, string>>,
): Promise<ReadonlyMap<string, { readonly catalogue: ComplianceCatalogue; readonly report: StaticHostReport }>> {
  const of = entriesOf(modules).map(([name, module]) => `"${name}" = take (${module});`);
  const expression = `
      let
        lib = import ${nixpkgsLib};
        # Options of NixOS that the stand-ins do not declare are taken as they are written, and what NixOS says of the clock.
        free = { config, ... }: {
          config._module.freeformType = lib.types.attrsOf lib.types.anything;
          options.networking.timeServers = lib.mkOption { default = [ ]; };
          options.services.timesyncd.servers = lib.mkOption { default = config.networking.timeServers; };
        };
        take = module:
          let
            config = (import ${import.meta.dirname}/system.nix { inherit lib; module.imports = [ free module ]; }).config;
          in
          { inherit (config.compliance) catalogue; static = config.compliance.report { evaluatedAt = 1780300800; }; };
      in { ${of.join('\n')} }`;
  // Longer than an argument may be.
  const folder = await mkdtemp(join(tmpdir(), 'nixfleet-gap-'));
  const file = join(folder, 'hosts.nix');
  await writeFile(file, expression);
  const all = (await evaluated({ file })) as Record<string, unknown>;
  await rm(folder, { recursive: true });
  const fleet = await createTestFleet();
  await fleet.publish((next) => {
    for (const { policy } of Object.values(next.channels)) policy.compliance = { mode, frameworks: ['nis2'] };
  });
  const { document } = (await fleet.verified()).fleet;
  const closures = releasedClosures([...fleet.current.manifests.values()].map((manifest) => manifest.document));
  return new Map(
    entriesOf(all).map(([name, found]) => {
      const { catalogue: text, static: observations } = HostCompliance.parse(found);
      const catalogue = ComplianceCatalogue.parse(JSON.parse(text));
      const sha256 = Sha256Hex.parse('a'.repeat(64));
      const hosts = new Map([[host, { catalogue, sha256, bytes: text.length, observations }]]);
      const gate = staticGate({
        ...{ fleet: document, hosts, closures, carriedOver: new Set(), waivers: [], waiverRegister: null },
        now: fleet.now,
      });
      return [name, { catalogue, report: gate.report.hosts[host] ?? assert.fail() }];
    }),
  );
}

const hosts: Readonly<Record<string, string>> = {
  bare: '{ }',
  nis2: '{ compliance.frameworks.nis2.enable = true; services.openssh.enable = true; }',
  enforced: `{
    compliance.frameworks.iso27001 = { enable = true; mode = "enforce"; };
    services.openssh.enable = true;
    services.nginx.enable = true;
    networking.firewall.allowedTCPPorts = [ 80 ];
    users.users.ada = { isNormalUser = true; extraGroups = [ "wheel" ]; };
  }`,
  off: `{
    compliance.governance.excludes = [ "ssh" ];
    compliance.controls.accessControl = { enable = true; mode = "disabled"; };
    compliance.controls.disasterRecovery = { enable = true; minGenerations = 3; };
  }`,
};
const asked = ['nis2', 'dora', 'dora-rts', 'iso27001', 'anssi-bp028'].map((name) => FrameworkName.parse(name));
const levels = ['standard', 'paranoid'].map((level) => GovernanceLevel.parse(level));

/** As whoever writes it: in place of the value that the host has. Lists and lines are added, as they are meant. */
function overriding(line: string): string {
  const [, option = '', value = '', rest = ''] =
    /^([^=]+) = (true|false|[0-9]+|"(?:[^"\\]|\\.)*(?<!\\n)")(;.*)$/.exec(line) ?? [];
  return option === '' ? line : `${option} = lib.mkOverride 90 ${value}${rest}`;
}

/** What a gap says of its rule once its lines are there, against what became of it. */
function brokenPromise({ effect, kind, fix }: Gap, result: StaticRuleResult | undefined): string | null {
  if (result?.via !== null) return `is inactive: ${result?.via}`;
  if (kind === 'unmeasured') return null;
  const isByHand = fix.some((line) => line.startsWith('by hand: '));
  if (isByHand || effect === null) return result.reason === 'disabled' ? 'is disabled' : null;
  if (/waits for a person/.test(effect)) return result.reason === 'attested' ? null : `is ${result.status}`;
  if (/nothing measures it/.test(effect)) return result.reason === 'unmeasured' ? null : `is ${result.status}`;
  return result.status === 'pass' ? null : `is ${result.status}: ${result.fix}`;
}

describe('gap, on hosts that NixOS evaluates', { skip: withoutNixpkgsLib }, () => {
  test('what it promises comes true once its lines are in the configuration', async () => {
    const before = await reportsOf(hosts);
    const cases = Object.keys(hosts).flatMap((name) =>
      asked.flatMap((framework) => levels.map((level) => ({ name, framework, level }))),
    );
    const promised = cases.map(({ name, framework, level }) => {
      const { gaps } = hostGaps({ host, framework, level, ...(before.get(name) ?? assert.fail()) });
      return { name, framework, level, gaps, ...allLines(host, gaps) };
    });
    const after = await reportsOf(
      Object.fromEntries(
        promised.map(({ name, lines }, at) => [
          at,
          `{ lib, ... }: { imports = [ (${hosts[name]}) { ${lines.map((line) => `${overriding(line)}\n`).join('')} } ]; }`,
        ]),
      ),
    );
    const wrong: string[] = [];
    for (const [at, { name, framework, level, gaps }] of promised.entries()) {
      const { report, catalogue } = after.get(String(at)) ?? assert.fail();
      const results = new Map(report.controls.flatMap(({ rules }) => rules).map((rule) => [rule.id as string, rule]));
      const broken = gaps.flatMap((gap) => {
        if (gap.ruleId === null) return [];
        const why = brokenPromise(gap, results.get(gap.ruleId));
        return why === null ? [] : [`${gap.ruleId} ${gap.kind} (${gap.why}), "${gap.effect}": ${why}`];
      });
      wrong.push(...broken.map((line) => `${name}, ${framework} up to ${level}: ${line}`));
      // And what it did not name does not fail.
      const named = new Set(gaps.map(({ ruleId }) => ruleId));
      const unnamed = catalogue.controls
        .flatMap(({ rules }) => rules)
        .filter(({ id, articles }) => framework in articles && !named.has(id) && results.get(id)?.decision === 'fail');
      wrong.push(...unnamed.map(({ id }) => `${name}, ${framework} up to ${level}: ${id} fails, and nothing named it`));
    }
    assert.deepEqual(wrong, []);
  });

  test('what a framework asks for is told before it is enabled', async () => {
    const before = await reportsOf({
      ssh: '{ compliance.frameworks.nis2.enable = true; services.openssh.enable = true; }',
    });
    const of = (framework: string) =>
      hostGaps({
        ...{ host, framework: FrameworkName.parse(framework), level: 'standard' },
        ...(before.get('ssh') ?? assert.fail()),
      }).gaps;
    const mfa = of('dora').find(({ ruleId }) => ruleId === 'AU-01');
    assert.equal(mfa?.why, 'passes now, and not under dora');
    assert.match(mfa?.fix.join() ?? '', /AuthenticationMethods = "publickey,keyboard-interactive"/);
    assert.equal(
      of('nis2').find(({ ruleId }) => ruleId === 'AU-01'),
      undefined,
    );
    assert.deepEqual(of('dora')[0]?.fix, ['compliance.frameworks.dora.enable = true;']);
  });
});
