import assert from 'node:assert/strict';
import { test } from 'node:test';
import { headPath, holdPath, resumePath } from '@nixfleet/contracts';
import { Fixture, memoryStore } from '../fixture.test.ts';

const missed: Record<string, (fixture: Fixture, path: string) => Promise<void> | void> = {
  'holds could not be listed': ({ source }) => {
    source.listing = 'fails';
  },
  'it could not be read': ({ source }, path) => void source.unreadable.add(path),
  'the tree was refused': ({ fleet }) => void fleet.files.delete(headPath),
};
for (const [why, spoil] of Object.entries(missed)) {
  test(`a hold that was missed because ${why} is found although the source has nothing new`, async () => {
    await using fixture = await Fixture.start();
    await fixture.join('canary', 'web-1', 'web-2', 'db');
    const { sha256 } = await fixture.fleet.hold('stable', { isNamed: false });
    const kept = new Map(fixture.fleet.files);
    fixture.source.id = 'commit-2';
    await spoil(fixture, holdPath(sha256));
    await fixture.refresh();
    assert.match((await fixture.view()).problems.join(), /cannot be (?:listed|read)|missing/);
    for (const [path, bytes] of kept) fixture.fleet.files.set(path, bytes);
    fixture.source.unreadable.clear();
    fixture.source.listing = 'works';
    await fixture.refresh();
    assert.equal((await fixture.checkin('canary')).withheld?.[0]?.code, 'hold');
    assert.deepEqual((await fixture.view()).problems, []);
  });
}

test('a resume that could not be read is found although the source has nothing new', async () => {
  await using fixture = await Fixture.start();
  await fixture.join('canary', 'web-1', 'web-2', 'db');
  const { sha256 } = await fixture.fleet.hold('stable', { isNamed: false });
  await fixture.fleet.resume(sha256, { isNamed: false });
  fixture.source.id = 'commit-2';
  fixture.source.unreadable.add(resumePath(sha256));
  await fixture.refresh();
  assert.equal((await fixture.checkin('canary')).withheld?.[0]?.code, 'hold');
  fixture.source.unreadable.clear();
  await fixture.refresh();
  assert.equal((await fixture.checkin('canary')).go?.wave, 0);
});

test('a hold dated ahead of this clock is told, and binds as soon as it has begun', async () => {
  await using fixture = await Fixture.start();
  await fixture.join('canary', 'web-1', 'web-2', 'db');
  fixture.source.id = 'commit-2';
  fixture.fleet.pass(400);
  await fixture.fleet.hold('stable', { isNamed: false });
  await fixture.refresh();
  assert.match((await fixture.view()).problems.join(), /created at .*, and now is/);
  assert.equal((await fixture.checkin('canary')).go?.wave, 0);
  await fixture.clock.advance(100_000);
  await fixture.refresh();
  assert.equal((await fixture.checkin('canary')).withheld?.[0]?.code, 'hold');
  assert.deepEqual((await fixture.view()).problems, []);
});

test('more files in holds/ than are read hide no hold that is known, and are told', async () => {
  await using fixture = await Fixture.start();
  await fixture.join('canary', 'web-1', 'web-2', 'db');
  await fixture.fleet.hold('stable', { isNamed: false });
  await fixture.refresh();
  for (let i = 0; i < 256; i++) {
    fixture.fleet.files.set(`holds/${i.toString(16).padStart(64, '0')}.json`, new Uint8Array([1]));
  }
  await fixture.refresh();
  assert.equal((await fixture.checkin('canary')).withheld?.[0]?.code, 'hold');
  assert.match((await fixture.view()).problems.join(), /holds\/ has 257 documents/);
});

for (const listing of ['fails', 'none'] as const) {
  test(`a hold that is known stays where the source does not list any more (${listing})`, async () => {
    await using fixture = await Fixture.start();
    await fixture.join('canary', 'web-1', 'web-2', 'db');
    await fixture.fleet.hold('stable', { isNamed: false });
    await fixture.refresh();
    fixture.source.listing = listing;
    await fixture.refresh();
    assert.equal((await fixture.checkin('canary')).withheld?.[0]?.code, 'hold');
  });
}

test('where holds are not listed, one that a head names ends with the head that drops it, a restart between or not', async () => {
  await using fixture = await Fixture.start();
  await fixture.join('canary', 'web-1', 'web-2', 'db');
  fixture.source.listing = 'none';
  const { sha256 } = await fixture.fleet.hold('stable');
  await fixture.refresh();
  await fixture.restart();
  assert.equal((await fixture.checkin('canary')).withheld?.[0]?.code, 'hold');
  await fixture.fleet.resume(sha256);
  fixture.fleet.files.delete(holdPath(sha256));
  fixture.fleet.files.delete(resumePath(sha256));
  await fixture.refresh();
  assert.equal((await fixture.checkin('canary')).go?.wave, 0);
});

