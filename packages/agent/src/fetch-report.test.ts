import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '@nixfleet/testkit';
import { FetchReport } from './fetch-report.ts';

test('a fetch is told of every ten seconds, and no more of when it is over', async () => {
  const clock = new FakeClock('2026-06-01T08:00:00Z');
  const logged: unknown[] = [];
  let told = 0;
  const report = new FetchReport({ clock, log: (_, __, facts) => logged.push(facts), tell: () => told++ });
  const at = (doneBytes: number) => report.take({ doneBytes, totalBytes: 100 });
  at(0);
  at(10);
  assert.deepEqual([told, report.current], [0, { done: 10, total: 100 }]);
  await clock.advance(10_000);
  at(40);
  at(50);
  assert.deepEqual([told, logged], [1, [{ doneBytes: 40, totalBytes: 100 }]]);
  await clock.advance(10_000);
  at(60);
  assert.equal(told, 2);
  report.take(null);
  assert.equal(report.current, undefined);
  at(0);
  assert.equal(told, 2, 'another fetch has ten seconds of its own');
});
