import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { decodeBase64 } from './base64.ts';
import type { Crypto, PrivateKey } from './crypto.ts';
import { ContractsError } from './errors.ts';
import { decodeHex } from './hex.ts';
import { generatePrivateKey, nodeCrypto } from './node-crypto.ts';
import { isStrictEd25519 } from './strict-ed25519.ts';
import { type Subtle, webCrypto } from './web-crypto.ts';

interface SignatureVector {
  readonly name: string;
  readonly algorithm: 'ed25519' | 'ecdsa-p256';
  readonly public: string;
  readonly message: string;
  readonly signature: string;
  readonly valid: boolean;
  readonly refusedBeforeTheEquation?: boolean;
}

const file = readFileSync(new URL('../../../vectors/signatures.json', import.meta.url), 'utf8');
const cases: readonly SignatureVector[] = JSON.parse(file).cases;
const web = webCrypto(globalThis.crypto.subtle as unknown as Subtle);
const adapters: readonly (readonly [string, Crypto])[] = [
  ['node:crypto', nodeCrypto],
  ['WebCrypto', web],
];

function present<Value>(value: Value | null): Value {
  assert.notEqual(value, null);
  return value as Value;
}

for (const [adapter, crypto] of adapters) {
  describe(`signature vectors with ${adapter}`, () => {
    for (const vector of cases) {
      test(`${vector.algorithm}: ${vector.name} is ${vector.valid ? 'accepted' : 'refused'}`, async () => {
        const key = { algorithm: vector.algorithm, raw: present(decodeBase64(vector.public)) };
        const valid = await crypto.verify(
          key,
          present(decodeHex(vector.message)),
          present(decodeHex(vector.signature)),
        );
        assert.equal(valid, vector.valid);
      });
    }
  });
}

// By itself, because whether a provider refuses these depends on its version.
test('strictness refuses exactly the vectors said to fail before the equation', () => {
  for (const vector of cases) {
    if (vector.algorithm !== 'ed25519') continue;
    const strict = isStrictEd25519(present(decodeBase64(vector.public)), present(decodeHex(vector.signature)));
    assert.equal(strict, vector.refusedBeforeTheEquation !== true, vector.name);
  }
});

describe('the adapters agree', () => {
  const message = new TextEncoder().encode('{"a":1}');

  for (const algorithm of ['ed25519', 'ecdsa-p256'] as const) {
    test(`${algorithm}: each verifies what the other signed, and only that`, async () => {
      const key = generatePrivateKey(algorithm);
      const publicKey = await nodeCrypto.publicKeyOf(key);
      assert.deepEqual(await web.publicKeyOf(key), publicKey);
      const declared = { algorithm, raw: publicKey.raw };
      for (const signs of [nodeCrypto, web]) {
        const signature = await signs.sign(key, message);
        assert.equal(signature.length, 64);
        for (const verifies of [nodeCrypto, web]) {
          assert.equal(await verifies.verify(declared, message, signature), true);
          assert.equal(await verifies.verify(declared, message.subarray(1), signature), false);
        }
      }
    });
  }

  test('hashes', async () => {
    assert.deepEqual(await web.sha256(message), await nodeCrypto.sha256(message));
    assert.deepEqual(await web.sha512(message), await nodeCrypto.sha512(message));
    assert.equal((await web.sha512(message)).length, 64);
  });

  test('a private key that is not what it says is a fault, never a signature', async () => {
    const pkcs8 = (pair: { privateKey: { export(o: { format: 'der'; type: 'pkcs8' }): Buffer } }) =>
      new Uint8Array(pair.privateKey.export({ format: 'der', type: 'pkcs8' }));
    const bad: readonly PrivateKey[] = [
      { algorithm: 'ed25519', seed: new Uint8Array(31) },
      { algorithm: 'ed25519', seed: new Uint8Array(33) },
      { algorithm: 'ecdsa-p256', pkcs8: new Uint8Array(10) },
      { algorithm: 'ecdsa-p256', pkcs8: pkcs8(generateKeyPairSync('ed25519')) },
      { algorithm: 'ecdsa-p256', pkcs8: pkcs8(generateKeyPairSync('ec', { namedCurve: 'P-384' })) },
      { algorithm: 'ecdsa-p256', pkcs8: pkcs8(generateKeyPairSync('rsa', { modulusLength: 1024 })) },
    ];
    const isBadKey = (error: unknown) => error instanceof ContractsError && error.code === 'bad-key';
    for (const [adapter, crypto] of adapters) {
      for (const [i, key] of bad.entries()) {
        await assert.rejects(crypto.sign(key, message), isBadKey, `${adapter}, key ${i}`);
        await assert.rejects(crypto.publicKeyOf(key), isBadKey, `${adapter}, key ${i}`);
      }
    }
  });
});
