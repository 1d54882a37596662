import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from './fake-clock.ts';

test('sleepers wake in order of their time, and what they start may sleep again', async () => {
  const clock = new FakeClock('2026-06-01T08:00:00Z');
  const woken: string[] = [];
  const note = async (name: string, ms: number) => {
    await clock.sleep(ms);
    woken.push(`${name}@${clock.monotonicMs()}`);
  };
  void note('late', 3000);
  void note('early', 1000).then(() => note('again', 1000));
  await clock.advance(999);
  assert.deepEqual(woken, []);
  await clock.advance(2001);
  assert.deepEqual(woken, ['early@1000', 'again@2000', 'late@3000']);
  assert.equal(clock.instant(), '2026-06-01T08:00:03Z');
  assert.equal(clock.sleeping, 0);
});

test('a jump of the wall clock wakes nobody and moves no deadline', async () => {
  const clock = new FakeClock();
  let isAwake = false;
  void clock.sleep(1000).then(() => {
    isAwake = true;
  });
  clock.setWall('2030-01-01T00:00:00Z');
  await clock.advance(999);
  assert.equal(isAwake, false);
  await clock.advance(1);
  assert.equal(isAwake, true);
  assert.equal(clock.instant(), '2030-01-01T00:00:01Z');
});

test('an aborted sleep rejects with the reason', async () => {
  const clock = new FakeClock();
  const stop = new AbortController();
  const slept = clock.sleep(1000, stop.signal);
  stop.abort(new Error('stopped'));
  await assert.rejects(slept, /stopped/);
  await assert.rejects(clock.sleep(1000, stop.signal), /stopped/);
  assert.equal(clock.sleeping, 0);
});
