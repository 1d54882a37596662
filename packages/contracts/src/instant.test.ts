import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addSeconds, Instant, instantToMs, latest, msToInstant, nearestInstant } from './instant.ts';

test('days of the calendar, and no others', () => {
  for (const text of ['2026-02-28T00:00:00Z', '2028-02-29T23:59:59Z', '2026-12-31T00:00:00Z']) {
    assert.equal(Instant.safeParse(text).success, true, text);
  }
  for (const text of [
    '2026-02-29T00:00:00Z',
    '2026-04-31T00:00:00Z',
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
