import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CheckinReply, CheckinRequest } from '@nixfleet/contracts';
import { FakeClock, SeededRandom } from '@nixfleet/testkit';
import { Checkin } from './checkin.ts';
import type { ControlPlaneClient } from './control-plane-client.ts';
import { Gate } from './gate.ts';

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
    request: async () => ({}) as Omit<CheckinRequest, 'seen'>,
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
  assert.deepEqual([await quick.checkin.again(signal), quick.asked()], [true, 1]);
  const slow = checkinThatTakes(41_000, 200);
  assert.deepEqual([await slow.checkin.again(signal), slow.asked()], [true, 2]);
  const lost = checkinThatTakes(41_000);
  assert.deepEqual([await lost.checkin.again(signal), lost.asked()], [false, 2], 'not answered again');
  const hopeless = checkinThatTakes(20_000, 20_000, 20_000, 0);
  assert.deepEqual([await hopeless.checkin.again(signal), hopeless.asked()], [false, 3], 'not for ever');
});
