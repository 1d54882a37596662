import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { addSeconds, type HostName, type Instant, type JournalId, type Sha256Hex } from '@nixfleet/contracts';
import { ControlPlaneError } from '../errors.ts';
import { floorsOfText, floorsToText } from './floors-row.ts';
import { PostgresServer } from './postgres-server.test.ts';
import { openSqliteStore } from './sqlite-store.ts';
import type { EventEntry, EvidenceEntry, Store } from './store.ts';

const at = '2026-06-01T08:00:00Z' as Instant;
const journal = 'ab'.repeat(16) as JournalId;

function hashOf(seq: number): Sha256Hex {
  return seq.toString(16).padStart(64, '0') as Sha256Hex;
}

function event(host: string, seq: number): EventEntry {
  const text = `{"seq":${seq},"é":"\\u0000"}`;
  return {
    kind: 'event',
    receivedAt: at,
    host: host as HostName,
    journal,
    seq,
    sha256: hashOf(seq),
    text,
    signature: 's'.repeat(88),
  };
}

const web = 'web' as HostName;
const db = 'db' as HostName;

const directory = mkdtempSync(join(tmpdir(), 'nixfleet-store-'));
const server = await PostgresServer.start();
after(async () => {
  rmSync(directory, { recursive: true });
  await server[Symbol.asyncDispose]();
});

function openSqlite(name: string, bytesMax?: number): Store {
  return openSqliteStore({
    path: join(directory, `${name}.sqlite`),
    nextTurn: () => Promise.resolve(),
    ...(bytesMax === undefined ? {} : { bytesMax }),
  });
}

/** Another dialect is another entry here. `open` opens the same data again for the same `name`. */
const dialects: readonly { name: string; open: (name: string) => Store | Promise<Store> }[] = [
  { name: 'sqlite', open: openSqlite },
  { name: 'postgres', open: (name) => server.store(name, 'member') },
];

