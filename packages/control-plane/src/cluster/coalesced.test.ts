import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextLoopTurn } from 'node:timers/promises';
import { coalesced } from './coalesced.ts';

test('who asks at once shares an answer; who asks while one is under way gets the next', async () => {
  const asked: PromiseWithResolvers<number>[] = [];
  const ask = coalesced(() => {
    const answer = Promise.withResolvers<number>();
    asked.push(answer);
    return answer.promise;
  });
  const first = ask();
  const [second, third] = [ask(), ask()];
  assert.equal(asked.length, 1);
  asked[0]?.resolve(1);
  assert.equal(await first, 1);
  await nextLoopTurn();
  assert.equal(asked.length, 2, 'one for both');
  const fourth = ask();
  asked[1]?.resolve(2);
  assert.deepEqual(await Promise.all([second, third]), [2, 2]);
  await nextLoopTurn();
  assert.equal(asked.length, 3);
  asked[2]?.resolve(3);
  assert.equal(await fourth, 3);
  await nextLoopTurn();
  const fifth = ask();
  assert.equal(asked.length, 4, 'and begins at once where nothing is under way');
  asked[3]?.resolve(4);
  assert.equal(await fifth, 4);
});
