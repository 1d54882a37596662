import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Scheduler } from './scheduler.ts';
import { simulate } from './simulate.ts';
import { untilBusyMs } from './tempo.ts';

test('a run of which the quiet hours are skipped comes to the same end', async () => {
  for (const seed of [3, 8]) {
    const size = { seed, hosts: 4, hours: 30 };
    const whole = await simulate({ ...size, skipsQuiet: false });
    const skipping = await simulate({ ...size, skipsQuiet: true });
    // Both end where S6 and S8 say: everybody on the last of as many releases, and shown as it is.
    for (const { broken } of [whole, skipping]) assert.equal(broken?.timeline, undefined);
    assert.equal(skipping.counts.releases, whole.counts.releases);
    assert.equal(whole.counts.skippedMinutes, 0);
    assert.ok(skipping.counts.skippedMinutes > 5 * 60, JSON.stringify(skipping.counts));
    assert.ok(skipping.counts.steps < whole.counts.steps * 0.9, JSON.stringify([whole.counts, skipping.counts]));
  }
});

test('time that is skipped puts timers off, and passes nothing else', async () => {
  const scheduler = new Scheduler();
  const seen: string[] = [];
  const at = (what: string) => (): number => seen.push(`${what} ${scheduler.nowMs}`);
  scheduler.after(50, at('later timer'), true);
  scheduler.after(10, at('timer'), true);
  scheduler.after(1000, at('fault'));
  scheduler.cancel(scheduler.after(200, at('cancelled')));
  assert.equal(scheduler.nextOfWorldMs(), 1000);
  assert.throws(() => scheduler.suspend(1001), RangeError);
  scheduler.suspend(900);
  assert.equal(scheduler.nowMs, 900);
  await scheduler.runUntil(2000);
  assert.deepEqual(seen, ['timer 910', 'later timer 950', 'fault 1000']);
});

test('busy time passes in the first hours of a day alone', () => {
  const hourMs = 3600_000;
  const busy = { busyHours: 3 };
  assert.equal(untilBusyMs(busy, 0, hourMs), hourMs);
  assert.equal(untilBusyMs(busy, 2 * hourMs, 2 * hourMs), 23 * hourMs);
  assert.equal(untilBusyMs(busy, 10 * hourMs, hourMs), 15 * hourMs);
  assert.equal(untilBusyMs(busy, 26 * hourMs, 3.5 * hourMs), 24.5 * hourMs);
  assert.equal(untilBusyMs({ busyHours: 24 }, 30 * hourMs, 50 * hourMs), 50 * hourMs);
});
