import assert from 'node:assert/strict';
import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ChannelName, entriesOf, type RolloutManifest } from '@nixfleet/contracts';
import { accepted, testKey } from '@nixfleet/testkit';
import type { ProgressEvent } from './progress.ts';
import { verifyTree } from './publish.ts';
import { ReleaseLab } from './release-lab.test.ts';
import { renewHead } from './sign-and-publish.ts';

const hostNames = ['canary-1', 'db-1', 'web-1', 'web-2', 'web-3', 'web-4'];
const repositoryRoot = join(import.meta.dirname, '..', '..', '..');

/** Everything that a person writes in Nix and an agent or planner acts on. */
const fleetNix = `
let
  nixfleet = import ./nix;
  keys = builtins.fromJSON (builtins.readFile ./keys.json);
  toplevel = name: version: derivation {
    name = "nixos-system-\${name}";
    system = "x86_64-linux";
    builder = "/bin/sh";
    args = [ "-euc" "echo \${version} > $out" ];
  };
  host = name: channel: tags: more: {
    inherit name;
    value = {
      system = "x86_64-linux";
      inherit channel tags;
      pubkeys = [ keys.\${name} ];
      configuration.config.system = {
        build.toplevel = toplevel name (builtins.readFile ./version);
        configurationRevision = if name == "web-3" then "abc" else null;
      };
    } // more;
  };
in
nixfleet.mkFleet {
  name = "demo";
  imports = [ ./policies.nix ];
  hosts = builtins.listToAttrs [
    (host "canary-1" "stable" [ "web" "canary" ] { })
    (host "web-1" "stable" [ "web" ] { })
    (host "web-2" "stable" [ "web" ] { })
    (host "web-3" "stable" [ "web" ] { })
    (host "web-4" "stable" [ "web" ] { })
    (host "db-1" "data" [ ] { })
  ];
  edges = [ { gated = "web-1"; gates = "canary-1"; reason = "it has the new schema"; } ];
  channelEdges = [ { gated = "data"; gates = "stable"; } ];
  operators.ada.pubkeys = [ keys.ada ];
}`;

const policiesNix = `
{
  channels.stable = {
    rolloutPolicy = "careful";
    windows = [ { days = [ "mon" "tue" ]; start = "22:00"; durationMinutes = 120; timezone = "Europe/Paris"; } ];
    freezes = [ { from = "2026-12-23T18:00"; to = "2027-01-04T08:00"; timezone = "Europe/Paris"; reason = "end of year"; } ];
    fetchesMax = 2;
    reboot = "window";
    onNewRelease = "replace";
  };
  channels.data.rolloutPolicy = "plain";
  rolloutPolicies.careful = {
    waves = [ { selector.tags = [ "canary" ]; soakSeconds = 60; } { percent = 40; soakSeconds = 30; } ];
    maxFailures.percent = 20;
  };
  rolloutPolicies.plain = { };
  disruptionBudgets = [
    { name = "web"; selector = { tags = [ "web" ]; channel = "stable"; }; maxInFlightPercent = 59; }
    { name = "all"; selector.all = true; maxInFlight = 4; maxInFlightPercent = 10; }
  ];
}`;

