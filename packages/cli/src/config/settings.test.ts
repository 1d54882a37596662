import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { systemClock } from '@nixfleet/contracts/node-clock';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import type { CommandDefinition } from '../command-definition.ts';
import { CommandValues } from '../command-values.ts';
import { noPaint } from '../render/paint.ts';
import { connectionOptions, fleetOption, releasesOption } from './setting-options.ts';
import { loadSettings, requireSetting } from './settings.ts';

let directory = '';
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'nixfleet-cli-'));
});
afterEach(() => rm(directory, { recursive: true }));

const pin = 'a'.repeat(64);
const definition: CommandDefinition = {
  name: 'x',
  summary: 'x',
  description: 'x',
  options: [fleetOption, releasesOption, ...connectionOptions],
  examples: [{ line: 'x', explains: 'x' }],
  load: () => Promise.reject(new Error('not run')),
};

function load(environment: Record<string, string>, options: Record<string, string[]> = {}) {
  const context: CommandContext = {
    terminal: { result() {}, talk() {}, raw() {}, paint: noPaint, columns: null, rows: null },
    environment: { HOME: directory, ...environment },
    workingDirectory: '/somewhere',
    clock: systemClock,
    signal: new AbortController().signal,
  };
  const typed = { arguments: new Map<string, string>(), options: new Map(Object.entries(options)) };
  return loadSettings(context, new CommandValues(definition, typed));
}

async function settingsFile(text: string): Promise<string> {
  const path = join(directory, 'config.json');
  await writeFile(path, text);
  return path;
}

const isUsage = (pattern: RegExp) => (error: unknown) => {
  assert.ok(error instanceof CliError);
  assert.equal(error.code, 'usage');
  assert.match(error.message, pattern);
  assert.ok(!error.message.includes('\n'));
  return true;
};

test('options win over the environment, and that over the file', async () => {
  const NIXFLEET_CONFIG = await settingsFile(
    JSON.stringify({ fleet: 'of-file', releases: 'r', identity: '~/k', controlPlanes: ['https://file.example'] }),
  );
  const NIXFLEET_FLEET = 'of-environment';
  const { values, origins } = await load(
    { NIXFLEET_CONFIG, NIXFLEET_FLEET, NIXFLEET_RELEASES: 'e#main' },
    { releases: ['o'] },
  );
  assert.deepEqual(values, {
    fleet: 'of-environment',
    releases: '/somewhere/o',
    identity: join(directory, 'k'),
    controlPlanes: ['https://file.example'],
  });
  assert.deepEqual(
    [origins.get('fleet'), origins.get('releases'), origins.get('identity')],
    ['environment', 'option', 'file'],
  );
});

test('relative paths of the file start at the file, and a git ref stays as it is', async () => {
  const NIXFLEET_CONFIG = await settingsFile(
    JSON.stringify({ releases: 'fleet.git#refs/heads/releases', trust: 'trust.json' }),
  );
  const { values } = await load({ NIXFLEET_CONFIG });
  assert.equal(values.releases, `${join(directory, 'fleet.git')}#refs/heads/releases`);
  assert.equal(values.trust, join(directory, 'trust.json'));
});

test('the XDG directory, and ~/.config for a relative one', async () => {
  await mkdir(join(directory, 'xdg', 'nixfleet'), { recursive: true });
  await writeFile(join(directory, 'xdg', 'nixfleet', 'config.json'), '{"fleet":"xdg"}');
  assert.equal((await load({ XDG_CONFIG_HOME: join(directory, 'xdg') })).values.fleet, 'xdg');
  const other = await load({ XDG_CONFIG_HOME: 'xdg' });
  assert.deepEqual(other.file, { path: join(directory, '.config/nixfleet/config.json'), isThere: false });
});

test('an unknown or malformed setting is one clear line', async () => {
  await assert.rejects(
    load({ NIXFLEET_CONFIG: await settingsFile('{"flete":"x"}') }),
    isUsage(/config\.json: unknown 'flete': settings are fleet, /),
  );
  await assert.rejects(
    load({ NIXFLEET_CONFIG: await settingsFile('{"fleet":"X!"}') }),
    isUsage(/fleet: expected a name/),
  );
  await assert.rejects(load({ NIXFLEET_CONFIG: await settingsFile('{"fleet":') }), isUsage(/not JSON/));
  await assert.rejects(load({ NIXFLEET_CONFIG: await settingsFile('[]') }), isUsage(/the file: /));
  await assert.rejects(load({ NIXFLEET_CONFIG: join(directory, 'gone.json') }), isUsage(/gone\.json is not there/));
  await assert.rejects(load({ NIXFLEET_PINS: 'zz' }), isUsage(/NIXFLEET_PINS 'zz': expected 64/));
  await assert.rejects(
    load({}, { 'control-plane': ['http://x'] }),
    isUsage(/--control-plane 'http:\/\/x': expected a URL such as/),
  );
  await assert.rejects(load({}, { 'control-plane': ['https://u:p@x'] }), isUsage(/expected a URL/));
});

test('a trust document given closer to the command replaces pins from further away, and not the other way round', async () => {
  const far = await load({ NIXFLEET_PINS: pin }, { trust: ['t.json'] });
  assert.equal(far.values.pins, undefined);
  const near = await load({ NIXFLEET_TRUST: 't.json' }, { pin: [pin] });
  assert.deepEqual(near.values.pins, [pin]);
});

test('a setting that is missing says all three ways to give it', async () => {
  const settings = await load({});
  assert.throws(
    () => requireSetting(settings, 'identity'),
    isUsage(/pass --identity, set NIXFLEET_IDENTITY, or write identity in /),
  );
});
