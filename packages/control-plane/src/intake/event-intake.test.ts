import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { EventsView, type JournalId, type SignedEvent } from '@nixfleet/contracts';
import { initialHostState } from '@nixfleet/engine';
import { signEvent, TestJournal } from '@nixfleet/testkit';
import { bodyOf, errorOf, Fixture, fetching, memoryStore, started, the } from '../fixture.test.ts';

const filler = { kind: 'reboot-pending', body: { component: null } } as const;

/** A host whose journal has `length` events, the first delivered ones of them. */
async function withJournal(
  fixture: Fixture,
  host: string,
  { length, delivered }: { length: number; delivered: number },
) {
  const journal = await fixture.fleet.journal(host);
  await journal.append(started('first-contact'), { at: fixture.fleet.now });
  while (journal.events.length < length) await journal.append(filler, { at: fixture.fleet.now });
  if (delivered > 0) assert.equal((await fixture.post(host, journal.events.slice(0, delivered))).status, 200);
  return journal;
}

describe('batches', () => {
  test('idempotent: again, overlapping and in pieces come to the same', async () => {
    await using fixture = await Fixture.start();
    const journal = await withJournal(fixture, 'canary', { length: 6, delivered: 3 });
    for (const [from, to] of [
      [0, 3],
      [1, 4],
      [0, 6],
      [5, 6],
      [2, 3],
    ] as const) {
      const { stored } = bodyOf(await fixture.post('canary', journal.events.slice(from, to)), 200) as {
        stored: { seq: number };
      };
      assert.ok(stored.seq >= to);
    }
    const entries = await fixture.store.read({ after: 0, limit: 100, events: true });
    assert.deepEqual(
      entries.map((entry) => (entry.kind === 'event' ? entry.seq : 0)),
      [1, 2, 3, 4, 5, 6],
    );
  });

  test('a gap is told with the first missing place, in the reply to a check-in too', async () => {
    await using fixture = await Fixture.start();
    const journal = await withJournal(fixture, 'canary', { length: 6, delivered: 2 });
    const refused = errorOf(await fixture.post('canary', journal.events.slice(4)), 409);
    assert.equal(refused.error, 'gap');
    assert.deepEqual(refused.replayFrom, { journal: journal.journal, seq: 3 });
    assert.deepEqual((await fixture.checkin('canary')).replayFrom, { journal: journal.journal, seq: 3 });
    const unknown = await withJournal(fixture, 'db', { length: 3, delivered: 0 });
    assert.equal(errorOf(await fixture.post('db', unknown.events.slice(1)), 409).replayFrom?.seq, 1);
    assert.equal((await fixture.checkin('db')).replayFrom?.seq, 1);
  });

  test('a fork is refused; both sides are kept and shown, and their number is bounded', async () => {
    await using fixture = await Fixture.start();
    const journal = await withJournal(fixture, 'canary', { length: 3, delivered: 3 });
    const twin = async (at: number): Promise<SignedEvent[]> => {
      const other = new TestJournal({
        fleet: fixture.fleet.name,
        host: journal.host,
        key: await fixture.fleet.hostKey('canary'),
        journal: journal.journal,
      });
      const seconds = String(at).padStart(2, '0');
      for (const content of [started('restored'), filler]) {
        await other.append(content, { at: `2026-06-01T07:00:${seconds}Z` as never });
      }
      return other.events;
    };
    for (let i = 0; i < 20; i++) {
      assert.equal(errorOf(await fixture.post('canary', await twin(i)), 409).error, 'fork');
    }
    assert.equal(errorOf(await fixture.post('canary', await twin(0)), 409).error, 'fork', 'the same one again');
    assert.equal(await fixture.store.forksOf(journal.host), 16);
    assert.match((await fixture.view()).problems.join(), /two histories.*canary/);
    assert.equal((await fixture.post('canary', journal.events)).status, 200, 'the stored side goes on');
    await fixture.restart();
    assert.match((await fixture.view()).problems.join(), /two histories.*canary/);
  });

  test('a tail that continues another history is a fork', async () => {
    await using fixture = await Fixture.start();
    const journal = await withJournal(fixture, 'canary', { length: 2, delivered: 2 });
    const key = await fixture.fleet.hostKey('canary');
    const event = JSON.parse((await journal.append(filler, { at: fixture.fleet.now })).event);
    const signed = await signEvent(key, { ...event, prevSha256: 'e'.repeat(64) });
    assert.equal(errorOf(await fixture.post('canary', [signed]), 409).error, 'fork');
  });

  const hostile: readonly [string, (fixture: Fixture, events: SignedEvent[]) => Promise<SignedEvent[]>][] = [
    [
      'not signed by the host',
      async (fixture, [first]) => [await signEvent(await fixture.fleet.hostKey('web-1'), JSON.parse(the(first).event))],
    ],
    [
      'written for another host',
      async (fixture, [first]) => [
        await signEvent(await fixture.fleet.hostKey('canary'), { ...JSON.parse(the(first).event), host: 'web-1' }),
      ],
    ],
    [
      'of another fleet',
      async (fixture, [first]) => [
        await signEvent(await fixture.fleet.hostKey('canary'), { ...JSON.parse(the(first).event), fleet: 'other' }),
      ],
    ],
    ['not canonical', async (_fixture, [first]) => [{ ...the(first), event: ` ${the(first).event}` }]],
    ['a broken chain', async (_fixture, events) => [the(events[0]), the(events[2])]],
    ['cut short', async (_fixture, [first]) => [{ ...the(first), event: the(first).event.slice(0, -1) }]],
    ['a signature that is none', async (_fixture, [first]) => [{ ...the(first), signature: 'A'.repeat(88) }]],
  ];
  for (const [name, forge] of hostile) {
    test(`refused whole: ${name}`, async () => {
      await using fixture = await Fixture.start();
      const { events } = await withJournal(fixture, 'canary', { length: 3, delivered: 0 });
      const response = await fixture.post('canary', await forge(fixture, [...events]));
      assert.equal(errorOf(response, 422).error, 'bad-event');
      assert.equal((await fixture.store.read({ after: 0, limit: 10, events: true })).length, 0);
    });
  }

  test('a receipt inside a batch needs its own signature', async () => {
    await using fixture = await Fixture.start();
    const journal = await withJournal(fixture, 'canary', { length: 1, delivered: 1 });
    const target = await fixture.fleet.target('canary');
    await journal.append({ kind: 'converged', body: { target, switched: true } }, { at: fixture.fleet.now });
    await journal.append(filler, { at: fixture.fleet.now });
    const [converged, last] = [the(journal.events[1]), the(journal.events[2])];
    const forged = { ...converged, signature: 'A'.repeat(86).concat('==') };
    assert.equal(errorOf(await fixture.post('canary', [forged, last]), 422).error, 'bad-event');
    assert.equal((await fixture.post('canary', [converged, last])).status, 200);
  });

  test('batches of one host take turns, and few may wait', async () => {
    await using fixture = await Fixture.start();
    const { events } = await withJournal(fixture, 'canary', { length: 8, delivered: 0 });
    const responses = await Promise.all(
      Array.from({ length: 6 }, (_, i) => fixture.post('canary', events.slice(i, i + 1))),
    );
    const statuses = responses.map(({ status }) => status);
    assert.deepEqual(statuses, [200, 200, 200, 200, 503, 503]);
  });
});

