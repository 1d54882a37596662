import assert from 'node:assert/strict';
import { test } from 'node:test';
import { holdPath, instantToMs } from '@nixfleet/contracts';
import { createTestFleet, type TestFleet } from '@nixfleet/testkit';
import { intentOf } from './intent.ts';
import { facts, never, newFleet, openDocuments, sourceOf } from './opened-documents.test.ts';

test('a hold named by the head holds; one that is hidden holds every channel; another’s does not', async () => {
  const fleet = await newFleet();
  const { documents, permission, time } = await openDocuments(fleet);
  const brake = (): string | undefined => {
    const found = intentOf(documents, permission, facts, time.now())?.brake;
    return found?.code === 'hold' ? `hold: ${found.reason}` : found?.code;
  };
  await documents.sync(sourceOf(fleet.files), never);
  await fleet.hold('data', { reason: 'not ours' });
  await documents.sync(sourceOf(fleet.files), never);
  assert.equal(brake(), undefined);
  const { sha256 } = await fleet.hold('stable', { reason: 'ticket 42' });
  const hidden = new Map(fleet.files);
  hidden.delete(holdPath(sha256));
  await documents.sync(sourceOf(hidden), never);
  assert.match(brake() ?? '', /cannot be read/);
  await documents.sync(sourceOf(fleet.files), never);
  assert.equal(brake(), 'hold: ticket 42');
});

test('an expired head starts nothing; a wrong or unsynchronised clock starts nothing', async () => {
  const fleet = await newFleet();
  const { documents, permission, clock, time } = await openDocuments(fleet);
  await documents.sync(sourceOf(fleet.files), never);
  const code = (more: Partial<typeof facts> = {}) =>
    intentOf(documents, permission, { ...facts, ...more }, time.now())?.brake?.code;
  assert.equal(code(), undefined);
  assert.equal(code({ isClockSynchronised: false }), 'clock-unsynchronised');
  assert.equal(code({ secondsSinceContact: 61 }), 'control-plane-silent');
  clock.setWall('2026-06-03T08:00:00Z');
  assert.equal(code(), 'head-expired');
  // A clock set back does not bring it back to life: time does not pass backwards over what was verified.
  clock.setWall('2020-01-01T00:00:00Z');
  assert.equal(instantToMs(time.now()), instantToMs(fleet.headDocument.signedAt));
  fleet.now = '2026-06-02T08:00:00Z' as TestFleet['now'];
  await fleet.publish();
  assert.equal(await documents.sync(sourceOf(fleet.files), never), 'refused');
  assert.equal(code(), 'head-from-the-future');
});

test('a go permits only with the receipts of the earlier wave, for the wave and attempt that were signed', async () => {
  const fleet = await createTestFleet();
  const canary = (await fleet.hostKey('canary')).openssh;
  await fleet.publish((next) => {
    // This agent's key is the canary's; it goes second here.
    const { stable } = next.channels;
    assert.ok(stable);
    const [one, two] = stable.waves;
    assert.ok(one && two && next.hosts.canary);
    next.hosts.canary.pubkeys = [canary];
    one.hosts = ['web-1', 'web-2'];
    two.hosts = ['canary'];
  });
  const { documents, permission, refusals, time } = await openDocuments(fleet);
  const source = sourceOf(fleet.files);
  await documents.sync(source, never);
  const { rolloutId, wave, attempt } = await fleet.target('canary');
  assert.equal(wave, 1);
  const hasGo = (): boolean | undefined => intentOf(documents, permission, facts, time.now())?.hasGo;
  const one = await fleet.receipt('web-1');
  const two = await fleet.receipt('web-2');
  await permission.set({ rolloutId, wave, attempt, receipts: [one] }, source, never);
  assert.equal(hasGo(), false);
  await permission.set({ rolloutId, wave: 0, attempt, receipts: [] }, source, never);
  await permission.set({ rolloutId, wave, attempt: attempt + 1, receipts: [one, two] }, source, never);
  assert.equal(hasGo(), false);
  assert.deepEqual(refusals(), ['go: receipts-missing', 'go: wrong-wave', 'go: wrong-version']);
  await permission.set({ rolloutId, wave, attempt, receipts: [one, two] }, source, never);
  assert.equal(hasGo(), true);
  await permission.set(null, source, never);
  assert.equal(hasGo(), false);
});

test('every newer release is permitted at once; a go that comes back again and again is not', async () => {
  const fleet = await newFleet();
  const { documents, permission, time } = await openDocuments(fleet);
  const source = sourceOf(fleet.files);
  const hasGo = (): boolean | undefined => intentOf(documents, permission, facts, time.now())?.hasGo;
  const give = async () => {
    const { rolloutId, wave, attempt } = await fleet.target('canary');
    await permission.set({ rolloutId, wave, attempt, receipts: [] }, source, never);
  };
  for (let closure = 2; closure < 12; closure++) {
    await fleet.publish((next) => {
      if (next.hosts.canary) next.hosts.canary.closure = closure;
    });
    await documents.sync(source, never);
    await give();
    assert.equal(hasGo(), true, `release of closure ${closure}`);
  }
  const permitted: unknown[] = [];
  for (let again = 0; again < 8; again++) {
    await permission.set(null, source, never);
    await give();
    permitted.push(hasGo());
  }
  assert.deepEqual(permitted, [true, true, true, true, true, true, false, false]);
});

test('an earlier rollout may finish, but a host never goes back to one', async () => {
  const fleet = await newFleet();
  const old = await fleet.target('canary');
  await fleet.publish((next) => {
    if (next.hosts.canary) next.hosts.canary.closure = 2;
  });
  const { documents, permission, floors, refusals, time } = await openDocuments(fleet);
  const source = sourceOf(fleet.files);
  await documents.sync(source, never);
  const go = { rolloutId: old.rolloutId, wave: old.wave, attempt: old.attempt, receipts: [] };
  await permission.set(go, source, never);
  const intent = intentOf(documents, permission, facts, time.now());
  assert.equal(intent?.target.closure, old.closure);
  await permission.set(null, source, never);
  await floors.accept(old.channel, 2);
  await permission.set(go, source, never);
  assert.ok(refusals().includes('rollout: superseded'), refusals().join());
  assert.equal(intentOf(documents, permission, facts, time.now())?.hasGo, false);
});

test('timed starts need signed times, silence and a local confirmation, and respect holds', async () => {
  const timed = async (by: 'local' | 'control-plane', silence: number | null) => {
    const fleet = await createTestFleet();
    await fleet.publish((next) => {
      const { stable } = next.channels;
      assert.ok(stable);
      stable.policy.withoutControlPlane = 'timed';
      stable.policy.confirm.by = by;
    });
    const { documents, permission, time } = await openDocuments(fleet);
    assert.equal(await documents.sync(sourceOf(fleet.files), never), 'updated');
    for (const wave of documents.view?.manifest?.document.waves ?? []) Object.assign(wave, { notBefore: fleet.now });
    const localHold = { until: '2999-01-01T00:00:00Z' as never, reason: 'no' };
    const intent = intentOf(documents, permission, { ...facts, secondsSinceContact: silence }, time.now());
    const held = intentOf(documents, permission, { ...facts, secondsSinceContact: silence, localHold }, time.now());
    assert.equal(held?.brake?.code, 'local-hold');
    return intent;
  };
  assert.equal((await timed('local', null))?.hasGo, true);
  assert.equal((await timed('local', null))?.brake, null);
  assert.equal((await timed('local', 1))?.hasGo, false);
  assert.equal((await timed('control-plane', null))?.hasGo, false);
});