for (const { name, open } of dialects) {
  describe(`store: ${name}`, () => {
    test('positions are one sequence in commit order; what is read is what was appended', async () => {
      await using store = await open('order');
      assert.equal(await store.position(), 0);
      const outcomes = await Promise.all([
        store.append([event('web', 1), event('web', 2)]),
        store.append([event('db', 1)]),
        store.append([{ kind: 'go', receivedAt: at, host: web, text: '{}' }]),
      ]);
      assert.deepEqual(
        outcomes.map((outcome) => outcome.ok && outcome.position),
        [2, 3, 4],
      );
      const entries = await store.read({ after: 0, limit: 10 });
      assert.deepEqual(entries[0], { ...event('web', 1), position: 1 });
      assert.deepEqual(entries[3], { kind: 'go', receivedAt: at, host: web, text: '{}', position: 4 });
      assert.deepEqual(
        (await store.read({ after: 1, limit: 10, events: true })).map(({ position }) => position),
        [2, 3],
      );
      assert.deepEqual(
        (await store.read({ after: 0, limit: 10, host: web })).map(({ position }) => position),
        [1, 2, 4],
      );
      assert.equal((await store.read({ after: 0, limit: 2 })).length, 2);
      assert.deepEqual(
        (await store.readAt([3, 99, 1])).map(({ position }) => position),
        [3, 1],
      );
    });

    test('a taken place refuses its append whole, and no other of the same commit', async () => {
      await using store = await open('conflict');
      await store.append([event('web', 1)]);
      const outcomes = await Promise.all([
        store.append([event('web', 2), event('web', 3)]),
        store.append([event('web', 3), event('web', 4)]),
        store.append([event('db', 1)]),
      ]);
      assert.deepEqual(
        outcomes.map(({ ok }) => ok),
        [true, false, true],
      );
      assert.equal(await store.position(), 4);
    });

    test('evidence is kept as it came, once, in the order of its time, and bounded for each host', async () => {
      await using store = await open('evidence');
      const of = (host: HostName, sequence: number, change: Partial<EvidenceEntry> = {}): EvidenceEntry => ({
        host,
        chain: journal,
        sequence,
        sha256: hashOf(sequence),
        collectedAt: addSeconds(at, sequence * 3600),
        receivedAt: at,
        // Nothing that could be compressed away.
        evidence: randomBytes(3000).toString('hex'),
        sig: 'sig é',
        sshsig: 'sshsig',
        ...change,
      });
      const always = { keepFrom: at, hostBytesMax: 1024 * 1024 };
      const first = of(web, 1);
      assert.equal(await store.putEvidence(first, always), 'stored');
      assert.equal(await store.putEvidence(first, always), 'known');
      assert.equal(await store.putEvidence(of(web, 1, { sha256: hashOf(9) }), always), 'conflict');
      for (const sequence of [3, 2, 4]) await store.putEvidence(of(web, sequence), always);
      await store.putEvidence(of(db, 1), always);
      const range = { host: web, from: at, to: addSeconds(at, 1_000_000), order: 'oldest' } as const;
      const all = await store.readEvidence({ ...range, after: null, limit: 10 });
      assert.deepEqual(all[0], first);
      assert.deepEqual(
        all.map(({ sequence }) => sequence),
        [1, 2, 3, 4],
      );
      const rest = await store.readEvidence({ ...range, after: all[1] ?? null, limit: 1 });
      assert.deepEqual(
        rest.map(({ sequence }) => sequence),
        [3],
      );
      const newest = await store.readEvidence({ ...range, after: null, limit: 2, order: 'newest' });
      assert.deepEqual(
        newest.map(({ sequence }) => sequence),
        [4, 3],
      );
      const inside = { ...range, from: addSeconds(at, 7200), to: addSeconds(at, 10_800) };
      assert.deepEqual(
        (await store.readEvidence({ ...inside, after: null, limit: 10 })).map(({ sequence }) => sequence),
        [2],
        'from is in, to is not',
      );
      await store.putEvidence(of(web, 5), { keepFrom: addSeconds(at, 2 * 3600), hostBytesMax: 1024 * 1024 });
      const kept = async () =>
        (await store.readEvidence({ ...range, after: null, limit: 10 })).map(({ sequence }) => sequence);
      assert.deepEqual(await kept(), [2, 3, 4, 5], 'too old');
      await store.putEvidence(of(web, 6), { keepFrom: at, hostBytesMax: 8000 });
      assert.deepEqual(await kept(), [5, 6], 'too much');
      assert.equal(
        (await store.readEvidence({ ...range, host: db, after: null, limit: 10 })).length,
        1,
        "another host's stay",
      );
    });

    test('journals and forks', async () => {
      await using store = await open('journals');
      await store.append([event('web', 5), event('web', 6), event('web', 7), event('db', 1)]);
      assert.deepEqual(await store.journalExtent(web, journal), {
        first: { seq: 5, sha256: hashOf(5) },
        last: { seq: 7, sha256: hashOf(7) },
      });
      assert.equal(await store.journalExtent(web, 'cd'.repeat(16) as JournalId), null);
      const places = await store.journalPlaces(web, journal, { from: 6, to: 9 });
      assert.deepEqual(
        places.map(({ seq }) => seq),
        [6, 7],
      );
      assert.equal((await store.journalEvent(web, journal, 6))?.text, event('web', 6).text);
      assert.equal(await store.journalEvent(web, journal, 8), null);
      const fork = { ...event('web', 6), kind: 'fork' as const, sha256: hashOf(66) };
      assert.equal((await store.append([fork])).ok, true);
      assert.equal((await store.append([fork])).ok, false);
      assert.equal(await store.forksOf(web), 1);
      assert.equal(await store.forksOf(db), 0);
      assert.equal((await store.journalPlaces(web, journal, { from: 6, to: 6 }))[0]?.sha256, hashOf(6));
    });

    test('checkpoints replace the rows they name and keep the others', async () => {
      await using store = await open('checkpoints');
      assert.equal(await store.loadCheckpoint(), null);
      await store.saveCheckpoint({
        position: 3,
        hosts: new Map([
          [web, 'a'],
          [db, 'b'],
        ]),
      });
      await store.saveCheckpoint({ position: 9, hosts: new Map([[web, 'c']]) });
      assert.deepEqual(await store.loadCheckpoint(), {
        position: 9,
        hosts: new Map([
          [web, 'c'],
          [db, 'b'],
        ]),
      });
      assert.equal(await store.lastOwn('rebuild'), null);
      for (const text of ['1', '2']) await store.append([{ kind: 'rebuild', receivedAt: at, host: null, text }]);
      assert.equal(await store.lastOwn('rebuild'), '2');
      assert.equal(await store.lastOwn('go'), null);
    });

    test('everything is there again after a close', async () => {
      const first = {
        trust: { version: 2, sha256: hashOf(2) },
        release: null,
        head: { version: 9, sha256: hashOf(9), keyIds: ['k'] },
        missingBrake: null,
        files: new Map([
          ['head.json', new Uint8Array([1, 0, 255])],
          ['old.json', new Uint8Array([1])],
        ]),
        change: 0,
      };
      const second = {
        ...first,
        release: { version: 7, sha256: hashOf(7) },
        missingBrake: { until: at, head: 10 },
        files: new Map([
          ['head.json', new Uint8Array([2])],
          ['new.json', new Uint8Array(1000).fill(7)],
        ]),
      };
      {
        await using store = await open('again');
        assert.equal(await store.loadRelease(), null);
        await store.append([event('web', 1)]);
        assert.equal(await store.saveRelease(first), 'saved');
        assert.deepEqual({ ...(await store.loadRelease()), change: 0 }, first);
        assert.equal(await store.saveRelease({ ...second, change: store.shared ? 1 : 0 }), 'saved');
      }
      await using store = await open('again');
      assert.equal(await store.position(), 1);
      assert.deepEqual({ ...(await store.loadRelease()), change: 0 }, second);
    });

    test('after it was closed it says so', async () => {
      const store = await open('closed');
      const pending = store.append([event('web', 1)]);
      await store[Symbol.asyncDispose]();
      assert.equal((await pending).ok, true, 'what was asked for before is finished');
      await assert.rejects(store.append([event('web', 2)]), isFault('closed'));
      await assert.rejects(store.position(), isFault('closed'));
    });
  });
}

test('floors that were stored before missing brakes were know of none', () => {
  const { missingBrake: _, ...before } = JSON.parse(
    floorsToText({ trust: { version: 2, sha256: hashOf(2) }, release: null, head: null, missingBrake: null }),
  );
  assert.equal(floorsOfText(JSON.stringify(before)).missingBrake, null);
});

test('sqlite: a full disk fails the append, keeps nothing of it, and heals', async () => {
  const large = { ...event('web', 2), text: 'x'.repeat(260_000) };
  {
    await using store = openSqlite('full', 260_000);
    await store.append([event('web', 1)]);
    await assert.rejects(store.append([large]), isFault('disk-full'));
    await assert.rejects(store.append([large, event('web', 3)]), isFault('disk-full'));
    assert.equal(await store.position(), 1);
    assert.equal((await store.append([event('db', 1)])).ok, true, 'smaller ones still fit');
  }
  await using store = openSqlite('full');
  assert.equal((await store.append([large])).ok, true);
  assert.equal(await store.position(), 3);
});

function isFault(code: string) {
  return (error: unknown) => error instanceof ControlPlaneError && error.code === code;
}
