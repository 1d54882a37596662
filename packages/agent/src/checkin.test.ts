import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CheckinReply, CheckinRequest, JournalPosition } from '@nixfleet/contracts';
import { FakeClock, SeededRandom } from '@nixfleet/testkit';
import { Checkin } from './checkin.ts';
import type { ControlPlaneClient } from './control-plane-client.ts';
import { Gate } from './gate.ts';

const journal = { journal: 'j1', seq: 7, sha256: '0'.repeat(64) } as unknown as JournalPosition;
const reply = { head: null, trustVersion: 1, goId: null } as CheckinReply;
const signal = new AbortController().signal;

/** Answers whose taking in lasts so many milliseconds, one after the other; then none. */
function checkinThatTakes(...milliseconds: readonly number[]) {
  const clock = new FakeClock('2026-06-01T08:00:00Z');
  const left = [...milliseconds];
  let asked = 0;
  const client = {
    checkin: async () => {
      asked++;
      return left.length > 0 ? { ok: true, value: reply } : { ok: false, code: 'unreachable', detail: 'cut' };
    },
  } as unknown as ControlPlaneClient;
  const checkin = new Checkin({
    ...{ client, clock, gate: new Gate(), random: new SeededRandom(1), log: () => {} },
    waitSeconds: 0,
    request: async () => ({ journal }) as Omit<CheckinRequest, 'seen'>,
    take: async () => {
      await clock.advance(left.shift() ?? 0);
      return true;
    },
    onBack: () => {},
  });
  return { checkin, asked: () => asked };
}

test('what something starts on is a fresh answer: one that took long to read through is asked for again', async () => {
  const quick = checkinThatTakes(100);
  assert.deepEqual([await quick.checkin.again(signal), quick.asked()], ['decided', 1]);
  const slow = checkinThatTakes(41_000, 200);
  assert.deepEqual([await slow.checkin.again(signal), slow.asked()], ['decided', 2]);
  const lost = checkinThatTakes(41_000);
  assert.deepEqual([await lost.checkin.again(signal), lost.asked()], ['silence', 2], 'not answered again');
  const hopeless = checkinThatTakes(20_000, 20_000, 20_000, 0);
  assert.deepEqual([await hopeless.checkin.again(signal), hopeless.asked()], ['silence', 3], 'not for ever');
});

test('a reply that could not be followed to its end is told again, whichever go it came with', async () => {
  const clock = new FakeClock('2026-06-01T08:00:00Z');
  const seen: CheckinRequest['seen'][] = [];
  const goIds = ['a', 'b', 'a'].map((digit) => digit.repeat(64));
  const client = {
    checkin: async (request: CheckinRequest) => {
      seen.push(request.seen);
      return { ok: true, value: { ...reply, goId: goIds[seen.length - 1] ?? null } };
    },
  } as unknown as ControlPlaneClient;
  const checkin = new Checkin({
    ...{ client, clock, gate: new Gate(), random: new SeededRandom(1), log: () => {} },
    waitSeconds: 0,
    request: async () => ({ journal }) as Omit<CheckinRequest, 'seen'>,
    // The second one's release cannot be read.
    take: async () => seen.length !== 2,
    onBack: () => {},
  });
  for (const _ of goIds) await checkin.tell(signal);
  assert.deepEqual(
    seen.map(({ go }) => go),
    [null, goIds[0], null],
    'the first go again would be no news, and the second one is what the agent holds',
  );
});

test('before arming a decision is waited for, whatever was seen before; none is no permission', async () => {
  const clock = new FakeClock('2026-06-01T08:00:00Z');
  const asked: [CheckinRequest['seen']['go'], number][] = [];
  let taken = 0;
  const decided = 'a'.repeat(64);
  const client = {
    checkin: async ({ seen }: CheckinRequest, waitSeconds: number) => {
      asked.push([seen.go, waitSeconds]);
      // What a control plane does that cannot decide yet: it leaves standing what was seen.
      return { ok: true, value: { ...reply, goId: asked.length === 1 ? decided : seen.go } };
    },
  } as unknown as ControlPlaneClient;
  const checkin = new Checkin({
    ...{ client, clock, gate: new Gate(), random: new SeededRandom(1), log: () => {} },
    waitSeconds: 0,
    request: async () => ({ journal }) as Omit<CheckinRequest, 'seen'>,
    take: async (_reply, askedAt) => {
      assert.equal(askedAt, journal);
      taken++;
      return true;
    },
    onBack: () => {},
  });
  assert.equal(await checkin.again(signal), 'decided');
  assert.equal(await checkin.again(signal), 'undecided');
  assert.equal(taken, 1);
  assert.deepEqual(asked, Array(2).fill(['0'.repeat(64), 10]));
});

test('what was permitted for a switch that ended is asked for anew, and whoever holds an answer back is not waited for', async () => {
  const clock = new FakeClock('2026-06-01T08:00:00Z');
  const seen: CheckinRequest['seen']['go'][] = [];
  const decided = 'a'.repeat(64);
  const client = {
    checkin: async (request: CheckinRequest, _waitSeconds: number, waiting: AbortSignal) => {
      seen.push(request.seen.go);
      if (seen.length === 1) return { ok: true, value: { ...reply, goId: decided } };
      await new Promise((resolve) => waiting.addEventListener('abort', resolve));
      return { ok: false, code: 'unreachable', detail: 'aborted' };
    },
  } as unknown as ControlPlaneClient;
  const stop = new AbortController();
  const checkin = new Checkin({
    ...{ client, clock, gate: new Gate(), random: new SeededRandom(1), log: () => {} },
    waitSeconds: 100,
    request: async () => ({ journal }) as Omit<CheckinRequest, 'seen'>,
    take: async () => true,
    onBack: () => {},
  });
  const running = checkin.run(stop.signal);
  await clock.advance(60_000);
  assert.deepEqual(seen, [null, decided]);
  checkin.forgetGo();
  await clock.advance(1);
  assert.deepEqual(seen, [null, decided, null]);
  stop.abort();
  await running;
});

test('an answer that is taken in while what was permitted is used up brings nothing back as seen', async () => {
  const clock = new FakeClock('2026-06-01T08:00:00Z');
  const seen: CheckinRequest['seen']['go'][] = [];
  const client = {
    checkin: async (request: CheckinRequest) => {
      seen.push(request.seen.go);
      return { ok: true, value: { ...reply, goId: 'a'.repeat(64) } };
    },
  } as unknown as ControlPlaneClient;
  const checkin: Checkin = new Checkin({
    ...{ client, clock, gate: new Gate(), random: new SeededRandom(1), log: () => {} },
    waitSeconds: 0,
    request: async () => ({ journal }) as Omit<CheckinRequest, 'seen'>,
    take: async () => {
      if (seen.length === 1) checkin.forgetGo();
      return true;
    },
    onBack: () => {},
  });
  for (let i = 0; i < 3; i++) await checkin.tell(signal);
  assert.deepEqual(seen, [null, null, 'a'.repeat(64)]);
});
