import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  addSeconds,
  HostName,
  type Instant,
  journalStart,
  type Sha256Hex,
  type SignedEvent,
  sha256Hex,
  utf8,
} from '@nixfleet/contracts';
import type { KeyOfRecord } from '@nixfleet/evidence';
import { createTestFleet, signEvent, type TestKey } from '@nixfleet/testkit';
import { packetPorts } from './packet-ports.ts';

const host = HostName.parse('web-1');
const hour = 3600;

async function setUp() {
  const fleet = await createTestFleet();
  const [old, young] = [await fleet.hostKey(host), await fleet.keyOf('host:web-1-new')];
  const at = (hours: number): Instant => addSeconds(fleet.now, hours * hour);
  const key = ({ publicKey }: TestKey, from: number, until: number | null): KeyOfRecord => ({
    key: publicKey,
    from: at(from),
    until: until === null ? null : at(until),
  });
  /** One journal of events, each signed by some key at some hour. */
  const journal = async (...entries: readonly (readonly [TestKey, number])[]): Promise<SignedEvent[]> => {
    const events: SignedEvent[] = [];
    let prevSha256: Sha256Hex = journalStart;
    for (const [signer, hours] of entries) {
      const signed = await signEvent(signer, {
        ...{
          type: 'event',
          fleet: fleet.name,
          schemaVersion: 1,
          host,
          journal: 'a'.repeat(32),
          seq: events.length + 1,
        },
        ...{ prevSha256, at: at(hours), bootId: 'boot-1', kind: 'started' },
        body: { running: null, agentVersion: '0.1.0' },
      });
      prevSha256 = await sha256Hex(fleet.ctx.crypto, utf8(signed.event));
      events.push(signed);
    }
    return events;
  };
  const read = async (keys: readonly KeyOfRecord[], events: readonly SignedEvent[]): Promise<string | number> => {
    const period = { from: at(0), to: at(100) };
    const question = { host, period, asked: [period], keys, releases: [], drills: [] };
    const found = await packetPorts(fleet.ctx).readJournal(question, events);
    return 'problem' in found ? found.problem : found.events.length;
  };
  return { old, young, key, journal, read };
}

test('an honest rotation: both keys overlap, and what the old one signed before its end stays', async () => {
  const { old, young, key, journal, read } = await setUp();
  const keys = [key(old, 0, 20), key(young, 10, null)];
  // The host writes its journal before a release knows its key.
  const events = await journal([old, -5], [old, 5], [young, 12], [old, 15], [young, 20], [young, 30]);
  assert.equal(await read(keys, events), 6);
});

test('a key that releases declare no more extends no journal from then on', async () => {
  const { old, young, key, journal, read } = await setUp();
  const keys = [key(old, 0, 20), key(young, 10, null)];
  assert.equal(await read(keys, await journal([old, 5], [old, 19])), 2);
  assert.match(String(await read(keys, await journal([old, 5], [old, 20]))), /^event 2: .*not declared/);
  assert.match(String(await read([key(old, 0, 20)], await journal([old, 5], [old, 21]))), /^event 2: /);
});

test('an event that is dated back does not stand before the one that it follows', async () => {
  const { old, young, key, journal, read } = await setUp();
  const keys = [key(old, 0, 20), key(young, 10, null)];
  assert.match(String(await read(keys, await journal([old, 5], [young, 25], [old, 19]))), /^event 3: /);
});

test('a key that was taken back counts again from then on, and not between', async () => {
  const { old, young, key, journal, read } = await setUp();
  const keys = [key(young, 0, null), key(old, 30, null), key(old, 0, 20)];
  assert.equal(await read(keys, await journal([old, 5], [young, 25], [old, 30])), 3);
  assert.match(String(await read(keys, await journal([old, 5], [old, 25]))), /^event 2: /);
});
