import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ComplianceCatalogue, HostCompliance } from '@nixfleet/contracts';
import { type Machine, openBench, serviceOf } from '../modules/machine.ts';
import { evaluate, evaluated } from '../nix.ts';
import { nixpkgsLib, withoutNixpkgsLib } from '../nixpkgs-lib.ts';

/** What Nix says of hosts, by name, each a module in Nix: `take` is a function from a configuration. */
async function hosts(modules: Readonly<Record<string, string>>, take: string): Promise<Record<string, never>> {
  const list = Object.entries(modules).map(([name, module]) => `${name} = take (host (${module}));`);
  const expression = `
    let
      lib = import ${nixpkgsLib};
      host = module: (import ${import.meta.dirname}/system.nix { inherit lib module; }).config;
      take = ${take};
    in { ${list.join('\n')} }`;
  return (await evaluated({ expression })) as Record<string, never>;
}

interface Host {
  readonly catalogue: string;
  readonly refused: readonly string[];
  readonly warnings: readonly string[];
  readonly etc: readonly string[];
  readonly sysctl: Readonly<Record<string, unknown>>;
  readonly sudo: string;
  readonly openssh: { readonly settings?: Readonly<Record<string, unknown>> };
  readonly origins: Readonly<Record<string, string>>;
  readonly idle: number;
  readonly collector: unknown;
  readonly timer: { readonly timerConfig: { readonly OnCalendar: string } } | null;
  readonly static: readonly { id: string; passed: boolean }[];
  readonly probes: Readonly<Record<string, { type: string; staticEvidence: { passed: boolean } | null }>>;
}

const seen = `config: {
  inherit (config.compliance) catalogue origins;
  refused = map (entry: entry.message) (lib.filter (entry: !entry.assertion) config.assertions);
  inherit (config) warnings;
  etc = builtins.attrNames config.environment.etc;
  inherit (config.boot.kernel) sysctl;
  sudo = config.security.sudo.extraConfig;
  inherit (config.services) openssh;
  idle = config.compliance.controls.accessControl.idleTimeoutMinutes;
  collector = config.systemd.services.compliance-evidence-collector or null;
  timer = config.systemd.timers.compliance-evidence-collector or null;
  static = config.compliance.report { evaluatedAt = 1780300800; };
  inherit (config.compliance.evidence) probes;
}`;

