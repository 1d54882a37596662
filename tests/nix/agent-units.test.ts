import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { evaluate, evaluated } from './nix.ts';

interface Units {
  readonly deadManPath: string;
  readonly deadMan: string;
  readonly agent: string;
  readonly recover: string;
}

const expressionOf = (settings: string): string => `
  let
    units = import ./nix/modules/agent-units.nix { nixfleet = "/nix/store/x-nixfleet"; searchPath = "/usr/bin:/bin"; ${settings} };
    text = import ./nix/testing/unit-text.nix;
  in {
    inherit (units) deadManPath deadMan;
    agent = text units.services.nixfleet-agent;
    recover = text units.services.nixfleet-recover;
  }`;

const unitsWith = async (settings: string) => (await evaluated({ expression: expressionOf(settings) })) as Units;
const valuesOf = (unit: string, name: string): string[] =>
  unit
    .split('\n')
    .filter((line) => line.startsWith(`${name}=`))
    .map((line) => line.slice(name.length + 1));

describe('what every closure with an agent contains', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'nixfleet-units-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  test('a dead man’s switch that a POSIX shell takes, with its own PATH', async () => {
    const { deadMan, deadManPath } = await unitsWith('shell = "/bin/dash";');
    assert.equal(deadManPath, 'etc/nixfleet/dead-man');
    assert.match(deadMan, /^#!\/bin\/dash\nPATH=\/usr\/bin:\/bin\nexport PATH\n/);
    const file = join(folder, 'dead-man');
    writeFileSync(file, deadMan);
    const { status, stderr } = spawnSync('sh', [file, 'fire'], { encoding: 'utf8' });
    assert.equal(status, 2);
    assert.match(stderr, /usage: .* watch\|fire\|revert <record> \| recover <records>/);
  });

  test('a dead man’s switch that calls nothing but what its PATH is promised to have', async () => {
    const { deadMan } = await unitsWith('');
    const code = deadMan.replaceAll(/^\s*#.*$/gm, '');
    const strangers = code.match(/\b(?:awk|sed|cmp|diff|find|xargs|perl|python3?|node|nix-env|nix-store|curl)\b/g);
    assert.equal(strangers, null);
  });

  test('an agent that is replaced in one go and may write nothing but its state', async () => {
    const { agent } = await unitsWith('');
    assert.deepEqual(valuesOf(agent, 'X-StopIfChanged'), ['false']);
    assert.deepEqual(valuesOf(agent, 'Restart'), ['always']);
    assert.deepEqual(valuesOf(agent, 'StartLimitIntervalSec'), ['0']);
    assert.deepEqual(valuesOf(agent, 'ProtectSystem'), ['strict']);
    assert.deepEqual(valuesOf(agent, 'ReadWritePaths'), ['/var/lib/nixfleet-agent']);
    assert.deepEqual(valuesOf(agent, 'CapabilityBoundingSet'), ['']);
    assert.deepEqual(valuesOf(agent, 'StateDirectory'), ['nixfleet-agent']);
  });

  test('with a store of its own the agent may write to it', async () => {
    const { agent } = await unitsWith('store = "direct"; stateDirectory = "/persist/agent";');
    assert.deepEqual(valuesOf(agent, 'ProtectSystem'), []);
    assert.deepEqual(valuesOf(agent, 'StateDirectory'), []);
    const refused = await evaluate({ expression: expressionOf('store = "auto";') });
    assert.ok(!refused.ok && refused.message.includes('store is "auto": expected "daemon" or "direct"'));
  });

  test('a unit for the time after a boot, before the agent, that no switch starts again', async () => {
    const { recover } = await unitsWith('stateDirectory = "/persist/agent";');
    assert.deepEqual(valuesOf(recover, 'X-RestartIfChanged'), ['false']);
    assert.deepEqual(valuesOf(recover, 'Before'), ['nixfleet-agent.service']);
    assert.deepEqual(valuesOf(recover, 'RequiresMountsFor'), ['/nix', '/persist/agent']);
    assert.deepEqual(valuesOf(recover, 'ExecStart'), [
      '/run/current-system/etc/nixfleet/dead-man recover /persist/agent/switch',
    ]);
  });
});