describe('replay', () => {
  test('from a checkpoint, the older history later', async () => {
    await using fixture = await Fixture.start();
    const journal = await withJournal(fixture, 'canary', { length: 4, delivered: 0 });
    const state = { ...initialHostState, running: null };
    await journal.append({ kind: 'checkpoint', body: { state } }, { at: fixture.fleet.now });
    await journal.append(filler, { at: fixture.fleet.now });
    assert.equal((await fixture.post('canary', journal.events.slice(4))).status, 200);
    assert.equal((await fixture.checkin('canary')).replayFrom, undefined);
    assert.equal((await fixture.post('canary', journal.events.slice(0, 4))).status, 200, 'older history');
    assert.equal((await fixture.post('canary', journal.events)).status, 200);
    const { events } = EventsView.parse(bodyOf(await fixture.call('olivia', { path: '/v1/events' }), 200));
    assert.equal(events.length, 6);
    const view = await fixture.view();
    assert.deepEqual(view.problems, []);
  });

  test('a new journal is taken over; writing to both is told', async () => {
    await using fixture = await Fixture.start();
    const journal = await withJournal(fixture, 'canary', { length: 3, delivered: 2 });
    const key = await fixture.fleet.hostKey('canary');
    const next = new TestJournal({
      fleet: fixture.fleet.name,
      host: journal.host,
      key,
      journal: 'ab'.repeat(16) as JournalId,
    });
    await next.append(started('state-lost'), { at: fixture.fleet.now });
    const send = (events: readonly SignedEvent[], id: JournalId) =>
      fixture.call('canary', { method: 'POST', path: '/v1/agent/events', body: { journal: id, events } });
    assert.equal((await send(next.events, next.journal)).status, 200);
    assert.deepEqual((await fixture.view()).problems, []);
    assert.equal((await send(journal.events.slice(2), journal.journal)).status, 200);
    assert.match((await fixture.view()).problems.join(), /more than one journal.*canary/);
  });
});

