import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { accepted, createTestFleet, hostileForms, signTestBytes, testBytes, testKey } from '@nixfleet/testkit';
import type { HeadDocument } from './head.ts';
import { addSeconds } from './instant.ts';
import { Sha256Hex, SignerName } from './names.ts';
import type { SignedBytes } from './signed-bytes.ts';
import type { TrustDocument } from './trust.ts';
import { type HeadFloor, headFloorOf, verifyHead } from './verify-head.ts';
import { pinTrust } from './walk-trust.ts';

const fleet = await createTestFleet();
await fleet.publish();
const { ctx, now, trustDocument, headDocument } = fleet;
const { trust } = await fleet.verified();
const headKey = await testKey('ci-head');

async function head(
  change: Partial<HeadDocument> & Record<string, unknown>,
  labels = ['ci-head'],
): Promise<SignedBytes> {
  const keys = await Promise.all(labels.map((label) => testKey(label)));
  return signTestBytes(testBytes({ ...headDocument, version: 5, ...change }), keys);
}

async function trustWith(change: (draft: TrustDocument) => void | Promise<void>) {
  const draft = structuredClone(trustDocument);
  await change(draft);
  return accepted(await pinTrust(ctx, testBytes(draft)));
}

/** The reason for the refusal, or `accepted`. */
async function verdict(signed: SignedBytes, options: Partial<Parameters<typeof verifyHead>[1]> = {}): Promise<string> {
  const verified = await verifyHead(ctx, { trust, signed, floor: null, now, ...options });
  return verified.ok ? 'accepted' : verified.reason;
}

const floor: HeadFloor = headFloorOf(
  accepted(await verifyHead(ctx, { trust, signed: await head({}), floor: null, now })),
);

describe('verifyHead', () => {
  test('returns the document, its hash and the keys that signed it', async () => {
    const verified = accepted(await verifyHead(ctx, { trust, signed: await head({}), floor: null, now }));
    assert.deepEqual(verified.keyIds, [headKey.keyId]);
    assert.equal(verified.isExpired, false);
    assert.equal(verified.document.version, 5);
  });

  for (const { name, bytes, reason } of hostileForms(headDocument)) {
    test(`refused: ${name}`, async () => {
      assert.equal(await verdict(await signTestBytes(bytes, [headKey])), reason);
    });
  }

  test('an unknown optional field is accepted', async () => {
    assert.equal(await verdict(await head({ zz: { constructor: 1 } })), 'accepted');
  });

  test('an ecdsa-p256 key signs a head', async () => {
    const key = await testKey('tpm', 'ecdsa-p256');
    const withTpm = await trustWith((draft) => {
      draft.signers[SignerName.parse('ci-head')] = { keys: [key.declared] };
    });
    const signed = await signTestBytes(testBytes(headDocument), [key]);
    assert.equal(await verdict(signed, { trust: withTpm }), 'accepted');
  });

  test('too few signers: none, other roles, a stranger, a short signature, one signer twice', async () => {
    assert.equal(await verdict(await head({}, [])), 'too-few-signers');
    assert.equal(await verdict(await head({}, ['ci', 'root-1', 'root-2', 'alice', 'stranger'])), 'too-few-signers');
    const good = await head({});
    assert.equal(
      await verdict({ ...good, signatures: new Map([[headKey.keyId, new Uint8Array(63)]]) }),
      'too-few-signers',
    );
    const twoOfTwo = await trustWith(async (draft) => {
      draft.signers[SignerName.parse('ci-head')]?.keys.push((await testKey('second')).declared);
      draft.roles.head = { threshold: 2, signers: [SignerName.parse('ci-head'), SignerName.parse('ci')] };
    });
    assert.equal(await verdict(await head({}, ['ci-head', 'second']), { trust: twoOfTwo }), 'too-few-signers');
    assert.equal(await verdict(await head({}, ['ci-head', 'second', 'ci']), { trust: twoOfTwo }), 'accepted');
  });

  test('a revoked signer no longer counts once trust advanced', async () => {
    const advanced = await trustWith(async (draft) => {
      draft.version = 2;
      draft.signers[SignerName.parse('ci-head')] = { keys: [(await testKey('replacement')).declared] };
    });
    assert.equal(await verdict(await head({}), { trust: advanced }), 'too-few-signers');
    assert.equal(await verdict(await head({}, ['replacement']), { trust: advanced }), 'accepted');
  });

  test('expiry: refused at the very instant, unless the caller wants it flagged', async () => {
    const signed = await head({ expiresAt: addSeconds(now, 60) });
    assert.equal(await verdict(signed, { now: addSeconds(now, 59) }), 'accepted');
    assert.equal(await verdict(signed, { now: addSeconds(now, 60) }), 'expired');
    const late = { trust, signed, floor: null, now: addSeconds(now, 60), expired: 'accept' } as const;
    assert.equal(accepted(await verifyHead(ctx, late)).isExpired, true);
  });

  test('future-dated: more than five minutes ahead', async () => {
    const expiresAt = addSeconds(now, 7200);
    assert.equal(await verdict(await head({ signedAt: addSeconds(now, 300), expiresAt })), 'accepted');
    assert.equal(await verdict(await head({ signedAt: addSeconds(now, 301), expiresAt })), 'future-dated');
  });

  test('invalid: a life that ends before it starts, holds unsorted or twice', async () => {
    assert.equal(await verdict(await head({ expiresAt: now, signedAt: now })), 'invalid');
    const [a, b] = [Sha256Hex.parse('a'.repeat(64)), Sha256Hex.parse('b'.repeat(64))];
    assert.equal(await verdict(await head({ holds: [a, b] })), 'accepted');
    assert.equal(await verdict(await head({ holds: [b, a] })), 'invalid');
    assert.equal(await verdict(await head({ holds: [a, a] })), 'invalid');
  });

  test('the floor: rolled back, equivocation, the same again, ahead', async () => {
    assert.equal(await verdict(await head({ version: 4 }), { floor }), 'rolled-back');
    assert.equal(await verdict(await head({ zz: 1 }), { floor }), 'equivocation');
    assert.equal(await verdict(await head({}), { floor }), 'accepted');
    assert.equal(await verdict(await head({ version: 6 }), { floor }), 'accepted');
  });

  test('an unsigned head is never called equivocation or expired', async () => {
    assert.equal(await verdict(await head({ zz: 1 }, []), { floor }), 'too-few-signers');
    assert.equal(await verdict(await head({}, []), { now: addSeconds(now, 1e6) }), 'too-few-signers');
  });

  test('fast-forward: a new head key resets the floor, a second key beside the old one does not', async () => {
    const burnt: HeadFloor = { ...floor, version: Number.MAX_SAFE_INTEGER };
    assert.equal(await verdict(await head({}), { floor: burnt }), 'rolled-back');
    const replaced = await trustWith(async (draft) => {
      draft.signers[SignerName.parse('ci-head')] = { keys: [(await testKey('new')).declared] };
    });
    assert.equal(await verdict(await head({}, ['new']), { floor: burnt, trust: replaced }), 'accepted');
    const added = await trustWith(async (draft) => {
      draft.signers[SignerName.parse('ci-head')]?.keys.push((await testKey('new')).declared);
    });
    assert.equal(await verdict(await head({}, ['new']), { floor: burnt, trust: added }), 'rolled-back');
    const movedAway = await trustWith((draft) => {
      draft.roles.head.signers = [SignerName.parse('ci-spare')];
    });
    assert.equal(await verdict(await head({}, ['ci-spare']), { floor: burnt, trust: movedAway }), 'accepted');
  });
});
