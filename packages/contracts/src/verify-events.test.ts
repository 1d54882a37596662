import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { accepted, createTestFleet, hostileForms, signEvent, testKey } from '@nixfleet/testkit';
import type { JournalEvent, SignedEvent } from './event.ts';
import { HostName, JournalId, Sha256Hex } from './names.ts';
import { eventsMax, verifyEvents } from './verify-events.ts';

const fleet = await createTestFleet();
const { ctx, now } = fleet;
const journal = await fleet.journal('canary');
const key = await testKey('host:canary');
const host = HostName.parse('canary');
const started = { kind: 'started', body: { running: null, agentVersion: '0.1.0' } } as const;
for (let i = 0; i < 4; i++) await journal.append(started, { at: now });
const { events } = journal;

type Options = Partial<Parameters<typeof verifyEvents>[1]>;

function verify(options: Options = {}) {
  const input = {
    host,
    keys: [key.publicKey],
    journal: journal.journal,
    after: null,
    events,
    signatures: 'last' as const,
  };
  return verifyEvents(ctx, { ...input, ...options });
}

async function verdict(options: Options = {}): Promise<string> {
  const verified = await verify(options);
  return verified.ok ? 'accepted' : verified.reason;
}

function eventAt(index: number): SignedEvent {
  return events[index] ?? assert.fail(`no event ${index}`);
}

/** The last event, changed and signed again. */
async function changed(change: object, by = key): Promise<SignedEvent[]> {
  const last: JournalEvent = JSON.parse(eventAt(3).event);
  return [...events.slice(0, 3), await signEvent(by, { ...last, ...change })];
}

const broken = { ...eventAt(1), signature: eventAt(0).signature };

describe('verifyEvents', () => {
  test('a whole journal, and where it stands', async () => {
    const verified = accepted(await verify());
    assert.deepEqual(verified.position, journal.position);
    assert.deepEqual(
      verified.events.map(({ event }) => event.seq),
      [1, 2, 3, 4],
    );
    assert.equal(verified.events[3]?.text, eventAt(3).event);
  });

  test('a piece, after the position before it; an empty one leaves it', async () => {
    const before = accepted(await verify({ events: events.slice(0, 2) })).position;
    assert.deepEqual(accepted(await verify({ after: before, events: events.slice(2) })).position, journal.position);
    assert.deepEqual(accepted(await verify({ after: before, events: [] })).position, before);
  });

  test('a piece from where its first event says that it stands, and its place is held to that', async () => {
    const claimed = { after: 'claimed' } as const;
    assert.deepEqual(accepted(await verify(claimed)).position, journal.position);
    assert.deepEqual(accepted(await verify({ ...claimed, events: events.slice(2) })).position, journal.position);
    assert.equal(await verdict({ ...claimed, events: [eventAt(1), eventAt(3)] }), 'chain-gap');
    assert.equal(await verdict({ ...claimed, journal: JournalId.parse('f'.repeat(32)) }), 'wrong-journal');
    const first: JournalEvent = JSON.parse(eventAt(0).event);
    const moved = await signEvent(key, { ...first, prevSha256: journal.position.sha256 });
    assert.equal(await verdict({ ...claimed, events: [moved] }), 'chain-broken');
  });

  for (const form of hostileForms(JSON.parse(eventAt(3).event))) {
    // An event travels as text: what is not UTF-8 cannot arrive.
    if (form.name === 'cut inside UTF-8') continue;
    test(`refused: ${form.name}`, async () => {
      const signature = Buffer.from(await key.sign(form.bytes)).toString('base64');
      const event = new TextDecoder().decode(form.bytes);
      assert.equal(await verdict({ events: [...events.slice(0, 3), { event, signature }] }), form.reason);
    });
  }

  test('a lone surrogate is not the character that replaces it', async () => {
    const [text] = await changed({ bootId: 'boot-1', zz: '\ufffd' }).then((list) => list.slice(3));
    assert.ok(text);
    assert.equal(await verdict({ events: [...events.slice(0, 3), text] }), 'accepted');
    const forged = { ...text, event: text.event.replace('\ufffd', '\ud800') };
    assert.equal(await verdict({ events: [...events.slice(0, 3), forged] }), 'malformed');
  });

  test('an unknown optional field is accepted, and an unknown kind refused', async () => {
    assert.equal(await verdict({ events: await changed({ zz: 1 }) }), 'accepted');
    assert.equal(await verdict({ events: await changed({ kind: 'constructor' }) }), 'invalid');
  });

  test('wrong key, and a host without keys', async () => {
    assert.equal(await verdict({ events: await changed({}, await testKey('host:web-1')) }), 'bad-signature');
    assert.equal(await verdict({ keys: [] }), 'bad-signature');
    assert.equal(await verdict({ keys: [(await testKey('other')).publicKey, key.publicKey] }), 'accepted');
  });

  test('signatures: the last authenticates the ones before it, unless every one is asked for', async () => {
    const list = [eventAt(0), broken, eventAt(2), eventAt(3)];
    assert.equal(await verdict({ events: list }), 'accepted');
    assert.equal(await verdict({ events: list, signatures: 'every' }), 'bad-signature');
    assert.equal(await verdict({ signatures: 'every' }), 'accepted');
    for (const signature of [
      '',
      'A'.repeat(88),
      `${eventAt(3).signature.slice(0, -1)} `,
      `${eventAt(3).signature}\n`,
    ]) {
      assert.equal(await verdict({ events: [...events.slice(0, 3), { ...eventAt(3), signature }] }), 'bad-signature');
    }
  });

  test("another host's event, and another journal's", async () => {
    assert.equal(await verdict({ events: await changed({ host: 'web-1' }) }), 'wrong-host');
    assert.equal(await verdict({ host: HostName.parse('constructor') }), 'wrong-host');
    const other = JournalId.parse('0'.repeat(32));
    assert.equal(await verdict({ events: await changed({ journal: other }) }), 'wrong-journal');
    assert.equal(await verdict({ journal: other, after: journal.position }), 'wrong-journal');
    assert.equal(await verdict({ journal: other }), 'wrong-journal');
  });

  test('a gap, a repetition, an order, a beginning', async () => {
    assert.equal(await verdict({ events: [eventAt(0), eventAt(2), eventAt(3)] }), 'chain-gap');
    assert.equal(await verdict({ events: [eventAt(0), eventAt(0)] }), 'chain-gap');
    assert.equal(await verdict({ events: [eventAt(1), eventAt(0)] }), 'chain-gap');
    assert.equal(await verdict({ events: events.slice(1) }), 'chain-gap');
  });

  test('a broken chain: one event altered, or a fork', async () => {
    const prevSha256 = Sha256Hex.parse('1'.repeat(64));
    assert.equal(await verdict({ events: await changed({ prevSha256 }) }), 'chain-broken');
    const second: JournalEvent = JSON.parse(eventAt(1).event);
    const altered = await signEvent(key, { ...second, bootId: 'boot-2' });
    assert.equal(await verdict({ events: [eventAt(0), altered, eventAt(2), eventAt(3)] }), 'chain-broken');
    const fork = { journal: journal.journal, seq: 1, sha256: prevSha256 };
    assert.equal(await verdict({ after: fork, events: events.slice(1) }), 'chain-broken');
  });

  test('one call is bounded', async () => {
    assert.equal(await verdict({ events: Array(eventsMax + 1).fill(eventAt(0)) }), 'oversized');
  });
});
