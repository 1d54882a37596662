import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { ComplianceCatalogue, DrillFailAt, FleetDocument, HostCompliance } from '@nixfleet/contracts';
import { declaredDrill } from '@nixfleet/evidence';
import { evaluate, evaluated } from '../nix.ts';
import { nixpkgsLib, withoutNixpkgsLib } from '../nixpkgs-lib.ts';

/** Options of a fleet of one host, `web-1`, whose configuration is `configuration` (Nix). */
const fleet = (more: string, configuration = 'throw "forced"'): string => `
  let
    keys = import ./tests/nix/keys.nix;
    fleet = (import ./.).lib.mkFleet {
      name = "acme";
      hosts.web-1 = {
        system = "x86_64-linux";
        channel = "stable";
        tags = [ "web" "edge" ];
        pubkeys = [ keys.web-1 ];
        configuration = ${configuration};
        compliance = host;
      };
      channels.stable = { rolloutPolicy = "plain"; compliance = channel; };
      channels.other.rolloutPolicy = "plain";
      rolloutPolicies.plain = { };
      tags.web.compliance = tag;
      tags.edge = { };
      complianceFrameworks = [ "anssi-bp028" "nis2" ];
      release = { evaluatedAt = 1780300800; revision = "0123456789abcdef0123456789abcdef01234567"; isDirty = false; };
      compliance = all;
    };
    host = null; channel = null; tag = null; all = { };
    ${more}
  in`;

/** The configuration of a host with the module of controls and a `module` (Nix) of its own. */
const nixos = (hostName: string, module = '{ }'): string =>
  `import ./tests/nix/compliance/system.nix { lib = import ${nixpkgsLib}; hostName = "${hostName}"; module = ${module}; }`;

/** As \`fleet\`, where a later binding replaces one. */
function withPolicies(policies: Readonly<Record<string, string>>, configuration?: string): string {
  return Object.entries(policies).reduce(
    (text, [name, value]) => text.replace(new RegExp(`\\b${name} = (null|\\{ \\});`), `${name} = ${value};`),
    fleet('', configuration),
  );
}

const enforced = '{ mode = "enforce"; frameworks = [ "nis2" ]; }';

interface Result {
  readonly id: string;
  readonly passed: boolean;
  readonly observed: unknown;
}