describe('what mkFleet declares is what is signed', () => {
  let lab: ReleaseLab;

  before(async () => {
    lab = await ReleaseLab.create();
    const keys: Record<string, string> = { ada: (await testKey('operator:ada')).openssh };
    for (const name of hostNames) keys[name] = (await testKey(`host:${name}`)).openssh;
    await cp(join(repositoryRoot, 'nix'), lab.at('source/nix'), { recursive: true });
    await writeFile(lab.at('source/keys.json'), JSON.stringify(keys));
    await writeFile(lab.at('source/policies.nix'), policiesNix);
    await writeFile(lab.at('source/fleet.nix'), fleetNix);
    await writeFile(lab.at('source/version'), '1.0');
  });
  after(() => lab[Symbol.asyncDispose]());

  const released = async () => {
    const run = accepted(await lab.release());
    assert.ok(run.kind === 'published', run.kind);
    return run.summary;
  };
  const tree = async () => {
    const { tree } = await lab.target.snapshot();
    return accepted(await verifyTree(lab.ctx, { tree, start: lab.start, now: lab.clock.instant() }));
  };
  const manifest = async (channel: string): Promise<RolloutManifest> => {
    const found = (await tree()).manifests.get(ChannelName.parse(channel));
    assert.ok(found);
    return found.document;
  };
  /** What a new head warns of. */
  const renewed = async () => {
    const told: (string | undefined)[] = [];
    const report = ({ state, detail }: ProgressEvent) => void (state === 'warning' && told.push(detail));
    accepted(await renewHead(lab.ctx, { ...(await lab.publisher()), progress: { report } }));
    return told;
  };
  const waves = ({ hosts }: RolloutManifest) =>
    Object.fromEntries(entriesOf(hosts).map(([name, { wave }]) => [name, wave]));

  test('waves, windows, freezes, budgets, edges and policy are in the signed documents', async () => {
    await lab.gitCommit('the fleet');
    // Monday, 10:00 in Paris.
    const { warnings } = await released();
    assert.equal(warnings.length, 2);
    assert.match(warnings[0] ?? '', /^channels\.stable: maxFailures lets no failed host be left out of wave 1/);
    assert.match(warnings[1] ?? '', /^web-3: system\.configurationRevision is set/);

    const stable = await manifest('stable');
    assert.deepEqual(stable.windows?.slice(0, 3), [
      { from: '2026-06-01T20:00:00Z', to: '2026-06-01T22:00:00Z' },
      { from: '2026-06-02T20:00:00Z', to: '2026-06-02T22:00:00Z' },
      { from: '2026-06-08T20:00:00Z', to: '2026-06-08T22:00:00Z' },
    ]);
    assert.equal(stable.resolvedUntil, '2027-07-06T08:00:00Z');
    // 40 % of five hosts are two; printf stable/web-1 | sha256sum ranks them.
    assert.deepEqual(waves(stable), { 'canary-1': 0, 'web-1': 2, 'web-2': 1, 'web-3': 1, 'web-4': 2 });
    assert.deepEqual(
      stable.waves.map(({ soakSeconds }) => soakSeconds),
      [60, 30, 300],
    );
    // 59 % of five, rounded down; 10 % of six, which is none, hence one.
    assert.deepEqual(
      stable.budgets.map(({ name, hosts, maxInFlight }) => [name, hosts.length, maxInFlight]),
      [
        ['web', 5, 2],
        ['all', 6, 1],
      ],
    );
    assert.deepEqual(stable.edges, [{ gated: 'web-1', gates: 'canary-1', reason: 'it has the new schema' }]);
    const { fetchesMax, reboot, onNewRelease, maxFailures } = stable.policy;
    assert.deepEqual([fetchesMax, reboot, onNewRelease, maxFailures], [2, 'window', 'replace', { percent: 20 }]);
    const { release } = await tree();
    assert.deepEqual(release.document.channels[ChannelName.parse('stable')]?.freezes, [
      { from: '2026-12-23T17:00:00Z', to: '2027-01-04T07:00:00Z', reason: 'end of year' },
    ]);

    const data = await manifest('data');
    assert.deepEqual(data.after, [{ channel: 'stable' }]);
    assert.deepEqual([data.windows, data.resolvedUntil], [null, null]);
  });

  test('months later nothing is released, until the windows run short: then that channel alone', async () => {
    const before = await tree();
    lab.clock.setWall('2027-05-01T08:00:00Z');
    assert.equal(accepted(await lab.release()).kind, 'nothing-to-release');
    assert.deepEqual(await renewed(), []);
    lab.clock.setWall('2027-05-08T08:00:00Z');
    assert.deepEqual(await renewed(), [
      'channel stable: its windows are known until 2027-07-06T08:00:00Z, and it holds from then on: release again',
    ]);
    const { assembly, changes } = await released();
    assert.deepEqual(assembly.changedChannels, ['stable']);
    assert.ok(changes.every(({ change }) => change === 'unchanged'));
    const now = await tree();
    const of = (from: typeof now, channel: string) => from.manifests.get(ChannelName.parse(channel))?.rolloutId;
    assert.equal(of(now, 'data'), of(before, 'data'));
    assert.notEqual(of(now, 'stable'), of(before, 'stable'));
    assert.equal((await manifest('stable')).resolvedUntil, '2028-06-11T08:00:00Z');
  });

  test('a time zone that does not exist is refused before anything is built', async () => {
    await writeFile(lab.at('source/policies.nix'), policiesNix.replaceAll('Europe/Paris', 'Europe/Lutetia'));
    await lab.gitCommit('a typing error');
    const events: string[] = [];
    const ports = { ...lab.ports, progress: { report: ({ step }: { step: string }) => void events.push(step) } };
    const result = await lab.release({ ports });
    assert.ok(!result.ok && result.reason === 'fleet-invalid', JSON.stringify(result));
    assert.match(result.detail, /^channels\.stable\.windows\[0\]\.timezone: Europe\/Lutetia is no time zone/);
    assert.ok(!events.includes('evaluate') && !events.includes('build'), events.join());
  });
});
