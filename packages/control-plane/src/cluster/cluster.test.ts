import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { EventsView } from '@nixfleet/contracts';
import { bodyOf, Fixture, fetching, newCanary, the } from '../fixture.test.ts';
import type { Readiness } from '../readiness.ts';
import { PostgresServer } from '../store/postgres-server.test.ts';
import { catchUpMsMax, goneAfterMs, lookMs } from './cluster.ts';
import { Lab, pass, seen } from './lab.test.ts';

const hosts = ['canary', 'web-1', 'web-2', 'db'];
const server = await PostgresServer.start();
after(() => server[Symbol.asyncDispose]());

function cluster({ controlPlane }: Fixture): NonNullable<Readiness['cluster']> {
  return the(controlPlane.readiness().cluster);
}

describe('two control planes on one database', () => {
  test('either answers, one decides; when it is gone the other goes on where it was', async () => {
    const lab = new Lab(server);
    const { store, line } = await lab.store('takeover', 'a');
    await using a = await Fixture.start({ store, idle: lab.idle });
    await using b = await a.beside((await lab.store('takeover', 'b')).store);
    // What waits for an answer would otherwise keep a test that fails from ending.
    using _mended = { [Symbol.dispose]: () => line.mend() };
    await seen(a);
    assert.deepEqual([cluster(a).leads, cluster(b).leads], [true, false]);
    assert.deepEqual(cluster(b).members, ['a', 'b']);

    // The hosts know only the one that does not decide.
    await b.join(...hosts);
    await seen(a);
    assert.equal(a.controlPlane.readiness().rebuilding, null, 'heard there, known here');
    assert.deepEqual(
      (await a.view()).hosts.map(({ online }) => online),
      [true, true, true, true],
    );
    const first = the((await b.checkin('canary')).go);
    assert.equal(first.wave, 0);
    assert.equal((await b.checkin('web-1')).go, undefined);
    await b.converge('canary');
    await seen(a);
    const next = the((await b.checkin('web-1')).go);
    assert.equal(next.receipts.length, 1);
    assert.deepEqual((await a.checkin('web-1')).go, next, 'the same from both');
    const gos = await b.gos();
    assert.equal(gos, 3, 'canary, web-1 and web-2: each recorded once, whoever hands it out');

    // No more of it, not even a connection that breaks.
    line.cutOff();
    // Seen gone, then led in its place, then its row removed, then seen to be removed.
    await pass(a, goneAfterMs + 5 * lookMs);
    assert.deepEqual([cluster(b).leads, cluster(b).epoch], [true, 2]);
    assert.deepEqual(cluster(b).members, ['b']);
    assert.match(a.controlPlane.readiness().problems.join(), /share does not answer/);
    assert.equal((await a.checkin('web-2')).go, undefined, 'who knows nothing of the others allows nothing');
    await b.converge('web-1');
    await b.converge('web-2');
    assert.equal(the((await b.checkin('db')).go).wave, 0, 'it decides now');
    assert.equal(await b.gos(), 4);

    // Back again: it follows, and decides nothing.
    line.mend();
    await pass(a, 30_000);
    await seen(a);
    assert.deepEqual([cluster(a).leads, cluster(b).leads], [false, true]);
    assert.deepEqual((await a.checkin('db')).go, (await b.checkin('db')).go);
    assert.deepEqual((await a.view()).rollouts, (await b.view()).rollouts);
    assert.equal(await b.gos(), 4);
    const { events } = EventsView.parse(bodyOf(await a.call('olivia', { path: '/v1/events?limit=100' }), 200));
    assert.deepEqual(
      events,
      EventsView.parse(bodyOf(await b.call('olivia', { path: '/v1/events?limit=100' }), 200)).events,
    );
  });

  test('whoever was overtaken without noticing decides nothing more', async () => {
    const lab = new Lab(server);
    const { store, line } = await lab.store('stale', 'a');
    await using a = await Fixture.start({ store, idle: lab.idle });
    await seen(a);
    await a.join(...hosts);
    await seen(a);
    assert.equal(await a.gos(), 1);
    // Another one takes over between two of its looks, and is silent.
    const { store: third } = await lab.store('stale', 'c');
    const shared = the(third.shared);
    const standing = await shared.standing();
    const { epoch, leader, members } = standing;
    line.stale = standing;
    await shared.beat({ version: 1, text: '[]' });
    assert.ok(await shared.claim({ epoch, leader, beat: the(members[0]).beat }));
    await seen(a);
    assert.equal(cluster(a).leads, true, 'so it still believes');
    await a.converge('canary');
    assert.equal((await a.checkin('web-1')).go, undefined);
    assert.equal(await a.gos(), 1, 'nothing was recorded');
    line.stale = null;
    await seen(a);
    assert.equal(cluster(a).leads, false);

    await shared.leave();
    await third[Symbol.asyncDispose]();
    await seen(a);
    assert.deepEqual([cluster(a).leads, cluster(a).epoch], [true, 3]);
    assert.equal(the((await a.checkin('web-1')).go).wave, 1);
    assert.equal(await a.gos(), 3);
  });

  test('whoever leaves is replaced at once; a new one knows everything, and waits for no journals', async () => {
    const lab = new Lab(server);
    const a = await Fixture.start({ store: (await lab.store('leaves', 'a')).store, idle: lab.idle });
    await using b = await a.beside((await lab.store('leaves', 'b')).store);
    await seen(a);
    await a.join(...hosts);
    await a.converge('canary');
    await a[Symbol.asyncDispose]();
    await seen(b);
    assert.deepEqual([cluster(b).leads, cluster(b).members], [true, ['b']]);
    await using c = await b.beside((await lab.store('leaves', 'c')).store);
    await seen(c);
    assert.equal(cluster(c).leads, false);
    assert.equal(c.controlPlane.readiness().rebuilding, null);
    assert.equal(the((await c.checkin('web-1')).go).wave, 1);
  });

  test('what one has verified the other takes over, and neither goes back behind it', async () => {
    const lab = new Lab(server);
    await using a = await Fixture.start({ store: (await lab.store('releases', 'a')).store, idle: lab.idle });
    await using b = await a.beside((await lab.store('releases', 'b')).store);
    await seen(a);
    await a.fleet.publish(newCanary);
    a.controlPlane.refresh();
    await seen(a);
    assert.equal(b.source.opened, a.source.opened);
    assert.equal((await b.view()).release?.version, 2, 'long before it looks itself');
  });

  test('what stands in the log is handed out only by whoever has planned with all that the others have stored', async () => {
    const lab = new Lab(server);
    await using a = await Fixture.start({ store: (await lab.store('behind', 'a')).store, idle: lab.idle });
    const { store, line } = await lab.store('behind', 'b');
    await using b = await a.beside(store);
    await seen(a);
    await a.join(...hosts);
    await seen(a);
    assert.ok((await b.checkin('canary')).go, 'recorded by the one, and handed out by the other');
    {
      // A brake that only the other one has read.
      using _late = line.delayLooks();
      await a.fleet.hold('stable', { seconds: 20 });
      a.controlPlane.refresh();
      await a.settle();
      const held = await b.checkin('canary');
      assert.deepEqual([held.goId, held.withheld?.[0]?.code], [null, 'hold']);
    }
    await pass(a, 22_000);
    await a.converge('canary');
    await seen(a);
    assert.ok((await b.checkin('web-2')).go);
    {
      // A failure that only the other one was told of.
      using _late = line.delayLooks();
      const target = await a.fleet.target('web-1');
      const body = { target, cause: 'probe-failed', revertTo: null } as const;
      await a.tell('web-1', fetching(target), { kind: 'failed', body });
      const halted = await b.checkin('web-2');
      assert.deepEqual([halted.goId, halted.withheld?.[0]?.code], [null, 'halted']);
      // What the others know cannot be told: nothing is allowed, long before this one may be taken for gone.
      await a.publish(newCanary);
    }
    await seen(a);
    assert.ok((await b.checkin('canary')).go);
    line.cutOff();
    const asked = b.checkin('canary');
    await pass(a, catchUpMsMax);
    assert.match(JSON.stringify((await asked).withheld), /what the other control planes have stored could not be read/);
    line.mend();
  });

  test('while the database is away nothing is taken and nothing allowed; it goes on by itself', async () => {
    const lab = new Lab(server);
    await using a = await Fixture.start({ store: (await lab.store('away', 'a')).store, idle: lab.idle });
    await seen(a);
    await a.join(...hosts);
    await seen(a);
    assert.ok((await a.checkin('canary')).go);
    await server.kill();
    await pass(a, goneAfterMs + 2 * lookMs);
    const reply = await a.checkin('canary');
    assert.equal(reply.go, undefined);
    assert.match(JSON.stringify(reply.withheld), /nothing can be allowed now: .*share does not answer/);
    await server.run();
    await pass(a, 6000);
    assert.ok((await a.checkin('canary')).go);
  });
});
