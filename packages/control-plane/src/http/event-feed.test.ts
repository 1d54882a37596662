import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '@nixfleet/testkit';
import { memoryStore } from '../fixture.test.ts';
import { EventFeed } from './event-feed.ts';

test('an idle stream that stays open for days waits once, and one that ended not at all', async () => {
  await using store = memoryStore();
  const clock = new FakeClock();
  const feed = new EventFeed({ store, clock });
  const leaving = new AbortController();
  const stream = feed.stream({ after: 0, signal: leaving.signal });
  await stream.next();
  for (let i = 0; i < 100; i++) {
    const beat = stream.next();
    await clock.advance(15_000);
    assert.equal((await beat).value, ': still here\n\n');
  }
  const last = stream.next();
  await clock.advance(1000);
  assert.equal(feed.waiting, 1);
  leaving.abort();
  assert.equal((await last).done, true);
  assert.deepEqual([feed.waiting, feed.streams], [0, 0]);
});
