import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { addSeconds } from '@nixfleet/contracts';
import { Fixture, memoryStore, the } from '../fixture.test.ts';
import type { Store, ViewCheckpoint } from '../store/store.ts';
import { FleetRecords } from './fleet-records.ts';
import { recordFromJson, recordToJson } from './host-record.ts';

const hosts = ['canary', 'web-1', 'web-2', 'db'];

describe('folds of the log', () => {
  test('a checkpoint and the log after it come to the same as the whole log', async () => {
    const store = memoryStore();
    await using fixture = await Fixture.start({ store });
    await fixture.join(...hosts);
    await fixture.converge('canary');
    await fixture.restart();
    await fixture.converge('web-1');

    assert.ok((await store.loadCheckpoint())?.position);
    const fromCheckpoint = await FleetRecords.load(store);
    const whole = await FleetRecords.load(withCheckpoint(store, null));
    assert.equal(whole.position, fromCheckpoint.position);
    for (const host of hosts) {
      // Whether it was replayed is not in the log: it is asked again.
      const { isReplayed: _, ...left } = fromCheckpoint.of(host as never);
      const { isReplayed: __, ...right } = whole.of(host as never);
      assert.deepEqual(left, right);
    }
    assert.ok(fromCheckpoint.of('canary' as never).receipts.size > 0);
  });

  test('a checkpoint of another version, or ahead of the log, is folded again from the log', async () => {
    const store = memoryStore();
    await using fixture = await Fixture.start({ store });
    await fixture.join(...hosts);
    await fixture.restart();
    const checkpoint = await store.loadCheckpoint();
    assert.ok(checkpoint);
    const expected = (await FleetRecords.load(store)).of('canary' as never);
    const [first] = checkpoint.hosts.keys();
    const stale = { position: checkpoint.position, hosts: new Map([[the(first), '{"version":0}']]) };
    const records = await FleetRecords.load(withCheckpoint(store, stale));
    assert.deepEqual(records.of('canary' as never).journal, expected.journal);
    const ahead = { ...checkpoint, position: 10_000 };
    const again = await FleetRecords.load(withCheckpoint(store, ahead));
    assert.deepEqual(again.of('canary' as never).journal, expected.journal);
  });

  test('a go is open until the journal shows what became of it; trying again is a go of its own, recorded once', async () => {
    await using fixture = await Fixture.start();
    await fixture.join(...hosts);
    const canary = async () => (await FleetRecords.load(fixture.store)).of('canary' as never);
    assert.equal((await canary()).issued?.attempt, 1);
    await fixture.tell('canary', { kind: 'reboot-pending', body: { component: null } });
    assert.equal((await canary()).issued?.attempt, 1, 'says nothing of it');
    const gos = await fixture.gos();
    const target = await fixture.fleet.target('canary');
    const retryNotBefore = addSeconds(fixture.clock.instant(), 30);
    await fixture.tell('canary', { kind: 'refused', body: { target, reason: 'closure-unavailable', retryNotBefore } });
    assert.equal((await canary()).issued, null);
    await fixture.clock.advance(60_000);
    assert.equal(await fixture.gos(), gos + 1, 'tried again, in a slot of its own');
    assert.equal((await canary()).issued?.attempt, 1);
    await fixture.clock.advance(60_000);
    assert.equal(await fixture.gos(), gos + 1);
  });

  test('a record survives its own text', async () => {
    await using fixture = await Fixture.start();
    await fixture.join(...hosts);
    await fixture.converge('canary');
    const record = (await FleetRecords.load(fixture.store)).of('canary' as never);
    assert.deepEqual(recordFromJson(recordToJson(record)), record);
    for (const text of ['', '{}', 'null', '{"version":2}']) assert.equal(recordFromJson(text), null);
  });
});

/** The same store, but for its checkpoint. */
function withCheckpoint(store: Store, checkpoint: ViewCheckpoint | null): Store {
  return new Proxy(store, {
    get: (target, name) => {
      if (name === 'loadCheckpoint') return async () => checkpoint;
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
