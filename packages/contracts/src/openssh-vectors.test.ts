import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { decodeBase64, encodeBase64 } from './base64.ts';
import { concatBytes } from './bytes.ts';
import { nodeCrypto } from './node-crypto.ts';
import {
  formatOpensshPublicLine,
  opensshFingerprint,
  parseOpensshPrivateKey,
  parseOpensshPublicLine,
  parseSshKeyBlob,
  sshKeyBlob,
} from './openssh.ts';
import { keyIdOf } from './public-key.ts';
import { sshString } from './ssh-wire.ts';

interface OpensshKeys {
  readonly publicKeys: readonly { algorithm: string; line: string; fingerprint: string; keyId: string }[];
  readonly refusedPublicLines: readonly string[];
  readonly privateKeys: readonly { name: string; pem: string; line?: string; expected: string }[];
}

const file = readFileSync(new URL('../../../vectors/openssh-keys.json', import.meta.url), 'utf8');
const keys: OpensshKeys = JSON.parse(file);

describe('public lines made by ssh-keygen', () => {
  for (const { algorithm, line, fingerprint, keyId } of keys.publicKeys) {
    test(`${algorithm}: read, written, fingerprint and identity`, async () => {
      const key = parseOpensshPublicLine(line);
      assert.equal(key?.algorithm, algorithm);
      assert.ok(key);
      assert.equal(formatOpensshPublicLine(key), line.split(' ').slice(0, 2).join(' '));
      assert.equal(await opensshFingerprint(nodeCrypto, key), fingerprint);
      assert.equal(await keyIdOf(nodeCrypto, key), keyId);
      assert.deepEqual(parseOpensshPublicLine(`${line}\n`), key, 'as read from a file');
    });

    test(`${algorithm}: no prefix, no longer blob and no second line is read`, () => {
      const key = parseOpensshPublicLine(line);
      assert.ok(key);
      const blob = sshKeyBlob(key);
      for (let length = 0; length < blob.length; length++) {
        assert.equal(parseSshKeyBlob(blob.subarray(0, length)), null, `${length} bytes`);
      }
      assert.equal(parseSshKeyBlob(concatBytes(blob, Uint8Array.of(0))), null);
      for (const separator of ['\n', '\r\n', '\0']) {
        assert.equal(parseOpensshPublicLine(`${line}${separator}${line}`), null);
      }
      assert.equal(parseOpensshPublicLine(`restrict ${line}`), null, 'options of authorized_keys');
    });
  }

  test('other algorithms and curves are refused', () => {
    for (const line of keys.refusedPublicLines) assert.equal(parseOpensshPublicLine(line), null, line.slice(0, 30));
  });

  test('a point that is not uncompressed, a wrong inner curve name and wrong lengths are refused', () => {
    const name = sshString('ecdsa-sha2-nistp256');
    const curve = sshString('nistp256');
    const point = (first: number, length: number) =>
      sshString(concatBytes(Uint8Array.of(first), new Uint8Array(length)));
    assert.ok(parseSshKeyBlob(concatBytes(name, curve, point(4, 64))));
    assert.equal(parseSshKeyBlob(concatBytes(name, curve, point(2, 32))), null);
    assert.equal(parseSshKeyBlob(concatBytes(name, curve, point(3, 64))), null);
    assert.equal(parseSshKeyBlob(concatBytes(name, curve, point(4, 63))), null);
    assert.equal(parseSshKeyBlob(concatBytes(name, sshString('nistp384'), point(4, 64))), null);
    assert.equal(parseSshKeyBlob(concatBytes(sshString('ssh-ed25519'), sshString(new Uint8Array(33)))), null);
    const fido = (application: string) =>
      concatBytes(sshString('sk-ssh-ed25519@openssh.com'), sshString(new Uint8Array(32)), sshString(application));
    assert.ok(parseSshKeyBlob(fido('ssh:')));
    assert.equal(parseSshKeyBlob(fido('')), null);
    assert.equal(parseSshKeyBlob(fido('x'.repeat(257))), null);
    assert.equal(parseSshKeyBlob(fido('ssh:\n')), null);
  });
});

describe('private keys made by ssh-keygen', () => {
  for (const { name, pem, line, expected } of keys.privateKeys) {
    test(`${name}: ${expected}`, async () => {
      const parsed = parseOpensshPrivateKey(pem);
      assert.equal(parsed.ok ? 'ok' : parsed.reason, expected);
      if (!parsed.ok) return;
      assert.deepEqual(await nodeCrypto.publicKeyOf(parsed.value), parseOpensshPublicLine(line ?? ''));
    });
  }

  test('check numbers, copies of the public half and padding must be right', () => {
    const pem = keys.privateKeys[0]?.pem ?? '';
    const body = decodeBase64(pem.split('\n').slice(1, -2).join(''));
    assert.ok(body);
    let refused = 0;
    const accepted: number[] = [];
    for (let i = 0; i < body.length; i++) {
      const changed = Uint8Array.from(body);
      changed[i] = (changed[i] ?? 0) ^ 1;
      const parsed = parseOpensshPrivateKey(
        `-----BEGIN OPENSSH PRIVATE KEY-----\n${encodeBase64(changed)}\n-----END OPENSSH PRIVATE KEY-----\n`,
      );
      if (parsed.ok) accepted.push(i);
      else refused++;
    }
    // Nothing in the file vouches for the seed and the comment.
    const comment = 'nixfleet test key, not a secret';
    assert.equal(accepted.length, 32 + comment.length);
    assert.equal(refused, body.length - accepted.length);
  });

  test('padding is 1, 2, 3… to the next block of eight and no further', async () => {
    const seed = new Uint8Array(32).fill(7);
    const { raw } = await nodeCrypto.publicKeyOf({ algorithm: 'ed25519', seed });
    const half = concatBytes(sshString('ssh-ed25519'), sshString(raw), sshString(concatBytes(seed, raw)));
    const reasonFor = (comment: string, padding: readonly number[]) => {
      const secret = concatBytes(new Uint8Array(8), half, sshString(comment), Uint8Array.from(padding));
      const head = ['none', 'none', ''].map((field) => sshString(field));
      const blob = sshString(concatBytes(sshString('ssh-ed25519'), sshString(raw)));
      const start = new TextEncoder().encode('openssh-key-v1\0');
      const body = concatBytes(start, ...head, Uint8Array.of(0, 0, 0, 1), blob, sshString(secret));
      const parsed = parseOpensshPrivateKey(
        `-----BEGIN OPENSSH PRIVATE KEY-----\n${encodeBase64(body)}\n-----END OPENSSH PRIVATE KEY-----\n`,
      );
      return parsed.ok ? 'ok' : parsed.detail;
    };
    const wrong = 'the padding is wrong';
    // With this comment the rest fills whole blocks.
    const full = 'x'.repeat((8 - ((8 + half.length + 4) % 8)) % 8);
    assert.equal(reasonFor(full, []), 'ok');
    assert.equal(reasonFor(full, [1, 2, 3, 4, 5, 6, 7, 8]), wrong);
    assert.equal(reasonFor(full, [1, 2, 3]), wrong);
    assert.equal(reasonFor(`${full}x`, [1, 2, 3, 4, 5, 6, 7]), 'ok');
    assert.equal(reasonFor(`${full}x`, [1, 2, 3, 4, 5, 6]), wrong);
    assert.equal(reasonFor(`${full}x`, [1, 2, 3, 4, 5, 6, 0]), wrong);
    assert.equal(reasonFor(`${full}x`, []), wrong);
  });
});
