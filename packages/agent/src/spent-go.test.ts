import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CheckinReply, JournalId, type Json, Sha256Hex, sha256Hex, undecided } from '@nixfleet/contracts';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import { World } from './agent-world.test.ts';
import { intentOf } from './intent.ts';
import { facts, never, newFleet, openDocuments, sourceOf } from './opened-documents.test.ts';
import { unreachable } from './transport.ts';

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

test('a go whose switch ends while its manifest and receipts are read is not taken up afterwards', async () => {
  const fleet = await newFleet();
  const { documents, permission, time } = await openDocuments(fleet);
  const source = sourceOf(fleet.files);
  await documents.sync(source, never);
  const { rolloutId, wave, attempt } = await fleet.target('canary');
  const setting = permission.set({ rolloutId, wave, attempt, receipts: [] }, source, never);
  permission.end();
  await setting;
  assert.equal(intentOf(documents, permission, facts, time.now())?.hasGo, false);
});

test('a go that is said to stand, and is not known here, is to be told again', async () => {
  const fleet = await newFleet();
  const { documents, permission, time } = await openDocuments(fleet);
  const source = sourceOf(fleet.files);
  await documents.sync(source, never);
  const { rolloutId, wave, attempt } = await fleet.target('canary');
  const go = { rolloutId, wave, attempt, receipts: [] };
  const goId = Sha256Hex.parse('a'.repeat(64));
  const askedAt = { journal: JournalId.parse('1'.repeat(32)), seq: 1, sha256: goId };
  const how = { askedAt, isNewView: false, source };
  assert.equal(await permission.take({ goId }, how, never), false);
  assert.equal(await permission.take({ goId, go }, how, never), true);
  assert.equal(await permission.take({ goId }, how, never), true);
  assert.equal(intentOf(documents, permission, facts, time.now())?.hasGo, true);
  assert.equal(await permission.take({ goId: null }, how, never), true);
  assert.equal(permission.isNone, true);
});

for (const answer of ['silence', 'undecided']) {
  test(`a boot whose last question is answered by ${answer} is not asked about over and over`, async () => {
    const world = await World.create();
    world.waitSeconds = 60;
    world.host.rebootPending = async () => 'kernel' as never;
    await world.publish(1, (policy) => {
      policy.reboot = 'immediate';
    });
    await world.start();
    await world.pass(90);
    assert.equal(world.phase, 'converged');
    let asked = 0;
    const request = world.plane.request.bind(world.plane);
    world.plane.request = async (sent) => {
      if (!sent.path.endsWith('/checkin') || sent.headers?.prefer !== 'wait=10') return request(sent);
      asked++;
      if (asked > 100) await world.clock.sleep(10_000);
      if (answer === 'silence') return unreachable('connect-failed', 'cut');
      const body = new TextEncoder().encode(JSON.stringify({ head: null, trustVersion: 1, goId: undecided }));
      return { ok: true, reply: { status: 200, headers: {}, body, url: 'https://test/' } };
    };
    world.plane.go = { ...(world.plane.go ?? assert.fail()), reboot: true };
    await world.pass(40);
    assert.ok(asked >= 2 && asked <= 10, `${asked} questions`);
    await world.stop();
  });
}

test('a boot that was allowed while the journal took nothing is not begun once there is room, but asked for again', async () => {
  const world = await World.create();
  world.host.rebootPending = async () => 'kernel' as never;
  await world.publish(1, (policy) => {
    policy.reboot = 'immediate';
  });
  await world.start();
  await world.pass(90);
  let boots = 0;
  const { reboot } = world.host;
  world.host.reboot = (...asked) => {
    boots++;
    return reboot(...asked);
  };
  const request = world.plane.request.bind(world.plane);
  world.plane.request = async (sent) => {
    const answer = await request(sent);
    if (sent.headers?.prefer === 'wait=10') world.files.isFull = true;
    return answer;
  };
  const go = { ...(world.plane.go ?? assert.fail()), reboot: true as const };
  world.plane.go = go;
  await world.pass(30);
  assert.deepEqual([world.files.isFull, boots], [true, 0]);
  // Taken back meanwhile, as by a halt.
  world.plane.go = null;
  world.plane.request = request;
  await world.pass(120);
  world.files.isFull = false;
  await world.pass(120);
  assert.equal(boots, 0);
  world.plane.go = go;
  await world.pass(120);
  assert.ok(boots > 0, 'permitted anew');
  await world.stop();
});
