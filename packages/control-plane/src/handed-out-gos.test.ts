import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { addSeconds, type EventContent, HostName, JournalId, undecided } from '@nixfleet/contracts';
import { TestJournal, testClosure } from '@nixfleet/testkit';
import { bodyOf, Fixture, fetching, started, the } from './fixture.test.ts';

const hosts = ['canary', 'web-1', 'web-2', 'db'];

describe('what is handed out', () => {
  test('every try is recorded before it is told, so that it holds its slot until its host has said what came of it', async () => {
    await using fixture = await Fixture.start();
    await fixture.join(...hosts);
    assert.ok((await fixture.checkin('canary')).go);
    assert.equal(await fixture.gos(), 1);
    const target = await fixture.fleet.target('canary');
    await fixture.tell('canary', fetching(target));
    await fixture.checkin('canary');
    assert.equal(await fixture.gos(), 1, 'at work on it: nothing new is told');
    const retryNotBefore = addSeconds(fixture.clock.instant(), 30);
    await fixture.tell('canary', { kind: 'refused', body: { target, reason: 'closure-unavailable', retryNotBefore } });
    assert.equal((await fixture.checkin('canary')).go, undefined, 'it backs off');
    await fixture.clock.advance(31_000);
    await fixture.settle();
    assert.ok((await fixture.checkin('canary')).go);
    assert.equal(await fixture.gos(), 2, 'the second try has a record of its own');
    await fixture.restart();
    assert.equal(await fixture.gos(), 2);
  });

  test('a host is allowed nothing, and denied nothing, before all that it has written is known', async () => {
    await using fixture = await Fixture.start();
    await fixture.join(...hosts);
    const { goId } = await fixture.checkin('canary');
    assert.ok(goId);
    const target = await fixture.fleet.target('canary');
    const journal = await fixture.fleet.journal('canary');
    const from = journal.events.length;
    // What it gives up it could fetch again on the strength of an answer that did not know it.
    const withheld: EventContent = { kind: 'withheld', body: { withheld: { code: 'no-go' } } };
    for (const content of [fetching(target), withheld]) await journal.append(content, { at: fixture.clock.instant() });
    const asked = await fixture.checkin('canary');
    assert.deepEqual([asked.goId, asked.go, asked.replayFrom?.seq], [null, undefined, from + 1]);
    assert.equal((await fixture.checkin('canary', { go: goId })).goId, goId, 'what it has stands until it is decided');

    const held = fixture.ask('canary', { head: asked.head }, 100);
    await fixture.post('canary', journal.events.slice(from));
    await fixture.settle();
    const answer = await held;
    assert.deepEqual([answer.goId, answer.go?.rolloutId], [goId, target.rolloutId], 'once its events are here');
    assert.equal(await fixture.gos(), 2, 'the second try has a record of its own');
  });

  test('what is not allowed any more is taken back, also from a host whose last events are not stored', async () => {
    await using fixture = await Fixture.start();
    await fixture.join(...hosts);
    await fixture.converge('canary');
    const { goId, head } = await fixture.checkin('web-1');
    assert.ok(goId);
    await fixture.checkin('web-2');
    const journal = await fixture.fleet.journal('web-1');
    await journal.append(fetching(await fixture.fleet.target('web-1')), { at: fixture.clock.instant() });
    const held = fixture.ask('web-1', { head, go: goId }, 100);
    const target = await fixture.fleet.target('web-2');
    await fixture.tell('web-2', fetching(target), {
      kind: 'failed',
      body: { target, cause: 'activation-failed', revertTo: null },
    });
    await fixture.settle();
    const { goId: now, withheld } = await held;
    assert.deepEqual([now, withheld?.[0]?.code], [null, 'halted']);
  });

  test('who says that nothing is started now gives its place up, and asks for another go', async () => {
    await using fixture = await Fixture.start({
      prepare: (fleet) =>
        fleet.publish((next) => {
          Object.assign(the(next.channels.stable).policy, { fetchesMax: 1 });
        }),
    });
    await fixture.join(...hosts);
    await fixture.converge('canary');
    assert.ok((await fixture.checkin('web-1')).go);
    assert.equal((await fixture.checkin('web-2')).go, undefined);
    await fixture.tell('web-1', { kind: 'withheld', body: { withheld: { code: 'clock-unsynchronised' } } });
    await fixture.settle();
    assert.ok((await fixture.checkin('web-2')).go);
    await fixture.tell('web-1', { kind: 'withheld', body: { withheld: null } });
    await fixture.settle();
    assert.equal((await fixture.checkin('web-1')).go, undefined, 'its place is taken');
  });

  test('the question before arming waits for its decision beside a check-in that is held', async () => {
    await using fixture = await Fixture.start();
    await fixture.join(...hosts);
    const { goId, head } = await fixture.checkin('canary');
    const journal = await fixture.fleet.journal('canary');
    await journal.append(fetching(await fixture.fleet.target('canary')), { at: fixture.clock.instant() });
    const held = fixture.ask('canary', { head, go: goId }, 100);
    await fixture.clock.advance(5);
    const question = fixture.ask('canary', { head, go: undecided }, 10);
    await fixture.clock.advance(5);
    const newer = fixture.ask('canary', { head, go: goId }, 100);
    await fixture.clock.advance(500);
    await fixture.post('canary', journal.events.slice(-1));
    await fixture.settle();
    assert.equal((await question).goId, goId);
    const late = fixture.ask('canary', { head, go: undecided }, 10);
    assert.equal((await late).goId, goId, 'decided already');
    await journal.append({ kind: 'withheld', body: { withheld: null } }, { at: fixture.clock.instant() });
    const never = fixture.ask('canary', { head, go: undecided }, 10);
    await fixture.clock.advance(10_001);
    assert.equal((await never).goId, undecided, 'its events did not come');
    await fixture.clock.advance(120_000);
    await Promise.all([held, newer]);
  });

  test('a host that goes on in a journal which a clone has ended is asked for a new one, and told to start in that', async () => {
    await using fixture = await Fixture.start();
    await fixture.join(...hosts);
    const key = await fixture.fleet.hostKey('canary');
    const clone = new TestJournal({
      fleet: fixture.fleet.name,
      host: HostName.parse('canary'),
      key,
      journal: JournalId.parse('f'.repeat(32)),
    });
    await clone.append(started('restored'), { at: fixture.clock.instant() });
    await fixture.post('canary', clone.events, 'canary', clone.journal);
    await fixture.settle();
    const { position } = await fixture.fleet.journal('canary');
    const { head, replayFrom } = await fixture.checkin('canary');
    assert.equal(replayFrom, undefined, 'its own next journal may be on its way');
    const held = fixture.ask('canary', { head }, 100);
    await fixture.clock.advance(100_001);
    const reply = await held;
    assert.deepEqual([reply.goId, reply.replayFrom], [null, { journal: position.journal, seq: position.seq + 2 }]);
    const row = (await fixture.view()).hosts.find(({ name }) => name === 'canary');
    assert.deepEqual(
      row?.withheld.map(({ code, reason }) => [code, reason]),
      [['no-go', 'what it has written last is not known here yet']],
    );
  });

  test('a raised `reboots` and a trial reach their hosts, and only theirs', async () => {
    await using fixture = await Fixture.start();
    await fixture.join(...hosts);
    for (const host of hosts) await fixture.converge(host);
    await fixture.publish((next) => {
      Object.assign(the(next.channels.stable).policy, { reboots: 1 });
    });
    const { rolloutId } = await fixture.fleet.target('canary');
    assert.equal((await fixture.checkin('canary')).go?.rolloutId, rolloutId);
    assert.equal((await fixture.checkin('web-1')).go, undefined, 'wave by wave');
    await fixture.converge('canary');
    assert.equal((await fixture.checkin('web-1')).go?.rolloutId, rolloutId);
    await fixture.converge('web-1');
    await fixture.converge('web-2');

    const real = { closure: testClosure('db', 9).closure, closureDigest: '0'.repeat(64), closureBytes: 1 };
    const expiresAt = addSeconds(fixture.clock.instant(), 3600);
    await fixture.publish((next) => {
      next.trials = { db: { real, expiresAt } };
    });
    const reply = await fixture.checkin('db');
    assert.deepEqual([reply.go?.wave, reply.go?.receipts], [0, []]);
    const manifest = bodyOf(await fixture.call('db', { path: `/v1/signed/rollouts/${reply.go?.rolloutId}.json` }), 200);
    assert.deepEqual(Object.keys((manifest as { hosts: object }).hosts), ['db']);
    for (const host of ['canary', 'web-1', 'web-2']) assert.equal((await fixture.checkin(host)).go, undefined, host);
    const row = (await fixture.view()).hosts.find(({ name }) => name === 'db');
    assert.equal(row?.target, real.closure);
  });
});
