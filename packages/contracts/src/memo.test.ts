import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BoundedMemo } from './memo.ts';

test('makes each value once, forgets the oldest past its bound, and never keeps a fault', async () => {
  const memo = new BoundedMemo(2);
  const made: string[] = [];
  const of = (key: string): Promise<string> =>
    memo.of(key, async () => {
      made.push(key);
      return key.toUpperCase();
    });
  assert.deepEqual(await Promise.all(['a', 'a', 'b', 'a'].map(of)), ['A', 'A', 'B', 'A']);
  assert.deepEqual(made, ['a', 'b']);
  await of('c');
  assert.equal(memo.size, 2);
  await of('a');
  assert.deepEqual(made, ['a', 'b', 'c', 'a']);
  await assert.rejects(memo.of('d', () => Promise.reject(new Error('no'))));
  assert.equal(await memo.of('d', () => Promise.resolve('D')), 'D');
});
