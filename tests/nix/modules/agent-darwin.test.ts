import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { parseAgentConfig } from '@nixfleet/agent';
import { evaluate, evaluated } from '../nix.ts';
import { nixpkgsLib, withoutNixpkgsLib } from '../nixpkgs-lib.ts';
import { type Bench, openBench } from './machine.ts';

interface Job {
  readonly Label: string;
  readonly ProgramArguments: readonly string[];
  readonly RunAtLoad: boolean;
  readonly KeepAlive?: boolean;
  readonly EnvironmentVariables?: Readonly<Record<string, string>>;
}

interface Mac {
  readonly jobs: Readonly<Record<'nixfleet-agent' | 'nixfleet-recover', Job>>;
  readonly etc: Readonly<Record<string, string>>;
  readonly packages: readonly string[];
  readonly refused: readonly string[];
  readonly warnings: readonly string[];
}

describe('services.nixfleet-agent of nix-darwin', { skip: withoutNixpkgsLib }, () => {
  let bench: Bench;
  before(async () => {
    bench = await openBench();
  });
  after(() => bench[Symbol.asyncDispose]());

  const expressionOf = (module: string): string => `
    let
      lib = import ${nixpkgsLib};
      packages = import ${import.meta.dirname}/packages.nix;
      system = import ${import.meta.dirname}/darwin-system.nix { inherit lib; } {
        modules = [ (import ./.).darwinModules.default { nixfleet.package = packages.nixfleet; } ${module} ];
      };
      inherit (system) config;
    in {
      jobs = lib.mapAttrs (_: job: job.serviceConfig) config.launchd.daemons;
      etc = lib.mapAttrs (_: file: file.text or (toString file.source)) config.environment.etc;
      packages = map (package: package.name) config.environment.systemPackages;
      refused = map (entry: entry.message) (lib.filter (entry: !entry.assertion) config.assertions);
      inherit (config) warnings;
    }`;
  const mac = async (module: string): Promise<Mac> => (await evaluated({ expression: expressionOf(module) })) as Mac;
  const agent = (more = ''): string => `{
    nixfleet.trust.document = ${bench.trust};
    networking.hostName = "mac-1";
    services.nixfleet-agent = { enable = true; controlPlanes = [ "https://control.example.org:8443" ]; ${more} };
  }`;

  test('is off until it is enabled', async () => {
    const { jobs, etc, packages } = await mac('{ }');
    assert.deepEqual([jobs, etc, packages], [{}, {}, []]);
  });

  test('writes settings that the agent takes', async () => {
    const { etc, refused, packages } = await mac(agent());
    const config = parseAgentConfig(JSON.parse(etc['nixfleet/agent.json'] ?? ''));
    assert.deepEqual(config.backend, { kind: 'darwin' });
    assert.equal(config.host, 'mac-1');
    assert.equal(config.fleet, 'acme');
    assert.match(config.path, /-nix\/bin:.*-coreutils\/bin:.*:\/usr\/sbin:\/sbin$/);
    assert.match(etc['nixfleet/dead-man'] ?? '', /-nixfleet-dead-man$/);
    assert.match(etc['newsyslog.d/nixfleet-agent.conf'] ?? '', /^\/var\/log\/nixfleet-agent\.log 640 /);
    assert.deepEqual([refused, packages], [[], ['nixfleet']]);
  });

  test('brings the job that the agent looks for in a closure, and one that starts again with its settings', async () => {
    const { jobs } = await mac(agent());
    const { 'nixfleet-agent': runs, 'nixfleet-recover': recovers } = jobs;
    assert.equal(recovers.Label, 'org.nixos.nixfleet-recover');
    assert.match(recovers.ProgramArguments[2] ?? '', /dead-man recover '\/var\/lib\/nixfleet-agent\/switch'$/);
    assert.equal(recovers.KeepAlive, undefined);
    assert.deepEqual([runs.RunAtLoad, runs.KeepAlive], [true, true]);
    const elsewhere = await mac(agent('mirrorSeconds = 60;'));
    assert.notDeepEqual(elsewhere.jobs['nixfleet-agent'].EnvironmentVariables, runs.EnvironmentVariables);
    const persistent = await mac(agent('stateDirectory = "/opt/it\'s state";'));
    assert.match(persistent.jobs['nixfleet-recover'].ProgramArguments[2] ?? '', /'\/opt\/it'\\''s state\/switch'$/);
  });

  test('says what it lacks, and warns where Nix would take unsigned paths', async () => {
    const bare = await mac('{ networking.hostName = "mac-1"; services.nixfleet-agent.enable = true; }');
    assert.equal(bare.refused.length, 2);
    const { warnings } = await mac(`{ imports = [ ${agent()} ]; nix.settings.require-sigs = false; }`);
    assert.match(warnings.join(), /refuses every release on this machine/);
  });

  test('a Mac on which something else installed Nix', async () => {
    const { etc } = await mac(
      `{ imports = [ ${agent()} ]; nix.enable = false; nix.package = throw "nix.enable is off"; }`,
    );
    assert.doesNotMatch(etc['nixfleet/agent.json'] ?? '', /-nix\/bin/);
    const nameless = await evaluate({
      expression: expressionOf(`{ services.nixfleet-agent.enable = true; nixfleet.trust.document = ${bench.trust}; }`),
    });
    assert.ok(!nameless.ok);
    assert.match(nameless.message, /services\.nixfleet-agent\.host/);
  });
});
