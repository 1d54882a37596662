import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { Sha256Hex } from '@nixfleet/contracts';
import { systemRandom } from '@nixfleet/contracts/node-random';
import { boundedMap } from './bounded-map.ts';
import { packagesOf, parseDrvName } from './drv-name.ts';
import { parseFleetSource } from './fleet-source.ts';
import { fileFloors } from './floors.ts';
import { narInfoBytesMax, parseNarInfo } from './nar-info.ts';
import { parseValidityRegistration } from './path-info.ts';

const digits = '0'.repeat(32);
const path = (name: string) => `/nix/store/${digits}-${name}`;
const hash = 'a7a15bf2c60d7b4ed9d1cfb6156c240e7773139561e8e7ffbe17e60399819e0b';

describe('nix-store --dump-db', () => {
  const entry = (name: string, references: string[] = [], deriver = '') =>
    `${[path(name), hash, '176', deriver, references.length, ...references.map(path)].join('\n')}\n`;

  test('paths with and without deriver and references', () => {
    assert.deepEqual(parseValidityRegistration(''), []);
    const infos = parseValidityRegistration(entry('a', ['b', 'a'], path('a.drv')) + entry('b'));
    assert.deepEqual(infos[0]?.references, [path('a'), path('b')]);
    assert.equal(infos[0]?.deriver, path('a.drv'));
    assert.equal(infos[1]?.narSize, 176);
    assert.equal(infos[1]?.narHash, 'sha256:02wyh6ch7rhppvzygs31jl9p6xqf4in1bdngs7clwyqdqvr5p8d7');
    assert.ok(infos[1] && !('deriver' in infos[1]));
  });

  const whole = entry('a', ['b'], path('a.drv'));
  const cut = Array.from(
    { length: whole.split('\n').length - 2 },
    (_, i) =>
      `${whole
        .split('\n')
        .slice(0, i + 1)
        .join('\n')}\n`,
  );
  for (const bad of [
    ...cut,
    whole.slice(0, -1),
    whole.replace('176', '-1'),
    whole.replace(hash, 'x'),
    `warning\n${whole}`,
  ]) {
    test(`refused: ${JSON.stringify(bad.slice(-30))}`, () => {
      assert.throws(() => parseValidityRegistration(bad), { code: 'nix' });
    });
  }
});

describe('narinfo', () => {
  const good = [
    `StorePath: ${path('a')}`,
    'URL: nar/1.nar',
    'NarHash: sha256:02wyh6ch7rhppvzygs31jl9p6xqf4in1bdngs7clwyqdqvr5p8d7',
    'NarSize: 176',
    'References: ',
    `Sig: k:${'A'.repeat(86)}==`,
    'Unknown: field',
    '',
  ].join('\n');
  const parse = (text: string) => parseNarInfo(new TextEncoder().encode(text));

  test('as Nix writes it, with or without a space after an empty field', () => {
    const parsed = parse(good);
    assert.ok(parsed.ok, JSON.stringify(parsed));
    assert.deepEqual(parsed.value.references, []);
    assert.ok(parse(good.replace('References: \n', 'References:\n')).ok);
  });

  const bad: readonly [string, string][] = [
    ['a field twice', `${good}NarSize: 177\n`],
    ['no line break at the end', good.trimEnd()],
    ['carriage returns', good.replaceAll('\n', '\r\n')],
    ['no store path', good.replace(/^StorePath.*\n/, '')],
    ['no references', good.replace(/References.*\n/, '')],
    ['another store', good.replace('/nix/store', '/other/store')],
    ['another hash', good.replace('sha256:', 'sha1:')],
    ['a size of zero', good.replace('176', '0')],
    ['a size as hexadecimal', good.replace('176', '0x10')],
    ['a URL elsewhere', good.replace('nar/1.nar', 'https://evil/1.nar')],
    ['a URL upwards', good.replace('nar/1.nar', 'nar/../../1.nar')],
    ['a reference with a path', good.replace('References: ', `References: ${digits}-a/b`)],
    ['a short signature', good.replace('AAAA', '')],
    ['a control character', good.replace('field', 'fi\x00eld')],
    ['no fields', '\n'],
    ['too many bytes', `${good}Pad: ${'x'.repeat(narInfoBytesMax)}\n`],
  ];
  for (const [name, text] of bad) test(`refused: ${name}`, () => assert.equal(parse(text).ok, false));
  test('refused: not UTF-8', () => assert.equal(parseNarInfo(Uint8Array.of(0xff, 0x0a)).ok, false));
});

