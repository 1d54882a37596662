import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import {
  addSeconds,
  batchEventsMax,
  bodyBytesMax,
  type EventContent,
  HostName,
  type HostTarget,
  Instant,
  JournalId,
  type SignedEvent,
} from '@nixfleet/contracts';
import { signEvent, TestJournal } from '@nixfleet/testkit';
import type { Attack } from './attack.ts';
import type { AttackLab } from './attack-lab.ts';
import { ask, send } from './intruder.ts';

const mole = 'host:mole';
const started: EventContent = {
  kind: 'journal-started',
  body: { reason: 'first-contact', running: null, confirmed: null, agentVersion: '0.1.0' },
};
const filler: EventContent = { kind: 'reboot-pending', body: { component: null } };

/** A new journal of the mole's own, begun with so many events. */
async function journalOf(lab: AttackLab, count: number): Promise<TestJournal> {
  const journal = new TestJournal({
    fleet: lab.fleet.name,
    host: HostName.parse('mole'),
    key: await lab.fleet.hostKey('mole'),
    journal: JournalId.parse(randomBytes(16).toString('hex')),
  });
  for (let i = 0; i < count; i++) await journal.append(i === 0 ? started : filler, { at: lab.fleet.now });
  return journal;
}

/** Changes an event, and signs it again with the mole's key. */
async function forged(lab: AttackLab, { event }: SignedEvent, change: object): Promise<SignedEvent> {
  return signEvent(await lab.fleet.hostKey('mole'), { ...(JSON.parse(event) as object), ...change });
}

/** What the control plane answers a host that sends this, and that nothing of it is stored. */
function posts(
  title: string,
  reason: string,
  make: (lab: AttackLab) => Promise<{ journal: string; events: readonly SignedEvent[] }>,
): Attack {
  return {
    title,
    owns: ['one enrolled host'],
    refusedBy: 'control plane',
    reason: `events: ${reason}`,
    async attempt(lab) {
      const before = await stored(lab);
      const { journal, events } = await make(lab);
      const answer = await send(lab, mole, journal, events);
      assert.deepEqual(await stored(lab), before, 'nothing of it was stored');
      return `events: ${answer}`;
    },
  };
}

/** How many events of each host the control plane has. */
async function stored(lab: AttackLab): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { host } of await lab.lab.controlPlane.events()) counts[host] = (counts[host] ?? 0) + 1;
  return counts;
}

/** What a host may not ask. */
function asks(title: string, reason: string, path: string): Attack {
  return {
    title,
    owns: ['one enrolled host'],
    refusedBy: 'control plane',
    reason,
    attempt: (lab) => ask(lab, mole, { path }),
  };
}