test('a hold that is gone from the source after a restart is let go by whoever alone has stored it', async () => {
  await using fixture = await Fixture.start();
  await fixture.join('canary', 'web-1', 'web-2', 'db');
  const { sha256 } = await fixture.fleet.hold('stable', { isNamed: false });
  await fixture.refresh();
  fixture.source.failure = 'host is down';
  await fixture.restart();
  assert.equal((await fixture.checkin('canary')).withheld?.[0]?.code, 'hold');
  fixture.fleet.files.delete(holdPath(sha256));
  fixture.source.failure = null;
  await fixture.refresh();
  assert.equal((await fixture.checkin('canary')).go?.wave, 0);
});

test('what approvers ended does not begin again with its file, though file and resume were gone between', async () => {
  await using fixture = await Fixture.start();
  await fixture.join('canary', 'web-1', 'web-2', 'db');
  const { sha256 } = await fixture.fleet.hold('stable', { isNamed: false });
  const kept = new Map(fixture.fleet.files);
  await fixture.fleet.resume(sha256, { isNamed: false });
  await fixture.refresh();
  assert.equal((await fixture.checkin('canary')).go?.wave, 0);
  for (const gone of [[resumePath(sha256)], [holdPath(sha256)]]) {
    for (const path of gone) fixture.fleet.files.delete(path);
    await fixture.refresh();
  }
  for (const [path, bytes] of kept) fixture.fleet.files.set(path, bytes);
  await fixture.refresh();
  assert.equal((await fixture.checkin('canary')).go?.wave, 0);
});

test('a release that is stored and does not verify now is kept when a hold is stored beside it', async () => {
  const store = memoryStore();
  await using fixture = await Fixture.start({ store });
  const stored = await store.loadRelease();
  assert.ok(stored);
  await fixture.controlPlane[Symbol.asyncDispose]();
  const [lost = assert.fail()] = [...stored.files.keys()].filter((path) => path.startsWith('fleet/'));
  await store.saveRelease({ ...stored, files: new Map([...stored.files].filter(([path]) => path !== lost)) });
  const { sha256 } = await fixture.fleet.hold('stable', { isNamed: false });
  fixture.fleet.files.delete(headPath);
  await fixture.boot();
  await fixture.refresh();
  const after = await store.loadRelease();
  assert.ok(after);
  assert.ok(after.files.has(holdPath(sha256)));
  assert.deepEqual(
    [...stored.files.keys()].filter((path) => !after.files.has(path)),
    [lost],
  );
  assert.equal((await fixture.call('canary', { path: `/v1/signed/${headPath}` })).status, 503);
});

test('a hold that a newer head names and the source does not have holds everything, also after a restart without a source', async () => {
  await using fixture = await Fixture.start();
  await fixture.join('canary', 'web-1', 'web-2', 'db');
  const before = new Map(fixture.fleet.files);
  const { sha256 } = await fixture.fleet.hold('data');
  const path = holdPath(sha256);
  const bytes = fixture.fleet.files.get(path);
  assert.ok(bytes);
  fixture.fleet.files.delete(path);
  await fixture.refresh();
  const reason = async () => (await fixture.checkin('canary')).withheld?.[0]?.reason ?? '';
  assert.match(await reason(), /does not have in full/);
  fixture.source.failure = 'host is down';
  await fixture.restart();
  assert.match(await reason(), /does not have in full/);
  assert.match((await fixture.view()).problems.join('; '), /names a hold/);
  fixture.source.failure = null;
  const named = new Map(fixture.fleet.files);
  fixture.fleet.files.clear();
  for (const [name, content] of before) fixture.fleet.files.set(name, content);
  await fixture.refresh();
  assert.match(await reason(), /does not have in full/, 'an older head does not let it go');
  assert.match((await fixture.view()).problems.join('; '), /names a hold/);
  for (const [name, content] of named) fixture.fleet.files.set(name, content);
  fixture.fleet.files.set(path, bytes);
  await fixture.refresh();
  assert.equal((await fixture.checkin('canary')).go?.wave, 0, 'it is of another channel');
  fixture.source.failure = 'host is down';
  await fixture.restart();
  assert.equal((await fixture.checkin('canary')).go?.wave, 0, 'and forgotten where it is stored, too');
});
