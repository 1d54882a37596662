import assert from 'node:assert/strict';
import { createHash, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { generatePrivateKey, nodeCrypto } from './node-crypto.ts';
import { declaredKeyOf, hasRawLength, keyIdOf, parseSpki, publicKeyOf, spkiOf } from './public-key.ts';

const algorithms = ['ed25519', 'ecdsa-p256'] as const;

for (const algorithm of algorithms) {
  test(`${algorithm}: the SPKI is the one other programs write, and is read back`, async () => {
    const key = await nodeCrypto.publicKeyOf(generatePrivateKey(algorithm));
    const spki = spkiOf(key);
    const exported = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' }).export({
      format: 'der',
      type: 'spki',
    });
    assert.deepEqual(spki, new Uint8Array(exported));
    assert.deepEqual(parseSpki(spki), key);
    assert.equal(await keyIdOf(nodeCrypto, key), createHash('sha256').update(spki).digest('hex'));
    assert.deepEqual(publicKeyOf(declaredKeyOf(key)), key);
  });

  test(`${algorithm}: an SPKI with one byte more, less or changed in its prefix is refused`, async () => {
    const spki = spkiOf(await nodeCrypto.publicKeyOf(generatePrivateKey(algorithm)));
    assert.equal(parseSpki(spki.slice(0, -1)), null);
    assert.equal(parseSpki(Uint8Array.from([...spki, 0])), null);
    const prefixBytes = spki.length - (algorithm === 'ed25519' ? 32 : 64);
    for (let i = 0; i < prefixBytes; i++) {
      const changed = Uint8Array.from(spki);
      changed[i] = (changed[i] ?? 0) ^ 1;
      assert.equal(parseSpki(changed), null, `byte ${i}`);
    }
  });
}

test('an SPKI of another algorithm or curve is refused', () => {
  const others = [
    generateKeyPairSync('rsa', { modulusLength: 1024 }),
    generateKeyPairSync('ec', { namedCurve: 'P-384' }),
    generateKeyPairSync('ec', { namedCurve: 'secp256k1' }),
    generateKeyPairSync('ed448'),
    generateKeyPairSync('x25519'),
  ];
  for (const { publicKey } of others) {
    assert.equal(parseSpki(new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }))), null);
  }
  assert.equal(parseSpki(new Uint8Array()), null);
});

test('a FIDO key has the identity of its ed25519 half, and keeps its application when declared', async () => {
  const { raw } = await nodeCrypto.publicKeyOf(generatePrivateKey('ed25519'));
  const fido = { algorithm: 'sk-ssh-ed25519', raw, application: 'ssh:' } as const;
  assert.equal(await keyIdOf(nodeCrypto, fido), await keyIdOf(nodeCrypto, { algorithm: 'ed25519', raw }));
  assert.deepEqual(publicKeyOf(declaredKeyOf(fido)), fido);
});

test('a declared key of the wrong length or in lax base64 is refused', () => {
  const encoded = (length: number) => Buffer.alloc(length, 9).toString('base64');
  for (const length of [0, 31, 33, 64]) {
    assert.equal(publicKeyOf({ algorithm: 'ed25519', public: encoded(length) }), null, String(length));
  }
  for (const length of [32, 63, 65]) {
    assert.equal(publicKeyOf({ algorithm: 'ecdsa-p256', public: encoded(length) }), null, String(length));
    assert.equal(hasRawLength({ algorithm: 'ecdsa-p256', raw: new Uint8Array(length) }), false);
  }
  assert.equal(publicKeyOf({ algorithm: 'ed25519', public: encoded(32).replace('=', '') }), null);
  assert.equal(publicKeyOf({ algorithm: 'ed25519', public: `${encoded(32)}\n` }), null);
});
