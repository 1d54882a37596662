import assert from 'node:assert/strict';
import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { parseAgentConfig } from '@nixfleet/agent';
import { HealthChecks } from '@nixfleet/contracts';
import { withoutNixpkgsLib } from '../nixpkgs-lib.ts';
import { type Bench, openBench, serviceOf, settingsOf } from './machine.ts';

describe('services.nixfleet-agent', { skip: withoutNixpkgsLib }, () => {
  let bench: Bench;
  before(async () => {
    bench = await openBench();
  });
  after(() => bench[Symbol.asyncDispose]());

  const agent = (more = ''): string => `{
    nixfleet.trust.document = ${bench.trust};
    networking.hostName = "web-1";
    services.nixfleet-agent = {
      enable = true;
      controlPlanes = [ "https://control.example.org:8443" ];
      ${more}
    };
  }`;

  test('writes settings that the agent takes', async () => {
    const mirrors = `mirrors = [
      { kind = "git"; repository = "https://git.example.org/fleet.git"; }
      { kind = "https"; url = "https://r.example.org"; }
      { kind = "directory"; path = "/mnt/releases"; }
    ];`;
    const config = parseAgentConfig(settingsOf(await bench.machine(agent(mirrors)), 'nixfleet/agent.json'));
    assert.deepEqual(config.backend, { kind: 'nixos', store: 'daemon' });
    assert.equal(config.fleet, 'acme');
    assert.equal(config.host, 'web-1');
    assert.equal(config.trust, '/etc/nixfleet/trust.json');
    assert.deepEqual(config.mirrors, [
      { kind: 'git', repository: 'https://git.example.org/fleet.git', branch: 'releases', path: '' },
      { kind: 'https', url: 'https://r.example.org' },
      { kind: 'directory', path: '/mnt/releases' },
    ]);
    assert.match(config.path, /-nix\/bin:.*-git\/bin:.*-util-linux\/bin:\/run\/current-system\/sw\/bin$/);
  });

  test('writes probes that the agent reads', async () => {
    const checks = 'healthChecks.http = { kind = "http"; url = "http://127.0.0.1/healthz"; mode = null; };';
    const written = settingsOf(await bench.machine(agent(checks)), 'nixfleet/health-checks.json');
    assert.ok(HealthChecks.safeParse(written).success);
    assert.deepEqual(written, {
      schemaVersion: 1,
      checks: { http: { kind: 'http', url: 'http://127.0.0.1/healthz' } },
    });
  });

  test("brings the dead man's switch, the unit for boots, and an agent that restarts with its settings", async () => {
    const machine = await bench.machine(agent());
    assert.match(machine.etc['nixfleet/dead-man'] ?? '', /^\/nix\/store\/.*-nixfleet-dead-man$/);
    assert.deepEqual(Object.keys(machine.services), ['nixfleet-agent', 'nixfleet-recover']);
    const { serviceConfig, restartTriggers } = serviceOf(machine, 'nixfleet-agent');
    assert.equal(serviceConfig.Restart, 'always');
    const [settings, trust = ''] = restartTriggers ?? [];
    assert.equal(settings, machine.etc['nixfleet/agent.json']);
    // Named after its content, not after the commit that it was in.
    assert.match(trust, /^\/nix\/store\/[a-z0-9]{32}-trust-1\.json$/);
    assert.ok(machine.kernelParams.includes('boot.panic_on_fail'));
    assert.deepEqual(machine.persistence.directories, [{ directory: '/var/lib/nixfleet-agent', mode: '0700' }]);
    assert.deepEqual(machine.tmpfiles, []);
  });

  test('nothing in it depends on the folder that it was evaluated from', async () => {
    const elsewhere = join(bench.directory, 'next-commit');
    await mkdir(elsewhere);
    await copyFile(bench.trust, join(elsewhere, 'trust-1.json'));
    const [one, other] = await Promise.all(
      [agent(), agent().replace(bench.trust, join(elsewhere, 'trust-1.json'))].map((module) => bench.machine(module)),
    );
    assert.deepEqual(one?.services, other?.services);
  });

  test('keeps its state where it is told', async () => {
    const machine = await bench.machine(agent('stateDirectory = "/persist/agent";'));
    assert.deepEqual(machine.tmpfiles, ['d /persist/agent 0700 root root - -']);
    assert.equal(serviceOf(machine, 'nixfleet-agent').serviceConfig.StateDirectory, undefined);
  });

  test('says what it lacks', async () => {
    const bare = await bench.machine('{ services.nixfleet-agent.enable = true; }');
    assert.deepEqual(
      bare.refused.map((line) => line.split(/[:;]/)[0]),
      [
        'services.nixfleet-agent needs a trust document to start from',
        'services.nixfleet-agent knows no place to hear of releases',
      ],
    );
    const mirror = await bench.machine(agent('mirrors = [ { kind = "https"; repository = "x"; } ];'));
    assert.deepEqual(mirror.refused, ['services.nixfleet-agent.mirrors.0 of kind https needs url.']);
    const key = await bench.machine(agent('key = "${builtins.storeDir}/x-key";'));
    assert.match(key.refused.join(), /services\.nixfleet-agent\.key is in the Nix store, which everybody can read/);
  });

  test('warns where Nix would take unsigned paths', async () => {
    const { warnings } = await bench.machine(`{ imports = [ ${agent()} ]; nix.settings.require-sigs = false; }`);
    assert.match(warnings.join(), /refuses every release on this machine\. Leave it at true/);
  });
});
