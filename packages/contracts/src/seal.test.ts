import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createTestFleet, testKey } from '@nixfleet/testkit';
import { ContractsError } from './errors.ts';
import type { HeadDocument } from './head.ts';
import { sealDocument, signBytes } from './seal.ts';
import { sha256Hex } from './sha256.ts';

const fleet = await createTestFleet();
await fleet.publish();
const { crypto } = fleet.ctx;

describe('sealDocument', () => {
  test('canonical bytes and their hash; unknown fields are kept', async () => {
    const sealed = await sealDocument(crypto, { ...fleet.headDocument, zz: 1 } as HeadDocument);
    assert.equal(sealed.sha256, await sha256Hex(crypto, sealed.bytes));
    assert.match(new TextDecoder().decode(sealed.bytes), /^\{"expiresAt":.*,"zz":1\}$/);
  });

  test('refuses to seal what readers would refuse', async () => {
    const bad = { ...fleet.headDocument, version: 0, holds: ['x'] } as unknown as HeadDocument;
    await assert.rejects(sealDocument(crypto, bad), (error) => {
      assert.ok(error instanceof ContractsError);
      assert.equal(error.code, 'invalid-document');
      assert.match(error.message, /version: .*holds\.0: /);
      return true;
    });
    const undefinedField = { ...fleet.headDocument, requires: undefined } as unknown as HeadDocument;
    await assert.rejects(sealDocument(crypto, undefinedField), { code: 'not-canonicalizable' });
  });
});

test('signBytes names each signature after its key', async () => {
  const key = await testKey('ci');
  const message = new Uint8Array([1, 2, 3]);
  const signatures = await signBytes(crypto, message, [key]);
  assert.deepEqual([...signatures.keys()], [key.keyId]);
  const { publicKey } = key;
  assert.ok(publicKey.algorithm === 'ed25519');
  assert.equal(await crypto.verify(publicKey, message, signatures.get(key.keyId) ?? new Uint8Array()), true);
});
