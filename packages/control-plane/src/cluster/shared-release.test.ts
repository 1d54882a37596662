import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { addSeconds, type Clock, holdPath, resumePath } from '@nixfleet/contracts';
import type { FakeClock } from '@nixfleet/testkit';
import { Fixture, MemorySource, newCanary, the } from '../fixture.test.ts';
import { PostgresServer } from '../store/postgres-server.test.ts';
import { Lab, pass, seen } from './lab.test.ts';

const server = await PostgresServer.start();
after(() => server[Symbol.asyncDispose]());

/** A clock that is ahead of another one by so much, or behind. */
function ahead(clock: FakeClock, ms: { by: number }): Clock {
  return {
    now: () => clock.now() + ms.by,
    monotonicMs: () => clock.monotonicMs(),
    sleep: (...parameters) => clock.sleep(...parameters),
  };
}

/** Two on one database, the second with a source of its own that shows what the first one's showed when it began. */
async function pair(name: string, clockOfB?: { by: number }) {
  const lab = new Lab(server);
  const { store: storeOfA, line: lineOfA } = await lab.store(name, 'a');
  const a = await Fixture.start({ store: storeOfA, idle: lab.idle });
  const { store, line } = await lab.store(name, 'b');
  const source = new MemorySource(new Map(a.fleet.files));
  const b = await a.beside(store, source, clockOfB ? { clock: ahead(a.clock, clockOfB) } : {});
  await seen(a);
  await a.join('canary', 'web-1', 'web-2', 'db');
  const dispose = async () => {
    await b[Symbol.asyncDispose]();
    await a[Symbol.asyncDispose]();
  };
  return { a, b, line, lineOfA, [Symbol.asyncDispose]: dispose };
}

/** What the fleet has published under these paths since is there too. */
function show({ source, fleet }: Fixture, ...paths: string[]): void {
  const files = source.files as Map<string, Uint8Array>;
  for (const [path, bytes] of fleet.files) if (paths.some((start) => path.startsWith(start))) files.set(path, bytes);
}

async function codesOf(fixture: Fixture, host: string): Promise<string[]> {
  const { withheld = [] } = await fixture.checkin(host);
  return withheld.map(({ code }) => code).sort();
}

/** Whether a hold withholds it, where it may not start. */
async function isHeld(fixture: Fixture, host: string): Promise<boolean> {
  const { go, withheld = [] } = await fixture.checkin(host);
  const codes = withheld.map(({ code }) => code);
  assert.equal(go === undefined, codes.includes('hold'), codes.join());
  return go === undefined;
}

