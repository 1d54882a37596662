import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { HealthChecks } from '@nixfleet/contracts';
import { evaluate, evaluated } from '../nix.ts';
import { nixpkgsLib, withoutNixpkgsLib } from '../nixpkgs-lib.ts';
import { type Bench, openBench } from './machine.ts';

describe('adoption: mkFleet extends configurations that are there already', { skip: withoutNixpkgsLib }, () => {
  let bench: Bench;
  before(async () => {
    bench = await openBench();
  });
  after(() => bench[Symbol.asyncDispose]());

  /** A fleet of `web-1`, with the module that its configuration was made of, and options of the fleet. */
  const fleet = (module: string, more = ''): string => `
    let
      lib = import ${nixpkgsLib};
      nixosSystem = import ${import.meta.dirname}/nixos-system.nix { inherit lib; };
      keys = import ${import.meta.dirname}/../keys.nix;
      packages = import ${import.meta.dirname}/packages.nix;
      original = nixosSystem { modules = [ { networking.hostName = "web-1"; } (${module}) ]; };
      fleet = (import ./.).lib.mkFleet {
        name = "acme";
        hosts.web-1 = {
          system = "x86_64-linux";
          channel = "stable";
          pubkeys = [ keys.web-1 ];
          configuration = original;
        };
        hosts.mac-1 = {
          system = "aarch64-darwin";
          channel = "stable";
          pubkeys = [ keys.web-2 ];
          configuration = { };
        };
        channels.stable = { rolloutPolicy = "plain"; mode = "observe"; };
        rolloutPolicies.plain = { };
        healthChecks.units.kind = "systemd";
        ${more}
      };
      system = fleet.nixosConfigurations.web-1;
    in`;
  const agent = (): string => `agent = {
    trust = ${bench.trust};
    controlPlanes = [ "https://control.example.org:8443" ];
    mirrors = [ { kind = "git"; repository = "https://git.example.org/fleet.git"; } ];
    substituters = [ "https://cache.example.org" ];
  };`;
  const withProgram = '{ nixfleet.package = packages.nixfleet; }';
  // A module of the operator that knows nothing of NixFleet, evaluated before mkFleet adds the option it does not have.
  const untouched = '{ time.timeZone = "Europe/Paris"; }';

  test('agent, trust and probes are in it, and what was there stays', async () => {
    const expression = `${fleet(untouched, agent())} {
      inherit (system.config.time) timeZone;
      hostName = system.config.networking.hostName;
      services = builtins.attrNames system.config.systemd.services;
      agent = builtins.fromJSON system.config.environment.etc."nixfleet/agent.json".text;
      checks = builtins.fromJSON system.config.environment.etc."nixfleet/health-checks.json".text;
      trust = toString system.config.environment.etc."nixfleet/trust.json".source;
      before = builtins.attrNames original.config.systemd.services;
      systems = builtins.attrNames fleet.nixosConfigurations;
      macs = builtins.attrNames fleet.darwinConfigurations;
    }`;
    const found = (await evaluated({ expression })) as Record<string, unknown> & { agent: Record<string, unknown> };
    assert.equal(found.timeZone, 'Europe/Paris');
    assert.equal(found.hostName, 'web-1');
    assert.deepEqual(found.services, ['nixfleet-agent', 'nixfleet-recover']);
    assert.deepEqual(found.before, []);
    assert.equal(found.trust, bench.trust);
    assert.equal(found.agent.host, 'web-1');
    assert.equal(found.agent.fleet, 'acme');
    assert.deepEqual(found.agent.controlPlanes, ['https://control.example.org:8443']);
    assert.deepEqual(found.agent.mirrors, [{ kind: 'git', repository: 'https://git.example.org/fleet.git' }]);
    assert.deepEqual(HealthChecks.parse(found.checks), found.checks);
    assert.deepEqual(Object.keys(HealthChecks.parse(found.checks).checks), ['units']);
    assert.deepEqual([found.systems, found.macs], [['web-1'], ['mac-1']]);
  });

  test('a host may say otherwise, and builds like any other', async () => {
    const opinion = `{ services.nixfleet-agent.substituters = [ "https://near.example.org" ]; }`;
    const modules = `{ imports = [ (import ./.).nixosModules.default ${withProgram} ${opinion} ]; }`;
    const expression = `${fleet(modules, agent())} {
      inherit (system.config.services.nixfleet-agent) substituters;
      toplevel = fleet.toplevels.web-1;
    }`;
    assert.deepEqual(await evaluated({ expression }), {
      substituters: ['https://near.example.org'],
      toplevel: 'the system of web-1',
    });
  });

  test('topology forces no configuration, with or without an agent', async () => {
    for (const more of ['', agent()]) {
      const expression = `${fleet('throw "web-1 was evaluated"', more)} fleet.resolved.channels.stable.policy.mode`;
      assert.equal(await evaluated({ expression }), 'observe');
    }
  });

  test('without an agent a configuration is built as it was given', async () => {
    const expression = `${fleet(untouched)} system.config.systemd.services`;
    assert.deepEqual(await evaluated({ expression }), {});
  });

  test("another fleet's trust document stops the build", async () => {
    const expression = `${fleet(untouched, agent())} (fleet.nixosConfigurations.web-1.extendModules {
      modules = [ { nixfleet.trust.fleet = lib.mkForce "other"; } ];
    }).config.system.build.toplevel`;
    const result = await evaluate({ expression });
    assert.ok(!result.ok);
    assert.match(result.message, /Failed assertions:\s+- nixfleet\.trust\.fleet is "other"/);
  });

  test('a Mac is extended likewise, with the agent under launchd', async () => {
    const expression = `${fleet(untouched, agent())} let
      darwinSystem = import ${import.meta.dirname}/darwin-system.nix { inherit lib; };
      macs = (import ./.).lib.mkFleet {
        name = "acme";
        ${agent()}
        hosts.mac-1 = {
          system = "aarch64-darwin";
          channel = "stable";
          pubkeys = [ keys.web-2 ];
          configuration = darwinSystem { modules = [ { nixfleet.package = packages.nixfleet; } (${untouched}) ]; };
        };
        channels.stable.rolloutPolicy = "plain";
        rolloutPolicies.plain = { };
        healthChecks.web = { kind = "http"; url = "http://127.0.0.1/"; };
      };
      inherit (macs.darwinConfigurations.mac-1) config;
    in {
      inherit (config.time) timeZone;
      jobs = builtins.attrNames config.launchd.daemons;
      agent = builtins.fromJSON config.environment.etc."nixfleet/agent.json".text;
      checks = (builtins.fromJSON config.environment.etc."nixfleet/health-checks.json".text).checks;
      toplevel = macs.toplevels.mac-1;
      refused = lib.filter (entry: !entry.assertion) config.assertions;
    }`;
    const found = (await evaluated({ expression })) as Record<string, unknown> & { agent: Record<string, unknown> };
    assert.equal(found.timeZone, 'Europe/Paris');
    assert.deepEqual(found.jobs, ['nixfleet-agent', 'nixfleet-recover']);
    assert.deepEqual(found.agent.backend, { kind: 'darwin' });
    assert.equal(found.agent.host, 'mac-1');
    assert.equal(found.toplevel, 'the system of a Mac');
    assert.deepEqual(found.refused, []);
    assert.deepEqual(Object.keys(found.checks as object), ['web']);
  });

  test('what cannot be extended is named, with what to do', async () => {
    const expression = `${fleet(untouched, agent())} ((import ./.).lib.mkFleet {
      name = "acme";
      agent = { trust = ${bench.trust}; controlPlanes = [ "https://c.example.org" ]; };
      hosts.web-1 = {
        system = "x86_64-linux"; channel = "stable"; pubkeys = [ keys.web-1 ];
        configuration.config.system.build.toplevel = "bare";
      };
      channels.stable.rolloutPolicy = "plain";
      rolloutPolicies.plain = { };
    }).toplevels.web-1`;
    const result = await evaluate({ expression });
    assert.ok(!result.ok);
    assert.match(result.message, /hosts\.web-1\.configuration = \{ config \}\s+rule: expected extendModules in it/);
  });
});
