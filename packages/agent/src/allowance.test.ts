import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '@nixfleet/testkit';
import { Allowance } from './allowance.ts';

test('a burst at once, then one per refill; whoever does not wait waits the whole of it', async () => {
  const clock = new FakeClock('2026-06-01T08:00:00Z');
  const allowance = new Allowance(clock, { burst: 3, refillMs: 1000 });
  assert.deepEqual(
    [1, 2, 3, 4, 5].map(() => allowance.take()),
    [0, 0, 0, 1000, 1000],
  );
  await clock.advance(1000);
  assert.equal(allowance.tryTake(), false);
  await clock.advance(1000);
  assert.equal(allowance.tryTake(), true);
  assert.equal(allowance.tryTake(), false);
  await clock.advance(60_000);
  assert.deepEqual(
    [1, 2, 3, 4].map(() => allowance.tryTake()),
    [true, true, true, false],
  );
});
