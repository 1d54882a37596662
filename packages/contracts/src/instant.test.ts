import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addSeconds, Instant, instantToMs, latest, msToInstant, nearestInstant } from './instant.ts';

test('days of the calendar, and no others', () => {
  for (const text of ['2026-02-28T00:00:00Z', '2028-02-29T23:59:59Z', '2400-02-29T00:00:00Z', '2026-12-31T00:00:00Z']) {
    assert.equal(Instant.safeParse(text).success, true, text);
  }
  for (const text of [
    '2026-02-29T00:00:00Z',
    '2100-02-29T00:00:00Z',
    '2026-04-31T00:00:00Z',
    '2026-11-31T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-00-01T00:00:00Z',
    '2026-01-00T00:00:00Z',
    '2026-01-32T00:00:00Z',
    '2026-01-01T24:00:00Z',
    '2026-01-01T00:00:60Z',
    '2026-01-01T00:00:00.000Z',
    '2026-01-01T00:00:00+00:00',
    '1999-01-01T00:00:00Z',
  ]) {
    assert.equal(Instant.safeParse(text).success, false, text);
  }
});

test('instants and milliseconds: whole seconds, rounded down', () => {
  const instant = msToInstant(1_780_300_800_999);
  assert.equal(instant, '2026-06-01T08:00:00Z');
  assert.equal(instantToMs(instant), 1_780_300_800_000);
  assert.equal(addSeconds(instant, 3600), '2026-06-01T09:00:00Z');
  assert.equal(latest(instant, addSeconds(instant, 1), addSeconds(instant, -1)), '2026-06-01T08:00:01Z');
  assert.throws(() => msToInstant(0), RangeError);
  assert.equal(nearestInstant(0), '2000-01-01T00:00:00Z');
  assert.equal(nearestInstant(8.64e15), '2999-12-31T23:59:59Z');
  assert.equal(
    addSeconds('2999-12-31T23:59:59Z' as Instant, 1),
    '2999-12-31T23:59:59Z',
    'no fault on what a host signed',
  );
});

test('reckons as the platform does, on every day and at every turn of a year', () => {
  const dayMs = 86_400_000;
  const firstMs = Date.UTC(2000, 0, 1);
  const days = (Date.UTC(3000, 0, 1) - firstMs) / dayMs;
  for (let day = 0; day < days; day++) {
    const ms = firstMs + day * dayMs + ((day * 7919) % 86_400) * 1000;
    const text = msToInstant(ms + 999);
    if (text !== `${new Date(ms).toISOString().slice(0, 19)}Z` || instantToMs(text) !== ms) {
      assert.fail(`${new Date(ms).toISOString()}: ${text}, ${instantToMs(text)}`);
    }
  }
  assert.equal(days, 365_243);
});
