import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { accepted, createTestFleet, hostileForms, signTestBytes, testBytes, testKey } from '@nixfleet/testkit';
import { Sha256Hex } from './names.ts';
import { ResumeDocument } from './resume.ts';
import type { SignedBytes } from './signed-bytes.ts';
import { verifyResume } from './verify-resume.ts';
import { pinTrust } from './walk-trust.ts';

const fleet = await createTestFleet();
await fleet.publish();
const { ctx } = fleet;
const { trust } = await fleet.verified();
const held = Sha256Hex.parse('a'.repeat(64));
const document = ResumeDocument.parse({
  type: 'resume',
  fleet: 'demo',
  schemaVersion: 1,
  hold: held,
  reason: 'the migration is done',
  createdAt: fleet.now,
});

async function resume(change: object, labels = ['alice'], namespace = 'resume@demo'): Promise<SignedBytes> {
  const keys = await Promise.all(labels.map((label) => testKey(label)));
  return signTestBytes(testBytes({ ...document, ...change }), [], { namespace, keys });
}

async function verdict(signed: SignedBytes, hold = held, under = trust): Promise<string> {
  const verified = await verifyResume(ctx, { trust: under, hold, signed });
  return verified.ok ? 'accepted' : verified.reason;
}

describe('verifyResume', () => {
  test('an approver ends a hold, with a reason or without, and it is told who', async () => {
    const signed = await resume({});
    const verified = accepted(await verifyResume(ctx, { trust, hold: held, signed }));
    assert.deepEqual([...verified.approvers], ['alice']);
    const { reason: _, ...unreasoned } = document;
    const keys = [await testKey('alice')];
    assert.equal(
      await verdict(await signTestBytes(testBytes(unreasoned), [], { namespace: 'resume@demo', keys })),
      'accepted',
    );
  });

  for (const { name, bytes, reason } of hostileForms(document)) {
    test(`refused: ${name}`, async () => {
      const approval = { namespace: 'resume@demo', keys: [await testKey('alice')] };
      assert.equal(await verdict(await signTestBytes(bytes, [], approval)), reason);
    });
  }

  test('an unknown optional field is accepted', async () => {
    assert.equal(await verdict(await resume({ zz: 0 })), 'accepted');
  });

  test('the end of one hold is not the end of another', async () => {
    assert.equal(await verdict(await resume({}), Sha256Hex.parse('b'.repeat(64))), 'hash-mismatch');
  });

  test('too few signers: none, machines, strangers, raw signatures, the namespace of a hold, one signer twice', async () => {
    assert.equal(await verdict(await resume({}, [])), 'too-few-signers');
    assert.equal(await verdict(await resume({}, ['ci-head', 'ci', 'root-1', 'stranger'])), 'too-few-signers');
    const raw = await signTestBytes(testBytes(document), [await testKey('alice')]);
    assert.equal(await verdict(raw), 'too-few-signers');
    for (const namespace of ['resume@other', 'hold@demo', 'release@demo']) {
      assert.equal(await verdict(await resume({}, ['alice'], namespace)), 'too-few-signers');
    }
    const draft = structuredClone(fleet.trustDocument);
    draft.roles.approver.threshold = 2;
    Object.entries(draft.signers)
      .find(([name]) => name === 'alice')?.[1]
      .keys.push((await testKey('alice-second')).declared);
    const two = accepted(await pinTrust(ctx, testBytes(draft)));
    assert.equal(await verdict(await resume({}, ['alice', 'alice-second']), held, two), 'too-few-signers');
    assert.equal(await verdict(await resume({}, ['alice', 'bob']), held, two), 'accepted');
  });
});
