import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Clock, instantToMs, msToInstant } from '@nixfleet/contracts';
import { AgentTime } from './agent-time.ts';

const noonMs = Date.UTC(2026, 10, 25, 12);

class TwoClocks implements Clock {
  wallMs = noonMs;
  bootMs = 5000;
  now = () => this.wallMs;
  monotonicMs = () => this.bootMs;
  sleep = async () => {};
  pass(ms: number) {
    this.wallMs += ms;
    this.bootMs += ms;
  }
}

test('a clock that is set, either way, moves no deadline while time is steady', () => {
  const clock = new TwoClocks();
  const time = new AgentTime(clock, null);
  time.follow({ name: 'confirming' }, true);
  clock.pass(10_000);
  clock.wallMs += 24 * 3600_000;
  assert.equal(instantToMs(time.now()), noonMs + 10_000);
  // Said again in the next step: it goes on from where it was.
  time.follow({ name: 'confirming' }, true);
  clock.pass(5000);
  assert.equal(instantToMs(time.now()), noonMs + 15_000);
  time.follow({ name: 'converged' }, true);
  assert.equal(instantToMs(time.now()), clock.wallMs);
});

test('what was verified is reached in steady time, too', () => {
  const clock = new TwoClocks();
  const time = new AgentTime(clock, null);
  time.follow({ name: 'confirming' }, true);
  const later = new AgentTime(Object.assign(new TwoClocks(), { wallMs: noonMs + 60_000 }), null).now();
  time.reached(later);
  clock.pass(1000);
  assert.equal(instantToMs(time.now()), noonMs + 61_000);
});

test('a clock that was not set when the phase began is followed', () => {
  const clock = new TwoClocks();
  const time = new AgentTime(clock, null);
  time.follow({ name: 'confirming' }, false);
  clock.wallMs += 24 * 3600_000;
  assert.equal(instantToMs(time.now()), clock.wallMs);
});

test('a phase that begins within a second loses nothing of it', () => {
  const clock = new TwoClocks();
  clock.pass(900);
  const time = new AgentTime(clock, null);
  time.follow({ name: 'confirming' }, true);
  clock.pass(200);
  assert.equal(instantToMs(time.now()), noonMs + 1000);
});

test('time does not go back before what was persisted, and a clock that had run ahead is caught up with', () => {
  const clock = new TwoClocks();
  const ahead = msToInstant(noonMs + 3600_000);
  const time = new AgentTime(clock, ahead);
  assert.equal(time.now(), ahead);
  clock.pass(1800_000);
  assert.equal(instantToMs(time.now()), noonMs + 4500_000, 'half as fast');
  clock.pass(5400_000);
  assert.equal(instantToMs(time.now()), clock.wallMs);
});

test('under a clock that is far behind, time goes on from what was verified', () => {
  const clock = new TwoClocks();
  clock.wallMs = 0;
  const time = new AgentTime(clock, msToInstant(noonMs + 60_000));
  time.reached(msToInstant(noonMs));
  clock.pass(30_000);
  assert.equal(instantToMs(time.now()), noonMs + 75_000);
  clock.pass(170_000);
  assert.equal(instantToMs(time.now()), noonMs + 200_000);
});
