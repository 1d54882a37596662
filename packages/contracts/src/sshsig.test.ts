import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { encodeBase64 } from './base64.ts';
import { concatBytes } from './bytes.ts';
import type { Crypto, PublicKey } from './crypto.ts';
import { ContractsError } from './errors.ts';
import { generatePrivateKey, nodeCrypto, signerFor } from './node-crypto.ts';
import { parseOpensshPublicLine } from './openssh.ts';
import { SshReader, sshString } from './ssh-wire.ts';
import { checkSshsig, makeSshsig, verifySshsig } from './sshsig.ts';
import { type Subtle, webCrypto } from './web-crypto.ts';

interface SshsigVector {
  readonly name: string;
  readonly key: string;
  readonly namespace: string;
  readonly message: string;
  readonly armored: string;
  readonly expected: string;
}

const file = readFileSync(new URL('../../../vectors/sshsig.json', import.meta.url), 'utf8');
const cases: readonly SshsigVector[] = JSON.parse(file).cases;
const accepted = cases.filter(({ expected }) => expected === 'ok');
const utf8 = new TextEncoder();

function keyOf(line: string): PublicKey {
  const key = parseOpensshPublicLine(line);
  assert.ok(key, line);
  return key;
}

const adapters: readonly (readonly [string, Crypto])[] = [
  ['node:crypto', nodeCrypto],
  ['WebCrypto', webCrypto(globalThis.crypto.subtle as unknown as Subtle)],
];

for (const [adapter, crypto] of adapters) {
  describe(`SSHSIG vectors with ${adapter}`, () => {
    for (const { name, key, namespace, message, armored, expected } of cases) {
      test(`${name}: ${expected}`, async () => {
        const options = { armored, message: utf8.encode(message), namespace, key: keyOf(key) };
        const checked = await checkSshsig(crypto, options);
        assert.equal(checked.ok ? 'ok' : checked.reason, expected);
        assert.equal(await verifySshsig(crypto, options), expected === 'ok');
      });
    }
  });
}

describe('SSHSIG vectors with ssh-keygen', () => {
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'nixfleet-sshsig-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const { name, key, namespace, message, armored } of accepted) {
    test(`${name}: what we accept, it accepts`, () => {
      writeFileSync(join(folder, 'allowed'), `ada ${key}\n`);
      writeFileSync(join(folder, 'signature'), armored);
      const args = ['-Y', 'verify', '-f', 'allowed', '-I', 'ada', '-n', namespace, '-s', 'signature'];
      const { error, status, stderr } = spawnSync('ssh-keygen', args, { cwd: folder, input: message });
      assert.equal(error, undefined, 'ssh-keygen is needed: apt-get install openssh-client');
      assert.equal(status, 0, String(stderr));
    });
  }
});

test('no flipped bit survives: every byte of the blob is signed, compared or framing', async () => {
  for (const { name, key, namespace, message, armored } of accepted) {
    const blob = blobOf(armored);
    for (let i = 0; i < blob.length; i++) {
      const changed = Uint8Array.from(blob);
      changed[i] = (changed[i] ?? 0) ^ (1 << (i % 8));
      const options = { armored: armourOf(changed), message: utf8.encode(message), namespace, key: keyOf(key) };
      assert.equal(await verifySshsig(nodeCrypto, options), false, `${name}, byte ${i}`);
    }
  }
});

test('an ecdsa signature with a negative, padded or over-long number is refused, as by stock verifiers', async () => {
  const signer = await signerFor(generatePrivateKey('ecdsa-p256'));
  const message = utf8.encode('{"a":1}');
  const namespace = 'hold@example';
  const check = async (armored: string) =>
    checkSshsig(nodeCrypto, { armored, message, namespace, key: signer.publicKey });
  let negative = 0;
  // One signature in two has an R with the top bit set, hence a zero in front; 64 in a row without do not happen.
  for (let i = 0; i < 64 && negative === 0; i++) {
    const armored = await makeSshsig(nodeCrypto, { signer, message, namespace });
    assert.deepEqual(await check(armored), { ok: true });
    const padded = rewriteR(armored, (r) => concatBytes(Uint8Array.of(0), r));
    assert.deepEqual(await check(padded), { ok: false, reason: 'bad-signature' });
    const longer = rewriteR(armored, (r) => concatBytes(new Uint8Array(40).fill(1), r));
    assert.deepEqual(await check(longer), { ok: false, reason: 'bad-signature' });
    const stripped = rewriteR(armored, (r) => (r[0] === 0 ? r.subarray(1) : r));
    if (stripped === armored) continue;
    negative++;
    assert.deepEqual(await check(stripped), { ok: false, reason: 'bad-signature' });
  }
  assert.equal(negative, 1);
});

test('a FIDO key is not a signer, and an empty namespace never matches', async () => {
  const signer = await signerFor(generatePrivateKey('ed25519'));
  const message = utf8.encode('{}');
  const fido = {
    ...signer,
    publicKey: { ...signer.publicKey, algorithm: 'sk-ssh-ed25519', application: 'ssh:' } as const,
  };
  await assert.rejects(
    makeSshsig(nodeCrypto, { signer: fido, message, namespace: 'hold@example' }),
    (error) => error instanceof ContractsError && error.code === 'bad-key',
  );
  const armored = await makeSshsig(nodeCrypto, { signer, message, namespace: '' });
  const checked = await checkSshsig(nodeCrypto, { armored, message, namespace: '', key: signer.publicKey });
  assert.deepEqual(checked, { ok: false, reason: 'wrong-namespace' });
});

function blobOf(armored: string): Uint8Array {
  return new Uint8Array(Buffer.from(armored.trim().split('\n').slice(1, -1).join(''), 'base64'));
}

function armourOf(blob: Uint8Array): string {
  const lines = encodeBase64(blob).match(/.{1,70}/g) ?? [];
  return ['-----BEGIN SSH SIGNATURE-----', ...lines, '-----END SSH SIGNATURE-----', ''].join('\n');
}

/** The same signature with R encoded as `encode` says. */
function rewriteR(armored: string, encode: (r: Uint8Array) => Uint8Array): string {
  const reader = new SshReader(blobOf(armored));
  const head = present(reader.bytes('SSHSIG'.length + 4));
  const fields = [1, 2, 3, 4].map(() => sshString(present(reader.string())));
  const signature = new SshReader(present(reader.string()));
  const algorithm = sshString(present(signature.string()));
  const numbers = new SshReader(present(signature.string()));
  const r = sshString(encode(present(numbers.string())));
  const s = sshString(present(numbers.string()));
  return armourOf(concatBytes(head, ...fields, sshString(concatBytes(algorithm, sshString(concatBytes(r, s))))));
}

function present<Value>(value: Value | null): Value {
  assert.notEqual(value, null);
  return value as Value;
}
