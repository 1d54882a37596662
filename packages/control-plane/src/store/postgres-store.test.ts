import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import type { HostName, Instant, JournalId, Sha256Hex } from '@nixfleet/contracts';
import { ControlPlaneError } from '../errors.ts';
import { parseDatabaseUrl } from './database-url.ts';
import { PostgresServer } from './postgres-server.test.ts';
import { followsOn, openPostgresStore } from './postgres-store.ts';
import type { EventEntry, SharedState, Store } from './store.ts';

const at = '2026-06-01T08:00:00Z' as Instant;
const nextTurn = () => Promise.resolve();
const server = await PostgresServer.start();
after(() => server[Symbol.asyncDispose]());

function event(host: string, seq: number): EventEntry {
  return {
    kind: 'event',
    receivedAt: at,
    host: host as HostName,
    journal: 'ab'.repeat(16) as JournalId,
    seq,
    sha256: seq.toString(16).padStart(64, '0') as Sha256Hex,
    text: '{}',
    signature: 's'.repeat(88),
  };
}

function sharedOf({ shared }: Store): SharedState {
  assert.ok(shared);
  return shared;
}

function isFault(code: string, message: RegExp) {
  return (error: unknown) => {
    assert.ok(error instanceof ControlPlaneError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    return true;
  };
}

const web = event('web', 1);
const go = { kind: 'go', receivedAt: at, host: web.host, text: '{}' } as const;
const hash = (digit: string) => digit.repeat(64) as Sha256Hex;

describe('one database, several control planes', () => {
  test('they may begin at the same moment', async () => {
    await server.sql('postgres', 'CREATE DATABASE first');
    const stores = await Promise.all(['a', 'b', 'c'].map((member) => server.store('first', member)));
    for (const store of stores) {
      assert.equal(await store.position(), 0);
      await store[Symbol.asyncDispose]();
    }
  });

  test('whoever has read up to a position has missed nothing before it', async () => {
    await using a = await server.store('order', 'a');
    await using b = await server.store('order', 'b');
    const seen: number[] = [];
    const appending = Promise.all(
      [a, b].map(async (store, i) => {
        for (let round = 0; round < 40; round++) {
          const seq = round * 3 + 1;
          await store.append([event(`host-${i}`, seq), event(`host-${i}`, seq + 1), event(`host-${i}`, seq + 2)]);
        }
      }),
    );
    let isDone = false;
    void appending.then(() => {
      isDone = true;
    });
    // Each look takes up where the one before ended; none may find later that something was missing in between.
    for (let last = 0; last < 240; ) {
      const wasDone = isDone;
      const entries = await b.read({ after: last, limit: 1000 });
      seen.push(...entries.map(({ position }) => position));
      last = entries.at(-1)?.position ?? last;
      // Only a look that began after the last append is the last.
      if (wasDone && entries.length === 0) break;
    }
    await appending;
    assert.deepEqual(
      seen,
      Array.from({ length: 240 }, (_, i) => i + 1),
    );
  });

  test('one place of a journal is stored once, whoever stores it', async () => {
    await using a = await server.store('places', 'a');
    await using b = await server.store('places', 'b');
    const outcomes = await Promise.all([a, b, a, b].map((store) => store.append([web])));
    assert.equal(outcomes.filter(({ ok }) => ok).length, 1);
    assert.deepEqual(
      new Set(outcomes.map((outcome) => (outcome.ok ? 'ok' : outcome.reason))),
      new Set(['ok', 'conflict']),
    );
    assert.equal(await a.position(), 1);
  });

  test('a decision of an earlier leadership is appended nowhere, and what shared its commit is', async () => {
    await using a = await server.store('fenced', 'a');
    await using b = await server.store('fenced', 'b');
    for (const store of [a, b]) await sharedOf(store).beat({ version: 1, text: '[]' });
    const nobody = { epoch: 0, leader: null, beat: null };
    const first = await sharedOf(a).claim(nobody);
    assert.deepEqual(first, { epoch: 1 });
    assert.equal(await sharedOf(b).claim(nobody), null, 'it was seen as it is no more');
    assert.equal((await a.append([go], first)).ok, true);

    // The leader lives: whoever saw an older beat than its newest does not take over.
    await sharedOf(a).beat(null);
    assert.equal(await sharedOf(b).claim({ epoch: 1, leader: 'a', beat: 1 }), null);
    const second = await sharedOf(b).claim({ epoch: 1, leader: 'a', beat: 2 });
    assert.deepEqual(second, { epoch: 2 });
    const [decision, report] = await Promise.all([a.append([go], first), a.append([web])]);
    assert.deepEqual(decision, { ok: false, reason: 'fenced' });
    assert.equal(report.ok, true);
    assert.equal((await b.append([go], second)).ok, true);
    assert.equal(await a.position(), 3);
    const { epoch, leader, members } = await sharedOf(a).standing();
    assert.deepEqual(
      { epoch, leader, members: members.map(({ id }) => id) },
      { epoch: 2, leader: 'b', members: ['a', 'b'] },
    );
  });

  test('who leaves leads no more; who came back is not removed', async () => {
    await using a = await server.store('leaves', 'a');
    await using b = await server.store('leaves', 'b');
    for (const store of [a, b]) await sharedOf(store).beat({ version: 1, text: `of ${sharedOf(store).member}` });
    await sharedOf(a).claim({ epoch: 0, leader: null, beat: null });
    await sharedOf(b).remove('a', 7);
    assert.deepEqual(await sharedOf(b).contactsOf(['a', 'c']), new Map([['a', 'of a']]));
    await sharedOf(a).leave();
    const standing = await sharedOf(b).standing();
    assert.equal(standing.leader, null);
    assert.deepEqual(standing.members, [{ id: 'b', beat: 1, version: 1 }]);
    assert.deepEqual(await sharedOf(b).claim({ epoch: 1, leader: null, beat: null }), { epoch: 2 });
  });

  test('the others are told of what is appended, and nobody of what he did himself', async () => {
    await using a = await server.store('hints', 'a');
    await using b = await server.store('hints', 'b');
    const stopping = new AbortController();
    const listen = (store: Store) => {
      const hints: (() => void)[] = [];
      const ended = sharedOf(store).listen(() => hints.shift()?.(), stopping.signal);
      return { next: () => new Promise<void>((resolve) => hints.push(resolve)), ended };
    };
    const atA = listen(a);
    const atB = listen(b);
    // The first tells that it listens from now on.
    await Promise.all([atA.next(), atB.next()]);
    let own = 0;
    void atA.next().then(() => own++);
    const told = atB.next();
    await a.append([web]);
    await told;
    assert.equal(own, 0);
    stopping.abort();
    await Promise.all([atA.ended, atB.ended]);
  });

  test('a checkpoint does not take the place of a later one', async () => {
    await using a = await server.store('checkpoints', 'a');
    await using b = await server.store('checkpoints', 'b');
    assert.equal(await a.saveCheckpoint({ position: 9, hosts: new Map([[web.host, 'new']]) }), true);
    assert.equal(await b.saveCheckpoint({ position: 8, hosts: new Map([[web.host, 'old']]) }), false);
    assert.deepEqual(await b.loadCheckpoint(), { position: 9, hosts: new Map([[web.host, 'new']]) });
  });

  test('a release does not take the place of a newer one', async () => {
    await using a = await server.store('releases', 'a');
    await using b = await server.store('releases', 'b');
    const head = { version: 9, sha256: hash('9'), keyIds: ['k'] };
    const newer = {
      trust: { version: 2, sha256: hash('2') },
      release: { version: 7, sha256: hash('7') },
      head,
      missingBrake: null,
      files: new Map(),
      change: 0,
    };
    assert.equal(await a.saveRelease(newer), 'saved');
    assert.equal(await b.saveRelease({ ...newer, head: { ...head, version: 8 } }), 'overtaken');
    assert.equal(await b.saveRelease({ ...newer, files: new Map([['x', new Uint8Array()]]) }), 'behind');
    assert.deepEqual(await b.loadRelease(), { ...newer, change: 1 });
    assert.deepEqual((await sharedOf(b).standing()).release, { change: 1, writer: 'a' });
  });

  test('which floors follow on which', () => {
    const floors = (trust: number, release: number | null, head: number | null, key = 'k', digit = 'a') => ({
      trust: { version: trust, sha256: hash('f') },
      release: release === null ? null : { version: release, sha256: hash(digit) },
      head: head === null ? null : { version: head, sha256: hash(digit), keyIds: [key] },
    });
    const stored = floors(2, 7, 9);
    assert.equal(followsOn(stored, stored), true);
    assert.equal(followsOn(floors(2, 8, 10), stored), true);
    assert.equal(followsOn(floors(1, 8, 10), stored), false, 'trust goes back');
    assert.equal(followsOn(floors(3, 6, 10), stored), false, 'release goes back, whatever trust does');
    assert.equal(followsOn(floors(2, null, 9), stored), false);
    assert.equal(followsOn(floors(2, 8, 8), stored), false, 'head goes back');
    assert.equal(followsOn(floors(2, 8, null), stored), false);
    assert.equal(followsOn(floors(2, 8, 1, 'other'), stored), true, 'a new head key begins anew');
    assert.equal(followsOn(floors(3, 7, 1), stored), true, 'and so it may where trust went on');
    assert.equal(followsOn(floors(2, 7, 9, 'k', 'b'), stored), false, 'the same version twice');
  });
});

describe('the way to the database', () => {
  test('a password is wanted, and stands in no URL', async () => {
    const { user } = server.address('postgres');
    await server.sql('postgres', `ALTER ROLE "${user}" PASSWORD 'right'`);
    const parsed = parseDatabaseUrl(`postgres://${user}@127.0.0.1:${server.port}/postgres`);
    assert.ok(typeof parsed !== 'string', String(parsed));
    const open = (password: string) => openPostgresStore({ address: parsed, password, member: 'a', nextTurn });
    await (await open('right'))[Symbol.asyncDispose]();
    await assert.rejects(open('wrong'), isFault('bad-config', /password authentication failed/));
  });

  test('URLs', () => {
    const address = { host: 'db.example.org', port: 5432, database: 'fleet', user: 'nixfleet', isRemote: true };
    assert.deepEqual(parseDatabaseUrl('postgres://nixfleet@db.example.org/fleet'), address);
    assert.deepEqual(parseDatabaseUrl('postgresql://nixfleet@[::1]:6543/fleet'), {
      ...address,
      host: '::1',
      port: 6543,
      isRemote: false,
    });
    assert.deepEqual(parseDatabaseUrl('postgres:///fleet?host=/run/postgresql&user=nixfleet'), {
      ...address,
      host: '/run/postgresql',
      isRemote: false,
    });
    for (const [url, problem] of [
      ['postgres://nixfleet:secret@db/fleet', /must hold no password/],
      ['postgres://nixfleet@db/fleet?sslmode=disable', /no parameter but host and user, got sslmode/],
      ['postgres://nixfleet@db/fleet?host=/run/postgresql', /no host before it/],
      ['postgres://db/fleet', /names no user/],
      ['postgres://nixfleet@db/', /names no database/],
      ['postgres:///fleet', /names no host/],
      ['https://db/fleet', /expected postgres:/],
      ['fleet', /expected postgres:/],
    ] as const) {
      const parsed = parseDatabaseUrl(url);
      assert.match(String(parsed), problem, url);
      assert.ok(!String(parsed).includes('secret'));
    }
  });

  test('a server that is not there, not UTF8, or forgets: an error, and nothing is written', async () => {
    const address = { ...server.address('postgres'), port: 1 };
    await assert.rejects(openPostgresStore({ address, member: 'a', nextTurn }), isFault('store-failed', /opening/));
    await assert.rejects(
      openPostgresStore({ address: server.address('none'), member: 'a', nextTurn }),
      isFault('bad-config', /"none" does not exist/),
    );
    await server.sql('postgres', "CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0");
    await assert.rejects(server.store('latin', 'a'), isFault('bad-config', /UTF8, got LATIN1/));
    await server.sql('postgres', 'CREATE DATABASE forgets');
    await server.sql('postgres', 'ALTER DATABASE forgets SET synchronous_commit = off');
    await assert.rejects(server.store('forgets', 'a'), isFault('bad-config', /synchronous_commit off/));
    assert.deepEqual(await server.sql('forgets', "SELECT tablename FROM pg_tables WHERE tablename = 'log'"), []);
  });

  test('a schema of a newer version, and floors that cannot be read: never a reset', async () => {
    await (await server.store('newer', 'a'))[Symbol.asyncDispose]();
    await server.sql('newer', "INSERT INTO marks VALUES ('floors', '{}')");
    {
      await using store = await server.store('newer', 'a');
      await assert.rejects(store.loadRelease(), isFault('state-unreadable', /stored floors/));
    }
    await server.sql('newer', 'UPDATE nixfleet_schema SET version = 99');
    await assert.rejects(server.store('newer', 'a'), isFault('state-unreadable', /newer version/));
  });

  test('a server that is killed: what was acknowledged is there, what fails says so, and it goes on by itself', async () => {
    await using store = await server.store('killed', 'a');
    await store.append([web]);
    await server.kill();
    await assert.rejects(store.append([event('web', 2)]), isFault('store-failed', /appending to the log/));
    await server.run();
    assert.equal((await store.append([event('web', 2)])).ok, true);
    assert.equal(await store.position(), 2);
  });
});