test('names as builtins.parseDrvName', () => {
  const cases: [string, string, string][] = [
    ['nix-0.12pre12876', 'nix', '0.12pre12876'],
    ['hello', 'hello', ''],
    ['a-b-c-1.2-dev', 'a-b-c', '1.2-dev'],
    ['x-', 'x-', ''],
    ['linux-6.6.1-modules', 'linux', '6.6.1-modules'],
    ['foo--1', 'foo', '-1'],
  ];
  for (const [text, name, version] of cases) assert.deepEqual(parseDrvName(text), { name, version }, text);
  const found = packagesOf([path('b-1'), path('a-2'), path('a-2'), path('a-1')]);
  assert.deepEqual(
    found.map(({ name, version }) => `${name} ${version}`),
    ['a 1', 'a 2', 'b 1'],
  );
});

test('bounded map: never more at once, order kept, the first failure ends it', async () => {
  let running = 0;
  let most = 0;
  const items = Array.from({ length: 20 }, (_, i) => i);
  const doubled = await boundedMap(items, 4, async (i) => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setImmediate(resolve));
    running--;
    return i * 2;
  });
  assert.deepEqual(
    doubled,
    items.map((i) => i * 2),
  );
  assert.equal(most, 4);
  let started = 0;
  const failing = boundedMap(items, 2, async (i) => {
    started++;
    if (i === 1) throw new Error('second');
  });
  await assert.rejects(failing, /second/);
  assert.ok(started < items.length);
});

describe('files', () => {
  test('fleet sources', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'nixfleet-source-'));
    try {
      const options = { directory };
      assert.deepEqual(parseFleetSource('.#fleet', options), { kind: 'flake', installable: '.#fleet', directory });
      assert.equal((parseFleetSource('path:/x', options) as { installable: string }).installable, 'path:/x#fleet');
      assert.throws(() => parseFleetSource('none.nix', options), /no such file/);
      assert.throws(() => parseFleetSource('.', options), /neither fleet.nix nor default.nix/);
      await mkdir(join(directory, 'sub'));
      await writeFile(join(directory, 'sub/default.nix'), '{ }');
      const found = parseFleetSource('sub', { directory, attribute: 'a.b' });
      assert.ok(found.kind === 'file');
      assert.equal(found.path, join(directory, 'sub/default.nix'));
      assert.deepEqual(found.attribute, ['a', 'b']);
      assert.throws(() => parseFleetSource('sub', { directory, attribute: 'a; abort' }), /not an attribute name/);
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  test('floors: null only if never written, damaged is an error that stops', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'nixfleet-floors-'));
    try {
      const file = join(directory, 'floors.json');
      const store = fileFloors(file, { random: systemRandom });
      assert.equal(await store.read(), null);
      const floors = {
        trust: { version: 1, sha256: Sha256Hex.parse('a'.repeat(64)) },
        release: null,
        head: null,
        headVersionSigned: 3,
      };
      await store.write(floors);
      assert.deepEqual(await store.read(), floors);
      assert.equal((await stat(file)).mode & 0o777, 0o600);
      const text = await readFile(file, 'utf8');
      for (const damaged of ['', '{}', text.slice(0, 20), 'null', text.replace('3', '-1')]) {
        await writeFile(file, damaged);
        await assert.rejects(store.read(), { code: 'floor-unreadable' }, damaged);
      }
      await rm(file);
      await mkdir(file);
      await assert.rejects(store.read(), { code: 'floor-unreadable' });
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});
