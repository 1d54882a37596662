import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type EventContent, type HostTarget, type Instant, type SignedEvent, sha256Hex } from '@nixfleet/contracts';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import { initialHostState } from '@nixfleet/engine';
import { signEvent, type TestIntent, TestJournal } from '@nixfleet/testkit';
import { errorOf, Fixture, fetching, started, the } from './fixture.test.ts';

/** Both web hosts first, of which one must have converged; then the canary. */
function halfOfTheWeb(next: TestIntent): void {
  const stable = the(next.channels.stable);
  const promoteWhen = { convergedPercent: 50, receiptsPercent: 50 };
  stable.waves = [
    { hosts: ['web-1', 'web-2'], soakSeconds: 60, promoteWhen },
    { hosts: ['canary'], soakSeconds: 60, promoteWhen },
  ];
}

function converged(target: HostTarget): EventContent {
  return { kind: 'converged', body: { target, switched: true } };
}

/** What a host signs that writes its events larger than an agent does, after what its journal has. */
async function padded(fixture: Fixture, host: string, contents: readonly EventContent[]): Promise<SignedEvent[]> {
  const { position } = await fixture.fleet.journal(host);
  const key = await fixture.fleet.hostKey(host);
  let { seq, sha256 } = position;
  const events: SignedEvent[] = [];
  for (const content of contents) {
    seq++;
    const place = { host, journal: position.journal, seq, prevSha256: sha256, at: fixture.fleet.now, bootId: 'boot-1' };
    const envelope = { type: 'event', fleet: fixture.fleet.name, schemaVersion: 1 };
    const signed = await signEvent(key, { ...envelope, ...place, ...content, padding: 'x'.repeat(200_000) });
    sha256 = await sha256Hex(nodeCrypto, new TextEncoder().encode(signed.event));
    events.push(signed);
  }
  return events;
}

