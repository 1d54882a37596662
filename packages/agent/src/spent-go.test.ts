import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CheckinReply, type Json, sha256Hex } from '@nixfleet/contracts';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import { World } from './agent-world.test.ts';

test('a fetch that was given up starts again only on a go that was asked for since', async () => {
  const world = await World.create();
  await world.publish(1);
  await world.start();
  await world.pass(25);
  const { plane } = world;
  const loop = world.agent?.loop ?? assert.fail('not started');
  const before = await loop.checkinRequest();
  // It has fetched, and nobody answers the last question: it gives its place up.
  const request = plane.request.bind(plane);
  plane.request = async (asked) => {
    if (loop.memory.working.busy?.type === 'recheck') plane.isReachable = false;
    return request(asked);
  };
  await world.publish(2);
  await world.pass(20);
  assert.deepEqual([plane.isReachable, world.phase], [false, 'pending']);
  const after = await loop.checkinRequest();
  assert.ok(after.journal.seq > before.journal.seq);

  const head = await sha256Hex(nodeCrypto, world.fleet.files.get('head.json') ?? assert.fail('no head'));
  const reply = CheckinReply.parse({ head, trustVersion: 1, goId: 'a'.repeat(64), go: plane.go } as unknown as Json);
  const { signal } = new AbortController();
  assert.equal(await loop.takeReply(reply, before.journal, signal), false);
  await world.pass(1);
  assert.equal(world.phase, 'pending', 'an answer from before says nothing of now');
  assert.equal(await loop.takeReply(reply, after.journal, signal), true);
  await loop.settled();
  assert.equal(world.phase, 'fetching');
  await world.stop();
});