describe('after the state was lost', () => {
  test('nothing is dispatched until every host has replayed; then all is as before, and nothing goes out twice', async () => {
    await using fixture = await Fixture.start();
    const hosts = ['canary', 'web-1', 'web-2', 'db'];
    await fixture.join(...hosts);
    await fixture.converge('canary');
    await fixture.tell('web-1', fetching(await fixture.fleet.target('web-1')));
    const before = await fixture.view();
    assert.equal((await fixture.checkin('web-2')).go?.wave, 1);

    await fixture.restart(memoryStore());
    for (const host of hosts) {
      const reply = await fixture.checkin(host);
      assert.equal(reply.go, undefined);
      assert.equal(reply.replayFrom?.seq, 1);
    }
    const lost = await fixture.view();
    assert.deepEqual(lost.rebuilding?.unheard, ['canary', 'db', 'web-1', 'web-2']);
    assert.ok(lost.hosts.every(({ health }) => health === 'unheard'));
    const ready = await fixture.call('olivia', { path: '/readyz' });
    assert.match((bodyOf(ready, 503) as { missing: string[] }).missing.join(), /4 hosts are not heard/);

    for (const host of hosts) {
      assert.equal((await fixture.checkin('web-2')).go, undefined, `before ${host}`);
      const { events } = await fixture.fleet.journal(host);
      assert.equal((await fixture.post(host, events)).status, 200);
      await fixture.settle();
    }
    const after = await fixture.view();
    assert.equal(after.rebuilding, null);
    const stable = ({ name, health, phase, target }: (typeof after.hosts)[number]) => ({ name, health, phase, target });
    assert.deepEqual(after.hosts.map(stable), before.hosts.map(stable));
    assert.deepEqual(after.rollouts, before.rollouts);
    assert.equal((await fixture.checkin('canary')).go, undefined, 'it runs its target');
    assert.equal((await fixture.checkin('web-2')).go?.receipts.length, 1);
    assert.equal(await fixture.gos(), 2, 'web-1, which is under way, and web-2');
  });

  test('after the longest wait a channel with an unheard host in an earlier wave stays held', async () => {
    await using fixture = await Fixture.start({ rebuildSecondsMax: 60 });
    await fixture.join('web-1', 'web-2', 'db');
    assert.equal((await fixture.checkin('web-1')).withheld?.[0]?.code, 'rebuilding');
    await fixture.clock.advance(61_000);
    await fixture.checkin('web-1');
    await fixture.settle();
    assert.equal((await fixture.checkin('web-1')).withheld?.[0]?.code, 'unheard-after-rebuild');
    const view = await fixture.view();
    assert.equal(view.rebuilding, null);
    assert.match(view.problems.join(), /not heard.*canary/);
    await fixture.restart();
    assert.match((await fixture.view()).problems.join(), /not heard.*canary/, 'a restart does not end it');
    await fixture.join('canary');
    assert.equal((await fixture.checkin('canary')).go?.wave, 0);
    assert.deepEqual((await fixture.view()).problems, []);
  });

  test('a restart with its state dispatches nothing again and asks nobody', async () => {
    await using fixture = await Fixture.start();
    const hosts = ['canary', 'web-1', 'web-2', 'db'];
    await fixture.join(...hosts);
    await fixture.converge('canary');
    const { goId } = await fixture.checkin('web-1');
    const gos = await fixture.gos();
    await fixture.restart();
    const reply = await fixture.checkin('web-1', { go: goId });
    assert.equal(reply.goId, goId);
    assert.equal(reply.replayFrom, undefined);
    assert.equal(await fixture.gos(), gos);
    assert.equal((await fixture.view()).rebuilding, null);
  });
});