describe('a declared host that lies', () => {
  const lies: Record<string, (fixture: Fixture, target: HostTarget) => Promise<void>> = {
    'names a closure that it was not given': async (fixture, target) => {
      await fixture.tell(
        'web-1',
        converged({ ...target, closureDigest: 'f'.repeat(64) as HostTarget['closureDigest'] }),
      );
    },
    'is so large that few fit a reply': async (fixture, target) => {
      const events = await padded(fixture, 'web-1', [converged(target)]);
      assert.equal((await fixture.post('web-1', events)).status, 200);
    },
  };
  for (const [name, lie] of Object.entries(lies)) {
    test(`a receipt that ${name} does not shut a wave that honest ones open`, async () => {
      await using fixture = await Fixture.start({ prepare: (fleet) => fleet.publish(halfOfTheWeb) });
      await fixture.join('canary', 'web-1', 'web-2', 'db');
      await lie(fixture, await fixture.fleet.target('web-1'));
      await fixture.converge('web-2');
      const { go, withheld } = await fixture.checkin('canary');
      assert.equal(go?.wave, 1, JSON.stringify(withheld));
      assert.deepEqual(
        go?.receipts.map(({ event }) => (JSON.parse(event) as { host: string }).host),
        ['web-2'],
      );
    });
  }

  test('a receipt that it did not sign is refused, though a later signature covers it', async () => {
    await using fixture = await Fixture.start();
    await fixture.join('canary');
    const target = await fixture.fleet.target('canary');
    const journal = await fixture.fleet.journal('canary');
    const at = fixture.clock.instant();
    const older = { ...target, rolloutId: 'a'.repeat(64) as HostTarget['rolloutId'] };
    const unsigned = async (content: EventContent): Promise<SignedEvent> => ({
      ...(await journal.append(content, { at })),
      signature: Buffer.alloc(64).toString('base64'),
    });
    const old = [await unsigned(converged(older)), await journal.append(fetching(target), { at })];
    assert.equal(
      (await fixture.post('canary', old)).status,
      200,
      'nobody is shown a receipt of a rollout that is over',
    );
    const current = [await unsigned(converged(target)), await journal.append(fetching(target), { at })];
    assert.match(errorOf(await fixture.post('canary', current), 422).message, /not signed by a key of canary/);
  });

  test('probes without end are no memory without end', async () => {
    await using fixture = await Fixture.start();
    await fixture.join('canary', 'web-1', 'web-2', 'db');
    const probes = Array.from({ length: 300 }, (_, i): EventContent => {
      const check = `check-${i}` as never;
      return { kind: 'probe', body: { check, status: 'pass', mode: 'observe', consecutiveFailures: 0 } };
    });
    await fixture.tell('canary', ...probes);
    const view = JSON.parse(String((await fixture.call('olivia', { path: '/v1/hosts/canary' })).body)) as {
      state: { probes: object };
    };
    const names = Object.keys(view.state.probes);
    assert.ok(names.length <= 128, `${names.length} probes`);
    assert.ok(names.includes('check-299'), 'the newest are kept');
  });

  test("it fills its own share of the disk and nobody else's", async () => {
    await using fixture = await Fixture.start({
      limits: { hostEventBytes: { perSecond: 1000, burst: 1_000_000, bucketsMax: 100 } },
    });
    await fixture.join('web-1');
    const filler: EventContent = { kind: 'reboot-pending', body: { component: null } };
    const events = await padded(fixture, 'canary', [
      started('first-contact'),
      ...Array.from({ length: 8 }, () => filler),
    ]);
    const batches = [events.slice(0, 4), events.slice(4, 8), events.slice(8)];
    const statuses: number[] = [];
    for (const batch of batches) statuses.push((await fixture.post('canary', batch)).status);
    assert.deepEqual(statuses, [200, 429, 429]);
    assert.equal((await fixture.tell('web-1', { kind: 'reboot-pending', body: { component: null } })).stored.seq, 2);
    await fixture.clock.advance(1_000_000);
    assert.equal((await fixture.post('canary', the(batches[1]))).status, 200, 'later');
  });

  test('what it puts into a hole of its journal must fit both sides', async () => {
    await using fixture = await Fixture.start();
    const journal = await fixture.fleet.journal('canary');
    const at = fixture.fleet.now;
    const filler: EventContent = { kind: 'reboot-pending', body: { component: null } };
    const checkpoint: EventContent = { kind: 'checkpoint', body: { state: initialHostState } };
    for (const content of [started('first-contact'), filler, filler, filler, checkpoint, filler]) {
      await journal.append(content, { at });
    }
    // Another history of the same journal, the same up to the first event.
    const other = new TestJournal({
      fleet: fixture.fleet.name,
      host: journal.host,
      key: await fixture.fleet.hostKey('canary'),
      journal: journal.journal,
    });
    await other.append(started('first-contact'), { at });
    const otherFiller: EventContent = { kind: 'reboot-pending', body: { component: 'systemd' } };
    for (const content of [otherFiller, otherFiller, otherFiller]) await other.append(content, { at });
    const post = (events: readonly SignedEvent[]) => fixture.post('canary', events);
    assert.equal((await post(journal.events.slice(0, 1))).status, 200);
    assert.equal((await post(journal.events.slice(4))).status, 200, 'a checkpoint carries it across');
    assert.equal(errorOf(await post(other.events.slice(2, 3)), 409).error, 'gap', 'touches nothing');
    assert.equal(errorOf(await post(other.events.slice(2)), 409).error, 'fork', 'not what the checkpoint follows');
    assert.equal((await post(journal.events.slice(1, 3))).status, 200);
    assert.equal(errorOf(await post(other.events.slice(3)), 409).error, 'fork', 'not what it follows');
    assert.equal((await post(journal.events.slice(3, 4))).status, 200);
    const stored = await fixture.store.journalPlaces(journal.host, journal.journal, { from: 1, to: 9 });
    assert.deepEqual(
      stored.map(({ seq }) => seq),
      [1, 2, 3, 4, 5, 6],
    );
  });

  const last = '2999-12-31T23:59:59Z' as Instant;
  const ends: Record<string, (target: HostTarget) => EventContent[]> = {
    'a deadline': (target) => [
      fetching(target),
      { kind: 'activating', body: { target, revertTo: null, deadline: last } },
    ],
    'a refusal': (target) => [{ kind: 'refused', body: { target, reason: 'expired' } }],
    'a soak': (target) => [{ kind: 'confirmed', body: { target, soakUntil: last, by: 'control-plane' } }],
  };
  for (const [name, contents] of Object.entries(ends)) {
    test(`${name} at the end of time does not stop the planning for all`, async () => {
      await using fixture = await Fixture.start();
      await fixture.join('canary', 'web-1', 'web-2', 'db');
      const journal = await fixture.fleet.journal('canary');
      for (const content of contents(await fixture.fleet.target('canary'))) {
        await journal.append(content, { at: last });
        assert.equal((await fixture.post('canary', journal.events.slice(-1))).status, 200);
        await fixture.settle();
      }
      await fixture.clock.advance(151_000);
      await fixture.checkin('db');
      await fixture.settle();
      assert.deepEqual((await fixture.view()).problems, []);
      await fixture.restart();
      assert.deepEqual((await fixture.view()).problems, []);
    });
  }
});
