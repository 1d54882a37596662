import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ContractsError } from './errors.ts';
import { generatePrivateKey, nodeCrypto, privateKeyFromPem, privateKeyToPem, signerFor } from './node-crypto.ts';
import { spkiOf } from './public-key.ts';

let folder = '';
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'nixfleet-node-crypto-'));
});
after(() => rmSync(folder, { recursive: true, force: true }));

function openssl(...args: string[]): { readonly succeeds: boolean; readonly stdout: Uint8Array } {
  const { error, status, stdout } = spawnSync('openssl', args, { cwd: folder });
  assert.equal(error, undefined, 'openssl is needed: apt-get install openssl');
  return { succeeds: status === 0, stdout };
}

function put(name: string, content: string | Uint8Array): void {
  writeFileSync(join(folder, name), content);
}

const message = new TextEncoder().encode('{"a":1}');

test('a raw ed25519 signature verifies with openssl as it is, under the SPKI as it is', async () => {
  const signer = await signerFor(generatePrivateKey('ed25519'));
  put('message', message);
  put('key', spkiOf(signer.publicKey));
  put('signature', await signer.sign(message));
  const args = 'pkeyutl -verify -rawin -pubin -keyform DER -inkey key -in message -sigfile signature'.split(' ');
  assert.ok(openssl(...args).succeeds);
  put('message', 'another message');
  assert.ok(!openssl(...args).succeeds);
});

test('a raw ecdsa-p256 signature, written as DER, verifies with openssl, and one of openssl with us', async () => {
  const key = generatePrivateKey('ecdsa-p256');
  const publicKey = await nodeCrypto.publicKeyOf(key);
  put('message', message);
  put('key', spkiOf(publicKey));
  put('private', privateKeyToPem(key));
  // Fresh signatures: DER integers have another length for one in two.
  for (let i = 0; i < 4; i++) {
    put('signature', toDer(await nodeCrypto.sign(key, message)));
    assert.ok(
      openssl(...'dgst -sha256 -verify key -keyform DER -signature signature message'.split(' ')).succeeds,
      'ours',
    );
    const theirs = openssl(...'dgst -sha256 -sign private message'.split(' '));
    assert.ok(theirs.succeeds);
    const verified = await nodeCrypto.verify({ ...publicKey, algorithm: 'ecdsa-p256' }, message, toRaw(theirs.stdout));
    assert.ok(verified, 'theirs');
  }
});

for (const algorithm of ['ed25519', 'ecdsa-p256'] as const) {
  test(`${algorithm}: a key file is read back, read by openssl, and openssl's is read by us`, () => {
    const key = generatePrivateKey(algorithm);
    const pem = privateKeyToPem(key);
    assert.match(pem, /^-----BEGIN PRIVATE KEY-----\n/);
    assert.deepEqual(privateKeyFromPem(pem), key);
    put('ours', pem);
    assert.ok(openssl(...'pkey -in ours -noout'.split(' ')).succeeds);
    const options = algorithm === 'ed25519' ? ['ed25519'] : ['EC', '-pkeyopt', 'ec_paramgen_curve:P-256'];
    const theirs = openssl('genpkey', '-algorithm', ...options);
    assert.equal(privateKeyFromPem(new TextDecoder().decode(theirs.stdout)).algorithm, algorithm);
  });
}

test('an encrypted, a public, a foreign and a damaged key file are refused', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const foreign = [
    generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey,
    generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey,
  ].map((key) => key.export({ format: 'pem', type: 'pkcs8' }));
  const bad = [
    privateKey.export({ format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'a passphrase' }),
    publicKey.export({ format: 'pem', type: 'spki' }),
    ...foreign,
    privateKeyToPem(generatePrivateKey('ed25519')).replace('MC4CAQAw', 'MC4CAQEx'),
    '',
    'hello',
  ];
  for (const [i, pem] of bad.entries()) {
    assert.throws(
      () => privateKeyFromPem(String(pem)),
      (error) => error instanceof ContractsError && error.code === 'bad-key',
      `key file ${i}`,
    );
  }
});

/** ECDSA-Sig-Value (RFC 3279 §2.2.3) of R‖S. */
function toDer(raw: Uint8Array): Uint8Array {
  const integer = (part: Uint8Array) => {
    const digits = part.subarray(part.findIndex((byte) => byte !== 0));
    const content = (digits[0] ?? 0) < 0x80 ? [...digits] : [0, ...digits];
    return [2, content.length, ...content];
  };
  const content = [...integer(raw.subarray(0, 32)), ...integer(raw.subarray(32))];
  return Uint8Array.from([0x30, content.length, ...content]);
}

function toRaw(der: Uint8Array): Uint8Array {
  const raw = new Uint8Array(64);
  let offset = 2;
  for (const end of [32, 64]) {
    const length = der[offset + 1] ?? 0;
    const content = der.subarray(offset + 2, offset + 2 + length);
    const digits = content[0] === 0 ? content.subarray(1) : content;
    raw.set(digits, end - digits.length);
    offset += 2 + length;
  }
  return raw;
}