describe('what one control plane has stored of a release', () => {
  test('a hold that one has read is not lost by what another one writes that has not', async () => {
    await using two = await pair('hold');
    const { a, b, line } = two;
    {
      using _late = line.delayLooks();
      await a.fleet.hold('stable', { isNamed: false });
      await a.refresh();
      // Its own source shows another one, which it stores before it has looked at what the first one stored.
      const { sha256 } = await a.fleet.hold('data', { isNamed: false });
      show(b, holdPath(sha256));
      await b.refresh();
      assert.deepEqual([await isHeld(b, 'canary'), await isHeld(b, 'db')], [true, true]);
    }
    await seen(a);
    assert.deepEqual([await isHeld(a, 'canary'), await isHeld(a, 'db')], [true, true]);
    await b.refresh();
    assert.equal(await isHeld(b, 'canary'), true, 'what its source has never shown is not taken back by it');
    for (const fixture of [a, b]) {
      fixture.source.failure = 'host is down';
      await fixture.restart();
      await seen(fixture);
      assert.deepEqual([await isHeld(fixture, 'canary'), await isHeld(fixture, 'db')], [true, true]);
      fixture.source.failure = null;
      await fixture.refresh();
      assert.equal(await isHeld(fixture, 'canary'), true, 'it was never shown there, or still is');
    }
  });

  test('a hold that one has seen resumed ends for all, and no older source or write begins it again', async () => {
    await using two = await pair('resume');
    const { a, b } = two;
    const { sha256 } = await a.fleet.hold('stable', { isNamed: false });
    show(b, holdPath(sha256));
    await a.refresh();
    await b.refresh();
    await seen(a);
    assert.deepEqual([await isHeld(a, 'canary'), await isHeld(b, 'canary')], [true, true]);
    await a.fleet.resume(sha256, { isNamed: false });
    await a.refresh();
    await seen(a);
    assert.deepEqual([await isHeld(a, 'canary'), await isHeld(b, 'canary')], [false, false]);
    const other = await a.fleet.hold('data', { isNamed: false });
    show(b, holdPath(other.sha256));
    await b.refresh();
    await seen(a);
    assert.deepEqual([await isHeld(a, 'canary'), await isHeld(b, 'canary')], [false, false]);
    assert.deepEqual([await isHeld(a, 'db'), await isHeld(b, 'db')], [true, true]);
  });

  test('what one source has shown and shows no more, its own control plane lets go, whatever the others store', async () => {
    await using two = await pair('absent');
    const { a, b } = two;
    const { sha256 } = await a.fleet.hold('stable', { isNamed: false });
    show(b, holdPath(sha256));
    await a.refresh();
    await b.refresh();
    a.fleet.files.delete(holdPath(sha256));
    await a.refresh();
    const other = await a.fleet.hold('data', { isNamed: false });
    show(b, holdPath(other.sha256));
    await b.refresh();
    await seen(a);
    assert.deepEqual([await isHeld(a, 'canary'), await isHeld(b, 'canary')], [false, true]);
    assert.deepEqual([await isHeld(a, 'db'), await isHeld(b, 'db')], [true, true]);
  });

  test('what one lets go and another one has joined stays stored, by one save and no exchange of saves', async () => {
    await using two = await pair('again');
    const { a, b } = two;
    const changes = async () => (await the(a.store.shared).standing()).release.change;
    const before = await changes();
    const { sha256 } = await a.fleet.hold('stable', { isNamed: false });
    await a.refresh();
    await seen(a);
    await b.refresh();
    assert.equal(await changes(), before + 1, 'what was joined is stored');
    a.fleet.files.delete(holdPath(sha256));
    await a.refresh();
    await seen(a);
    assert.deepEqual([await isHeld(a, 'canary'), await isHeld(b, 'canary')], [false, true]);
    assert.ok((await b.store.loadRelease())?.files.has(holdPath(sha256)));
    for (const fixture of [b, a, b]) {
      await fixture.refresh();
      await seen(a);
    }
    assert.equal(await changes(), before + 3, 'one let it go, the other stored it again');
    b.source.failure = 'host is down';
    await b.restart();
    await seen(b);
    assert.deepEqual([await isHeld(a, 'canary'), await isHeld(b, 'canary')], [false, true]);
  });

  test('a hold that has not begun by the clock of one stays stored, and binds that one as soon as it has', async () => {
    await using two = await pair('slow', { by: -400_000 });
    const { a, b } = two;
    await pass(a, 420_000);
    // Dated so that it has begun for both, and what is signed first has not.
    const now = a.clock.instant();
    a.fleet.now = now;
    const { sha256 } = await a.fleet.hold('stable', { isNamed: false, seconds: 7200 });
    await a.refresh();
    await seen(a);
    a.fleet.now = addSeconds(now, -410);
    const other = await a.fleet.hold('data', { isNamed: false, seconds: 7200 });
    show(b, holdPath(other.sha256));
    await b.refresh();
    await seen(a);
    assert.ok((await a.store.loadRelease())?.files.has(holdPath(sha256)), 'no save of another one drops it');
    assert.deepEqual([await isHeld(a, 'canary'), await isHeld(b, 'canary')], [true, false]);
    b.source.failure = 'host is down';
    await pass(a, 200_000);
    await b.refresh();
    assert.deepEqual(await codesOf(b, 'canary'), await codesOf(a, 'canary'));
    assert.ok((await codesOf(b, 'canary')).includes('hold'));
  });

  test('a hold that is over by the clock of one alone stays stored, and binds that one once its clock is right', async () => {
    const clockOfB = { by: 7200_000 };
    await using two = await pair('fast', clockOfB);
    const { a, b } = two;
    const { sha256 } = await a.fleet.hold('stable', { isNamed: false });
    await a.refresh();
    await seen(a);
    a.fleet.pass(7200);
    const other = await a.fleet.hold('data', { isNamed: false });
    show(b, holdPath(other.sha256));
    {
      // Nobody stores it again meanwhile.
      using _late = two.lineOfA.delayLooks();
      await b.refresh();
      assert.ok((await b.store.loadRelease())?.files.has(holdPath(sha256)));
    }
    assert.deepEqual([await isHeld(a, 'canary'), await isHeld(b, 'canary')], [true, false]);
    clockOfB.by = 0;
    await b.refresh();
    assert.equal(await isHeld(b, 'canary'), true);
  });

  test('what the clock of one refuses of what another one stored is read again until it does not', async () => {
    await using two = await pair('refused', { by: -400_000 });
    const { a, b } = two;
    a.fleet.now = a.clock.instant();
    await a.publish(newCanary);
    await seen(a);
    assert.equal((await b.view()).release?.version, 1);
    await pass(a, 150_000);
    assert.equal((await b.view()).release?.version, 2);
  });

  test('trust and release that came together are taken over together', async () => {
    await using two = await pair('trust');
    const { a, b } = two;
    await a.fleet.nextTrust(() => {});
    await a.publish(newCanary);
    await seen(a);
    const view = await b.view();
    assert.deepEqual([view.trustVersion, view.release?.version], [2, 2]);
    assert.deepEqual(view.problems, []);
    assert.ok((await b.checkin('canary')).go);
  });

  test('a brake that cannot be had is not let go by an older head of another one', async () => {
    await using two = await pair('missing');
    const { a, b } = two;
    const { sha256 } = await a.fleet.hold('data');
    const bytes = the(a.fleet.files.get(holdPath(sha256)));
    (a.source.files as Map<string, Uint8Array>).delete(holdPath(sha256));
    await a.refresh();
    assert.equal(await isHeld(a, 'canary'), true);
    // A brake of its own makes the other one store what it has: the head before.
    const own = await a.fleet.hold('data', { isNamed: false, reason: 'another' });
    show(b, holdPath(own.sha256));
    await b.refresh();
    await seen(a);
    assert.deepEqual([await isHeld(b, 'canary'), await isHeld(b, 'db')], [false, true]);
    assert.equal(await isHeld(a, 'canary'), true);
    a.source.failure = 'host is down';
    await a.controlPlane[Symbol.asyncDispose]();
    const other = await a.fleet.hold('stable', { isNamed: false, seconds: 60 });
    show(b, holdPath(other.sha256));
    await b.refresh();
    await a.boot();
    await pass(a, 120_000);
    await seen(a);
    assert.equal(await isHeld(a, 'canary'), true, 'what the other one stored meanwhile has not made it forget');
    await b.restart();
    await seen(b);
    assert.equal(await isHeld(b, 'canary'), true, 'the other one knows of it from its start');
    a.source.failure = null;
    a.fleet.files.set(holdPath(sha256), bytes);
    await a.refresh();
    assert.deepEqual([await isHeld(a, 'canary'), await isHeld(a, 'db')], [false, true]);
  });

  test('a brake that cannot be had is let go by the same head of another one that has it', async () => {
    await using two = await pair('had');
    const { a, b } = two;
    const { sha256 } = await a.fleet.hold('data');
    show(b, '');
    (a.source.files as Map<string, Uint8Array>).delete(holdPath(sha256));
    await a.refresh();
    assert.equal(await isHeld(a, 'canary'), true);
    await b.refresh();
    await seen(a);
    assert.deepEqual([await isHeld(a, 'canary'), await isHeld(a, 'db')], [false, true]);
  });

  test('a hold that a head names ends for all with the head that drops it, where no source lists', async () => {
    await using two = await pair('unlisted');
    const { a, b } = two;
    a.source.listing = 'none';
    b.source.listing = 'none';
    const { sha256 } = await a.fleet.hold('stable');
    await a.refresh();
    await seen(a);
    assert.deepEqual([await isHeld(a, 'canary'), await isHeld(b, 'canary')], [true, true]);
    await a.fleet.resume(sha256);
    for (const path of [holdPath(sha256), resumePath(sha256)]) a.fleet.files.delete(path);
    await a.refresh();
    await seen(a);
    assert.deepEqual([await isHeld(a, 'canary'), await isHeld(b, 'canary')], [false, false]);
  });
});
