import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { ChannelName, type Instant, Sha256Hex } from '@nixfleet/contracts';
import { AgentError } from './errors.ts';
import { fileSystem } from './file-system.ts';
import { Floors } from './floors.ts';

const directory = mkdtempSync(join(tmpdir(), 'nixfleet-floors-'));
after(() => rmSync(directory, { recursive: true }));
const path = join(directory, 'floors.json');
const sha256 = Sha256Hex.parse('ab'.repeat(32));
const stable = ChannelName.parse('stable');

test('what was raised is there after a restart', async () => {
  const { floors, found } = await Floors.open(fileSystem, path);
  assert.equal(found, 'absent');
  const time = '2026-06-01T08:00:00Z' as Instant;
  await floors.raise({ release: { version: 7, sha256 }, head: { version: 9, sha256, keyIds: [sha256] }, time });
  await floors.accept(stable, 5);
  await floors.accept(stable, 3);
  const again = await Floors.open(fileSystem, path);
  assert.equal(again.found, 'intact');
  assert.deepEqual(again.floors.values, {
    trust: null,
    release: { version: 7, sha256 },
    head: { version: 9, sha256, keyIds: [sha256] },
    accepted: new Map([[stable, 5]]),
    time,
  });
});

test('two floors raised at once are both kept: documents are read while a fetch is accepted', async () => {
  const both = join(directory, 'both.json');
  const { floors } = await Floors.open(fileSystem, both);
  const release = { version: 7, sha256 };
  await Promise.all([floors.raise({ release }), floors.accept(stable, 6), floors.accept(stable, 5)]);
  for (const { values } of [floors, (await Floors.open(fileSystem, both)).floors]) {
    assert.deepEqual(values.release, release);
    assert.equal(values.accepted.get(stable), 6);
  }
});

test('floors that cannot be read are an error that stops, and stay as they are', async () => {
  const good = readFileSync(path, 'utf8');
  const damaged = [
    '',
    '{',
    'null',
    good.slice(0, -3),
    good.replace('"version":7', '"version":"7"'),
    `${good.slice(0, -2)},"more":1}`,
  ];
  for (const text of damaged) {
    writeFileSync(path, text);
    await assert.rejects(Floors.open(fileSystem, path), { code: 'floor-unreadable' }, text);
    assert.equal(readFileSync(path, 'utf8'), text);
  }
});

test('a floor that cannot be written is not raised', async () => {
  rmSync(path);
  const files = {
    ...fileSystem,
    write: async () => {
      throw new AgentError('disk-full', 'no space left on device');
    },
  };
  const { floors } = await Floors.open(files, path);
  await assert.rejects(floors.raise({ release: { version: 7, sha256 } }), { code: 'disk-full' });
  assert.equal(floors.values.release, null);
});