describe('compliance on vanilla NixOS', { skip: withoutNixpkgsLib }, () => {
  test('off, observed, enforced, and by several frameworks', async () => {
    const all = (await hosts(
      {
        off: '{ }',
        observed: '{ compliance.controls.baselineHardening.enable = true; }',
        enforced: `{
          compliance.controls.baselineHardening.enable = true;
          compliance.controls.privilegeEscalation.enable = true;
          compliance.controls.accessControl.enable = true;
          compliance.governance.enforceMode = "enforce";
          boot.kernel.sysctl."kernel.sysrq" = 4;
          security.sudo.extraConfig = "Defaults insults";
          services.openssh.settings.PermitRootLogin = "prohibit-password";
        }`,
        both: `{
          compliance.frameworks.nis2.enable = true;
          compliance.frameworks.iso27001 = { enable = true; certificationScope = "full"; };
        }`,
        simplified: '{ compliance.frameworks.dora = { enable = true; regime = "simplified"; mode = "enforce"; }; }',
        looser: `{
          compliance.frameworks.nis2 = { enable = true; entityType = "essential"; };
          compliance.controls.accessControl.idleTimeoutMinutes = 60;
          compliance.controls.auditLogging.retentionDays = 3650;
          compliance.governance.level = "minimal";
        }`,
        uncollected: `{
          compliance.controls.accessControl = { enable = true; mode = "enforce"; };
          compliance.evidence.collector.enable = false;
        }`,
        forced: `{
          compliance.controls.baselineHardening = { enable = true; mode = "enforce"; rules.BH-03.enable = false; };
        }`,
        drill: '{ compliance.controls.syntheticAlwaysFail = { enable = true; hosts = [ "web-1" ]; }; }',
        drillOfControlPlane: `{
          options.services.nixfleet-control-plane.enable = lib.mkEnableOption "a control plane";
          config.services.nixfleet-control-plane.enable = true;
          config.compliance.controls.syntheticAlwaysFail = { enable = true; hosts = [ "web-1" ]; };
        }`,
      },
      seen,
    )) as unknown as Record<string, Host>;
    const host = (name: string): Host => all[name] as Host;

    const off = host('off');
    assert.deepEqual([off.etc, off.collector, off.timer, off.probes], [[], null, null, {}]);
    assert.equal(off.sysctl['kernel.kptr_restrict'], 1);

    // What is observed changes nothing.
    const observed = host('observed');
    assert.equal(observed.sysctl['kernel.kptr_restrict'], 1);
    assert.ok(observed.etc.includes('nixfleet/compliance.json'));
    assert.equal(observed.probes['baseline-hardening']?.staticEvidence?.passed, false);

    // What is enforced sets what nobody set, adds lines and lists, and leaves to the host what the host said.
    const enforced = host('enforced');
    assert.equal(enforced.sysctl['kernel.kptr_restrict'], 2);
    assert.equal(enforced.sysctl['kernel.sysrq'], 4);
    assert.match(enforced.sudo, /Defaults insults/);
    assert.match(enforced.sudo, /Defaults use_pty,noexec/);
    assert.equal(enforced.openssh.settings?.PermitRootLogin, 'prohibit-password');
    assert.equal(enforced.openssh.settings?.PasswordAuthentication, false);
    const result = (id: string, of: Host): boolean | undefined => of.static.find((rule) => rule.id === id)?.passed;
    assert.equal(result('BH-03', enforced), false, 'the host says sysrq = 4');
    assert.equal(result('BH-05', enforced), true);
    assert.equal(result('PE-02', enforced), true);
    assert.equal(enforced.sysctl['kernel.modules_disabled'], undefined, 'strict rules are not active');

    // Strictest wins, and it shows who asked.
    const both = host('both');
    assert.equal(both.idle, 15);
    assert.equal(both.origins['compliance.controls.accessControl.idleTimeoutMinutes'], 'iso27001 (full)');
    assert.equal(both.origins['compliance.controls.encryptionInTransit.certExpiryWarningDays'], 'nis2 (important)');
    const catalogue = ComplianceCatalogue.parse(JSON.parse(both.catalogue));
    assert.deepEqual(catalogue.governance.presets, { iso27001: 'full', nis2: 'important' });
    assert.equal(catalogue.governance.level, 'strict');
    assert.equal(catalogue.collectIntervalSeconds, 3600);
    assert.equal(both.timer?.timerConfig.OnCalendar, 'hourly');
    assert.deepEqual(Object.keys(catalogue.controls[0]?.articles ?? {}), ['iso27001', 'nis2', 'nis2-cir']);

    const simplified = ComplianceCatalogue.parse(JSON.parse(host('simplified').catalogue));
    const logging = simplified.controls.find(({ controlId }) => controlId === 'audit-logging');
    assert.deepEqual(logging?.articles, { dora: ['16'] });
    assert.equal(logging?.mode, 'enforce');
    assert.equal(simplified.governance.mode, 'permissive');

    // Less than a framework asks for is said; more is fine.
    assert.deepEqual(
      host('looser').warnings.map((line) => line.split(',')[0]),
      [
        'compliance.controls.accessControl.idleTimeoutMinutes = 60 asks for less than nis2 (essential) does',
        'compliance.governance.level = "minimal" is below what nis2 (essential) asks for',
      ],
    );
    assert.match(host('uncollected').refused.join(), /controls are enforced, and nothing collects evidence/);

    const forced = host('forced');
    assert.equal(forced.sysctl['kernel.kptr_restrict'], 1);
    const rule = ComplianceCatalogue.parse(JSON.parse(forced.catalogue))
      .controls.flatMap(({ rules }) => rules)
      .find(({ id }) => id === 'BH-03');
    assert.equal(rule?.via, 'override');
    assert.equal(forced.probes['baseline-hardening']?.staticEvidence?.passed, false);

    const ids = (of: Host): readonly string[] =>
      ComplianceCatalogue.parse(JSON.parse(of.catalogue)).controls.map(({ controlId }) => controlId);
    assert.ok(ids(host('drill')).includes('synthetic-always-fail'));
    assert.ok(!ids(observed).includes('synthetic-always-fail'));
    assert.deepEqual(host('drill').refused, []);
    assert.match(host('drillOfControlPlane').refused.join(), /web-1 serves the control plane and is among the hosts/);

    // Exactly one static result for each rule that has a projection, in the shape that a release reads.
    for (const [name, { catalogue: text, static: results }] of Object.entries(all)) {
      HostCompliance.parse({ catalogue: text, static: results });
      const withStatic = ComplianceCatalogue.parse(JSON.parse(text))
        .controls.flatMap(({ rules }) => rules)
        .filter(({ hasStatic }) => hasStatic)
        .map(({ id }) => id as string);
      assert.deepEqual(results.map(({ id }) => id).sort(), withStatic.sort(), name);
    }
  });

  test('beside an agent, the agent starts it, and may write where it collects', async () => {
    await using bench = await openBench();
    const machine = (agent: boolean): Promise<Machine> =>
      bench.machine(`{
        nixfleet.trust.document = ${bench.trust};
        networking.hostName = "web-1";
        nixpkgs.hostPlatform = "x86_64-linux";
        services.nixfleet-agent = { enable = ${agent}; controlPlanes = [ "https://control.example.org:8443" ]; };
        compliance.controls.accessControl.enable = true;
        compliance.evidence.collector.outputDir = "/persist/compliance";
        services.nixfleet-agent.key = "/persist/agent-key";
      }`);
    const [alone, beside] = await Promise.all([machine(false), machine(true)]);
    const wantedBy = (of: Machine): unknown =>
      (of.services['compliance-evidence-collector'] as { wantedBy?: unknown }).wantedBy;
    assert.deepEqual([wantedBy(alone), wantedBy(beside)], [['multi-user.target'], []]);
    const writable = serviceOf(beside, 'nixfleet-agent').serviceConfig.ReadWritePaths as readonly string[];
    assert.ok(
      writable.includes('/persist/compliance') && writable.includes('/var/lib/nixfleet-agent'),
      String(writable),
    );
    const keyOf = (of: Machine): unknown =>
      / --key (\S+)/.exec(String(serviceOf(of, 'compliance-evidence-collector').serviceConfig.ExecStart))?.[1];
    assert.deepEqual([keyOf(alone), keyOf(beside)], ['/etc/ssh/ssh_host_ed25519_key', '/persist/agent-key']);
    assert.deepEqual(Object.keys(alone.services), ['compliance-evidence-collector']);
    assert.deepEqual(beside.tmpfiles, ['d /persist/compliance 0755 root root - -']);
    assert.equal(serviceOf(beside, 'compliance-evidence-collector').serviceConfig.StateDirectory, undefined);
  });

  test('the machines of tests run the unit that the module makes', async () => {
    await using bench = await openBench();
    const machine = await bench.machine(`{
      nixfleet.trust.document = ${bench.trust};
      networking.hostName = "web-1";
      nixpkgs.hostPlatform = "x86_64-linux";
      services.nixfleet-agent = { enable = true; controlPlanes = [ "https://control.example.org:8443" ]; };
      compliance.controls.accessControl.enable = true;
    }`);
    const shipped = serviceOf(machine, 'compliance-evidence-collector');
    const [program = ''] = String(shipped.serviceConfig.ExecStart).split('/bin/nixfleet ');
    const taken = (await evaluated({
      expression: `
        let
          unit = import ${import.meta.dirname}/../../machines/closures/collector.nix {
            package = "${program}";
            fleet = "acme";
            collector = {
              enable = true;
              outputDir = "/var/lib/nixfleet-compliance";
              key = "/etc/ssh/ssh_host_ed25519_key";
              retentionDays = 90;
              interval = "*-*-* 06:00:00";
            };
          };
        in
        unit // { service = removeAttrs unit.service [ "path" ]; }`,
    })) as {
      readonly service: Readonly<Record<string, unknown>>;
      readonly timer: { readonly timerConfig: unknown };
      readonly tmpfiles: readonly string[];
      readonly agentWritePaths: readonly string[];
    };
    assert.match(String(shipped.serviceConfig.ExecStart), / --fleet acme$/);
    const { path: _, ...service } = shipped as unknown as Readonly<Record<string, unknown>>;
    for (const [name, value] of Object.entries(taken.service)) assert.deepEqual(service[name], value, name);
    assert.deepEqual(machine.timers['compliance-evidence-collector']?.timerConfig, taken.timer.timerConfig);
    assert.deepEqual(machine.tmpfiles, taken.tmpfiles);
    const writable = serviceOf(machine, 'nixfleet-agent').serviceConfig.ReadWritePaths as readonly string[];
    for (const one of taken.agentWritePaths) assert.ok(writable.includes(one), one);
  });

  test('a word that is no mode is refused', async () => {
    const expression = `(import ${import.meta.dirname}/system.nix {
      lib = import ${nixpkgsLib};
      module.compliance.governance.enforceMode = "enforced";
    }).config.compliance.catalogue`;
    const refused = await evaluate({ expression });
    assert.ok(!refused.ok && /enforceMode.*is not of type/.test(refused.message), JSON.stringify(refused));
  });
});