describe('compliance policies of a fleet', () => {
  test('the signed fleet says mode, frameworks and drift, and nothing of how controls are refined', async () => {
    const policy = `{ mode = "enforce"; frameworks = [ "nis2" ]; onDrift = "hold"; presets.nis2 = "essential"; controls.secure-boot.mode = "enforce"; }`;
    const resolved = await evaluated({ expression: `${withPolicies({ channel: policy })} fleet.resolved` });
    const expected = { mode: 'enforce', frameworks: ['nis2'], onDrift: 'hold' };
    const parsed = FleetDocument.parse(resolved);
    assert.deepEqual(parsed, resolved);
    assert.deepEqual(Object.values(parsed.channels)[1]?.policy.compliance, expected);
    assert.deepEqual(Object.values(parsed.hosts)[0]?.compliance, expected);
  });

  test('a weaker mode than a wider scope asks for needs a waiver', async () => {
    const cases: readonly [Readonly<Record<string, string>>, RegExp | null][] = [
      [
        { channel: enforced, host: '{ mode = "permissive"; frameworks = [ "nis2" ]; }' },
        /hosts\.web-1\.compliance\.mode = "permissive"/,
      ],
      [{ channel: enforced, host: '{ mode = "permissive"; frameworks = [ "nis2" ]; waiver = "W-2026-0001"; }' }, null],
      [{ all: enforced, channel: '{ mode = "disabled"; }' }, /channels\.stable\.compliance\.mode = "disabled"/],
      [{ all: '{ mode = "permissive"; frameworks = [ "nis2" ]; }', channel: enforced }, null],
      // A control, against the policy and against a wider refinement of it.
      [
        { channel: '{ mode = "enforce"; frameworks = [ "nis2" ]; controls.secure-boot.mode = "permissive"; }' },
        /channels\.stable\.compliance\.controls\.secure-boot = "permissive"/,
      ],
      [
        {
          all: '{ mode = "permissive"; frameworks = [ "nis2" ]; controls.secure-boot.mode = "enforce"; }',
          tag: '{ mode = "permissive"; frameworks = [ "nis2" ]; controls.secure-boot.mode = "permissive"; }',
        },
        /tags\.web\.compliance\.controls\.secure-boot = "permissive"/,
      ],
      [
        {
          channel:
            '{ mode = "enforce"; frameworks = [ "nis2" ]; controls.secure-boot = { mode = "disabled"; waiver = "W-2026-0002"; }; }',
        },
        null,
      ],
      [
        { channel: '{ mode = "enforce"; frameworks = [ "nis2" ]; frameworkModes.nis2.mode = "permissive"; }' },
        /channels\.stable\.compliance\.frameworkModes\.nis2 = "permissive"/,
      ],
      [
        { channel: '{ mode = "enforce"; frameworks = [ "nis2" ]; controls.secureboot.mode = "enforce"; }' },
        /expected a control of the catalogue\s+fix:\s+did you mean "secure-boot"/,
      ],
      [
        { channel: '{ mode = "enforce"; frameworks = [ "nis2" ]; waiver = "soon"; }' },
        /the id of a waiver, such as W-2026-0001/,
      ],
    ];
    for (const [policies, expected] of cases) {
      const result = await evaluate({ expression: `${withPolicies(policies)} fleet.resolved` });
      assert.equal(result.ok, expected === null, `${JSON.stringify(policies)}: ${JSON.stringify(result)}`);
      if (!result.ok && expected) assert.match(result.message, expected);
    }
  });

  test('a drill is in every closure of its channel, and names who fails; records are those of the channel', {
    skip: withoutNixpkgsLib,
  }, async () => {
    const host = (channel: string, name: string): string => `{
      system = "x86_64-linux";
      channel = "${channel}";
      pubkeys = [ keys.${name} ];
      configuration = ${nixos(name)};
    }`;
    const found = (await evaluated({
      expression: `
        let
          keys = import ./tests/nix/keys.nix;
          record = hosts: { id = "D-2026-0001"; failAt = "runtime"; inherit hosts; passed = true; endedAt = 1780300000; durationSeconds = 9; };
          fleet = (import ./.).lib.mkFleet {
            name = "acme";
            hosts = { web-1 = ${host('stable', 'web-1')}; web-2 = ${host('stable', 'web-2')}; db-1 = ${host('data', 'db-1')}; };
            channels = { stable.rolloutPolicy = "plain"; data.rolloutPolicy = "plain"; };
            rolloutPolicies.plain = { };
            compliance = { mode = "enforce"; frameworks = [ "nis2" ]; };
            drill = { failAt = "stale"; until = 1780300800; hosts = [ "web-1" ]; };
            release = { evaluatedAt = 1780300800; drills = [ (record [ "db-1" ]) ]; };
          };
        in builtins.mapAttrs (_: host: { inherit (host) catalogue static; }) fleet.compliance`,
    })) as Record<string, { catalogue: string; static: (Result & { passed: boolean })[] }>;
    const drillOf = (name: string) => {
      const catalogue = ComplianceCatalogue.parse(JSON.parse(found[name]?.catalogue ?? ''));
      return declaredDrill(catalogue, 'enforce');
    };
    assert.deepEqual(drillOf('web-1'), { failAt: 'stale', until: 1_780_300_800, mode: 'enforce' });
    assert.deepEqual(drillOf('web-2'), { failAt: 'stale', until: 0, mode: 'enforce' });
    assert.equal(drillOf('db-1'), null);
    const rehearsed = (name: string) => found[name]?.static.find(({ id }) => id === 'IR-02')?.passed;
    assert.deepEqual([rehearsed('web-1'), rehearsed('web-2'), rehearsed('db-1')], [false, false, true]);
  });

  test('a release is told of every weaker mode and its waiver', { skip: withoutNixpkgsLib }, async () => {
    const policies = {
      channel: enforced,
      host: `{
        mode = "permissive"; frameworks = [ "nis2" ]; waiver = "W-2026-0001";
        controls.secure-boot = { mode = "disabled"; waiver = "W-2026-0002"; };
        controls.access-control.mode = "enforce";
        frameworkModes.nis2 = { mode = "disabled"; waiver = "W-2026-0003"; };
      }`,
    };
    const found = await evaluated({ expression: `${withPolicies(policies, nixos('web-1'))} fleet.compliance.web-1` });
    const { weakened } = HostCompliance.parse(found);
    const path = 'hosts.web-1.compliance';
    assert.deepEqual(weakened, [
      { path: `${path}.mode`, mode: 'permissive', wider: 'enforce', waiver: 'W-2026-0001', control: null },
      {
        ...{ path: `${path}.controls.secure-boot`, mode: 'disabled', wider: 'permissive', waiver: 'W-2026-0002' },
        control: 'secure-boot',
      },
      {
        path: `${path}.frameworkModes.nis2`,
        mode: 'disabled',
        wider: 'permissive',
        waiver: 'W-2026-0003',
        control: null,
      },
    ]);
  });

  test('a drill fails in the ways that its document knows, in the same order', async () => {
    const expression = `
      let
        lib = import ./nix/lib;
        types = import ./nix/fleet/types.nix;
        scalars = import ./nix/fleet/scalars.nix { inherit lib types; };
        declared = (import ./nix/fleet/schema.nix { inherit lib types scalars; }).options.drill.type.of;
        control = (import ./nix/compliance).byOptionName.syntheticAlwaysFail;
      in [ declared.options.failAt.type.values control.options.failAt.type.values ]`;
    assert.deepEqual(await evaluated({ expression }), [DrillFailAt.options, DrillFailAt.options]);
  });

  test('what nixfleet compliance drill writes is read as options', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'nixfleet-drill-'));
    try {
      const read = `with (import ./.).lib; { drill = drillOf ${folder}; drills = drillsOf ${folder}; }`;
      assert.deepEqual(await evaluated({ expression: read }), { drill: null, drills: [] });
      await mkdir(join(folder, 'drills'));
      const plan = { schemaVersion: 1, id: 'D-2026-0002', failAt: 'stale', until: 1_780_300_800, hosts: ['web-1'] };
      await writeFile(join(folder, 'drill.json'), JSON.stringify(plan));
      const instants = ['1970-01-01T00:00:09Z', '2000-02-29T23:59:59Z', '2026-11-26T08:09:10Z', '2100-03-01T00:00:00Z'];
      for (const [i, endedAt] of instants.entries()) {
        const record = { id: `D-2026-000${i}`, failAt: 'runtime', hosts: ['web-1'], passed: true, endedAt };
        const startedAt = '1970-01-01T00:00:00Z';
        await writeFile(join(folder, 'drills', `D-2026-000${i}.json`), JSON.stringify({ ...record, startedAt }));
      }
      await writeFile(join(folder, 'drills', 'D-2026-0000.json.sshsig'), 'x');
      const { drill, drills } = (await evaluated({ expression: read })) as {
        drill: object;
        drills: { endedAt: number; durationSeconds: number }[];
      };
      assert.deepEqual(drill, { failAt: 'stale', until: 1_780_300_800, hosts: ['web-1'] });
      const seconds = instants.map((at) => Date.parse(at) / 1000);
      assert.deepEqual(
        drills.map(({ endedAt, durationSeconds }) => [endedAt, durationSeconds]),
        seconds.map((at) => [at, at]),
      );
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test('reach the closure of each host', { skip: withoutNixpkgsLib }, async () => {
    // The host would like something else; the signed fleet decides.
    const configuration = nixos(
      'web-1',
      `{
        compliance.governance.enforceMode = "disabled";
        compliance.frameworks.nis2.entityType = "important";
        compliance.controls.assetInventory.owner = "platform team";
      }`,
    );
    const policies = {
      all: '{ mode = "permissive"; frameworks = [ "nis2" ]; controls.time-sync.mode = "enforce"; }',
      tag: '{ mode = "permissive"; frameworks = [ "nis2" ]; controls.secure-boot.mode = "enforce"; }',
      channel: `{
        mode = "permissive"; frameworks = [ "nis2" "anssi-bp028" ]; presets = { nis2 = "essential"; };
        frameworkModes.anssi-bp028.mode = "enforce";
        controls.time-sync = { mode = "disabled"; waiver = "W-2026-0001"; };
      }`,
    };
    const found = (await evaluated({
      expression: `${withPolicies(policies, configuration)} {
        inherit (fleet.compliance.web-1) catalogue static;
        dated = (fleet.complianceWith { evaluatedAt = 1; isDirty = true; }).web-1.static;
        seen = (fleet.complianceWith {
          author = "ada";
          approvals = [ "grace" ];
          observed = { revision = "${'b'.repeat(40)}"; isDirty = true; evaluatedAt = 1; inputs.other = { }; };
        }).web-1.static;
        unseen = (fleet.complianceWith { observed = null; }).web-1.static;
        inherit (fleet.hosts.web-1.configuration.config.compliance) origins;
        text = fleet.nixosConfigurations.web-1.config.environment.etc."nixfleet/compliance.json".text;
      }`,
    })) as {
      catalogue: string;
      text: string;
      static: Result[];
      dated: Result[];
      seen: Result[];
      unseen: Result[];
      origins: Record<string, string>;
    };
    assert.equal(found.text, found.catalogue);
    const observed = (results: readonly Result[], id: string): unknown =>
      results.find((rule) => rule.id === id)?.observed;
    assert.deepEqual(observed(found.static, 'CM-01'), {
      'compliance.release.revision': true,
      'compliance.release.isDirty': false,
    });
    assert.deepEqual(observed(found.dated, 'CM-01'), { 'compliance.release.isDirty': true });
    // The commit is the one that is released, whatever the fleet says; the rest counts where the fleet says nothing.
    assert.deepEqual(observed(found.seen, 'CM-01'), { 'compliance.release.isDirty': true });
    assert.deepEqual(observed(found.seen, 'SC-01'), { 'compliance.release.inputs: without a hash': ['other'] });
    assert.deepEqual(observed(found.seen, 'SC-02'), {
      'compliance.release.inputs: too old, or of unknown age': ['other'],
    });
    assert.equal(found.seen.find(({ id }) => id === 'CM-02')?.passed, true);
    assert.equal(found.static.find(({ id }) => id === 'CM-02')?.passed, false);
    assert.deepEqual(found.unseen, found.static);
    HostCompliance.parse({ catalogue: found.catalogue, static: found.static });
    const catalogue = ComplianceCatalogue.parse(JSON.parse(found.catalogue));
    assert.equal(catalogue.host, 'web-1');
    assert.deepEqual(catalogue.governance.presets, { 'anssi-bp028': 'intermediary', nis2: 'essential' });
    assert.equal(found.origins['compliance.governance.level'], 'nis2 (essential)');
    const modes = new Map(catalogue.controls.map(({ controlId, mode }) => [controlId as string, mode]));
    assert.deepEqual(
      ['time-sync', 'secure-boot', 'baseline-hardening', 'backup-retention'].map((control) => modes.get(control)),
      // By its own waived refinement; by its tag; by BP-028, which is enforced; by NIS2 alone, which is not.
      ['disabled', 'enforce', 'enforce', 'permissive'],
    );
  });

  test('a flake tells of its commit and its inputs, and that it is not one', async () => {
    const expression = `let
      inherit ((import ./.).lib) releaseOf;
      input = { narHash = "sha256-x"; lastModified = 1; outPath = throw "forced"; };
    in {
      clean = releaseOf { self = { rev = "abc"; lastModified = 2; }; nixpkgs = input; bare = { }; };
      dirty = releaseOf { self = { lastModified = 2; }; };
    }`;
    assert.deepEqual(await evaluated({ expression }), {
      clean: {
        revision: 'abc',
        isDirty: false,
        evaluatedAt: 2,
        inputs: { nixpkgs: { narHash: 'sha256-x', lastModified: 1 }, bare: { narHash: null, lastModified: null } },
      },
      dirty: { revision: null, isDirty: true, evaluatedAt: 2, inputs: {} },
    });
  });

  test('a fleet that says nothing leaves configurations as they are', async () => {
    const expression = `${withPolicies({}, '{ config.system.build.toplevel = "x"; }')} { inherit (fleet) compliance; inherit (fleet.toplevels) web-1; }`;
    assert.deepEqual(await evaluated({ expression }), { compliance: { 'web-1': null }, 'web-1': 'x' });
  });
});
