import assert from 'node:assert/strict';
import { test } from 'node:test';
import { simulate } from './simulate.ts';

test('S14: two runs of one seed are the same run, to the last step', async () => {
  for (const seed of [1, 5]) {
    const options = { seed, hosts: 12, hours: 4 };
    const first = await simulate(options);
    const second = await simulate(options);
    assert.equal(first.broken?.timeline, undefined);
    assert.ok(first.counts.events > 100, JSON.stringify(first.counts));
    assert.equal(second.fingerprint, first.fingerprint);
  }
});