/** Attacks on the control plane, by whoever has the key of one enrolled host. */
export const hostAttacks: readonly Attack[] = [
  posts('events in another host’s name', '422 bad-event', async (lab) => {
    const journal = await journalOf(lab, 1);
    const [first] = journal.events;
    assert.ok(first);
    return { journal: journal.journal, events: [await forged(lab, first, { host: 'canary' })] };
  }),
  posts('another host’s own signed journal, sent as one’s own', '422 bad-event', async (lab) => {
    const events = lab.lab.host('canary').signedJournal().slice(0, 3);
    const { journal } = JSON.parse(events[0]?.event ?? '{}') as { journal: string };
    return { journal, events };
  }),
  {
    title:
      'the canary’s journal, kept from before the control plane was wiped, replayed by another host while it rebuilds',
    owns: ['one enrolled host'],
    refusedBy: 'control plane',
    reason: 'events: 422 bad-event, nothing of the canary stored',
    async attempt(lab) {
      const canary = lab.lab.host('canary');
      const events = canary.signedJournal().slice(0, 20);
      const { journal } = JSON.parse(events[0]?.event ?? '{}') as { journal: string };
      for (const host of lab.hosts) await host.stop();
      await lab.lab.controlPlane.stop('SIGKILL');
      lab.lab.controlPlane.wipe();
      await lab.lab.controlPlane.start();
      await lab.lab.untilRead();
      const answer = await send(lab, mole, journal, events);
      const { canary: ofCanary = 0 } = await stored(lab);
      return `events: ${answer}, ${ofCanary === 0 ? 'nothing' : ofCanary} of the canary stored`;
    },
  },
  posts('an event whose signature is somebody else’s', '422 bad-event', async (lab) => {
    const { journal, events } = await journalOf(lab, 2);
    const [first, second] = events;
    assert.ok(first && second);
    return { journal, events: [first, { ...second, signature: first.signature }] };
  }),
  posts('events in another order', '422 bad-event', async (lab) => {
    const { journal, events } = await journalOf(lab, 3);
    const [first, second, third] = events;
    assert.ok(first && second && third);
    return { journal, events: [first, third, second] };
  }),
  posts('a journal with its beginning cut off', '409 gap', async (lab) => {
    const { journal, events } = await journalOf(lab, 4);
    return { journal, events: events.slice(2) };
  }),
  posts('an event of another fleet', '422 bad-event', async (lab) => {
    const { journal, events } = await journalOf(lab, 1);
    const [first] = events;
    assert.ok(first);
    return { journal, events: [await forged(lab, first, { fleet: 'other' })] };
  }),
  posts('a host name that is a property of every object', '422 bad-event', async (lab) => {
    const { journal, events } = await journalOf(lab, 1);
    const [first] = events;
    assert.ok(first);
    return { journal, events: [await forged(lab, first, { host: '__proto__' })] };
  }),
  posts('more events in a batch than there may be', '400 malformed', async (lab) => {
    const { journal, events } = await journalOf(lab, 1);
    const [first] = events;
    assert.ok(first);
    return { journal, events: Array.from({ length: batchEventsMax + 1 }, () => first) };
  }),
  {
    title: 'two histories of one journal: both are kept, the second is not believed',
    owns: ['one enrolled host'],
    tuf: 'equivocation',
    refusedBy: 'control plane',
    reason: 'events: 409 fork',
    async attempt(lab) {
      const { journal, events } = await journalOf(lab, 2);
      const [, second] = events;
      assert.ok(second);
      assert.equal(await send(lab, mole, journal, events), '200');
      const answer = await send(lab, mole, journal, [await forged(lab, second, { bootId: 'boot-2' })]);
      const { hosts } = await lab.lab.controlPlane.view();
      assert.ok(hosts.some(({ name }) => name === 'mole'));
      return `events: ${answer}`;
    },
  },
  {
    title: 'a failure of a good release, claimed by a host that has no part in it: it halts nobody',
    owns: ['one enrolled host'],
    refusedBy: 'control plane',
    reason: 'rollout: not halted, 0 failed',
    async attempt(lab) {
      const target = await underWay(lab);
      const journal = await journalOf(lab, 1);
      const failed: EventContent = { kind: 'failed', body: { target, cause: 'probe-failed', revertTo: null } };
      await journal.append(failed, { at: lab.fleet.now, rolloutId: target.rolloutId });
      assert.equal(await send(lab, mole, journal.journal, journal.events), '200');
      const { state, failed: failures } = await lab.lab.controlPlane.rollout(target.rolloutId);
      return `rollout: ${state === 'halted' || state === 'reverted' ? state : 'not halted'}, ${failures} failed`;
    },
  },
  {
    title: 'the canary’s convergence, claimed by another host: the second wave stays shut',
    owns: ['one enrolled host'],
    refusedBy: 'control plane',
    reason: 'withheld: wave',
    async attempt(lab) {
      const target = await underWay(lab);
      await claimConverged(lab, target);
      const { withheld } = await lab.lab.controlPlane.why('web-1');
      return `withheld: ${withheld.map(({ code }) => code).find((code) => code === 'wave')}`;
    },
  },
  {
    title: 'an event from the end of time: everybody else is planned on',
    owns: ['one enrolled host'],
    refusedBy: 'control plane',
    reason: 'no new problem',
    async attempt(lab) {
      const before = await lab.lab.controlPlane.view();
      const journal = await journalOf(lab, 1);
      await journal.append(filler, { at: Instant.parse('2999-12-31T23:59:59Z') });
      await send(lab, mole, journal.journal, journal.events);
      const { problems } = await lab.lab.controlPlane.view();
      const fresh = problems.filter((problem) => !before.problems.includes(problem));
      return fresh.length === 0 ? 'no new problem' : fresh.join();
    },
  },
  asks('the view of the whole fleet', '403 not-allowed', '/v1/fleet'),
  asks('everybody’s events', '403 not-allowed', '/v1/events'),
  asks('a signed document outside the tree', '404 not-found', '/v1/signed/../../settings.json'),
  asks('the same with its dots encoded', '404 not-found', '/v1/signed/%2e%2e/%2e%2e/settings.json'),
  asks('a document by an absolute path', '404 not-found', '/v1/signed//etc/passwd'),
  {
    title: 'a host of that name that every object has, asked for by an operator',
    owns: ['nothing'],
    refusedBy: 'control plane',
    reason: '404 not-found, 404 not-found',
    async attempt(lab) {
      const answers = [];
      for (const name of ['constructor', '__proto__']) {
        answers.push(await ask(lab, 'operator:olivia', { path: `/v1/hosts/${name}` }));
      }
      return answers.join(', ');
    },
  },
  {
    title: 'a body larger than any may be',
    owns: ['one enrolled host'],
    tuf: 'endless data',
    refusedBy: 'control plane',
    reason: '413 too-large',
    attempt: (lab) =>
      ask(lab, mole, { method: 'POST', path: '/v1/agent/events', body: new Uint8Array(bodyBytesMax + 1).fill(0x20) }),
  },
  {
    title: 'a body of brackets a hundred thousand deep',
    owns: ['one enrolled host'],
    refusedBy: 'control plane',
    reason: '400 malformed',
    attempt: (lab) =>
      ask(lab, mole, { method: 'POST', path: '/v1/agent/events', body: new TextEncoder().encode('['.repeat(100_000)) }),
  },
  {
    title: 'a key that nobody declared',
    owns: ['nothing'],
    refusedBy: 'control plane',
    reason: '403 unknown-key',
    async attempt(lab) {
      const answer = await ask(lab, 'stranger', { path: '/v1/signed/head.json' });
      const { unknownKeys } = await lab.lab.controlPlane.view();
      assert.ok(unknownKeys.length > 0, 'listed');
      return answer;
    },
  },
];

/** A release that the canary, which is switched off, was to begin; returns what it was to run. */
async function underWay(lab: AttackLab): Promise<HostTarget> {
  await lab.lab.host('canary').stop();
  await lab.signNext();
  lab.lab.writeTree();
  await lab.lab.untilRead();
  return lab.fleet.target('canary');
}

/** The mole says that it converged on the canary's target, under its own name and its own key. */
async function claimConverged(lab: AttackLab, target: HostTarget): Promise<void> {
  const journal = await journalOf(lab, 1);
  const content: EventContent = { kind: 'converged', body: { target, switched: true } };
  await journal.append(content, { at: addSeconds(lab.fleet.now, 1), rolloutId: target.rolloutId });
  assert.equal(await send(lab, mole, journal.journal, journal.events), '200');
}
