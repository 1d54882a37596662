import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { PublicKey } from './crypto.ts';
import { generatePrivateKey, nodeCrypto, signerFor } from './node-crypto.ts';
import {
  formatOpensshPrivateKey,
  formatOpensshPublicLine,
  opensshFingerprint,
  parseOpensshPrivateKey,
  parseOpensshPublicLine,
} from './openssh.ts';
import { checkSshsig, makeSshsig } from './sshsig.ts';

// Against the stock programs of Debian's openssh-client; without them these tests fail.
let folder = '';
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'nixfleet-openssh-'));
});
after(() => rmSync(folder, { recursive: true, force: true }));

const at = (name: string) => join(folder, name);
const keygen = (...args: string[]) => execFileSync('ssh-keygen', args, { encoding: 'utf8', stdio: 'pipe' });

function makeKey(name: string, ...options: string[]): PublicKey {
  keygen('-q', '-f', at(name), '-C', 'somebody@somewhere', ...options);
  const key = parseOpensshPublicLine(readFileSync(at(`${name}.pub`), 'utf8'));
  assert.ok(key);
  return key;
}

describe('OpenSSH keys', () => {
  for (const [type, algorithm] of [
    ['ed25519', 'ed25519'],
    ['ecdsa', 'ecdsa-p256'],
  ] as const) {
    test(`a stock ${type} public line is read, written and fingerprinted as ssh-keygen does`, async () => {
      const key = makeKey(`line-${type}`, '-t', type, '-N', '');
      assert.equal(key.algorithm, algorithm);
      const line = readFileSync(at(`line-${type}.pub`), 'utf8')
        .split(' ')
        .slice(0, 2)
        .join(' ');
      assert.equal(formatOpensshPublicLine(key), line);
      assert.ok(keygen('-lf', at(`line-${type}.pub`)).includes(await opensshFingerprint(nodeCrypto, key)));
    });
  }

  test('a line whose name differs from its blob, a cut blob and trailing bytes are refused', () => {
    const line = formatOpensshPublicLine(makeKey('odd', '-t', 'ed25519', '-N', ''));
    const [name, encoded = ''] = line.split(' ');
    assert.equal(parseOpensshPublicLine(`ecdsa-sha2-nistp256 ${encoded}`), null);
    assert.equal(parseOpensshPublicLine(`${name} ${encoded.slice(0, -4)}`), null);
    assert.equal(parseOpensshPublicLine(`${name} ${encoded}AAAA`), null);
    assert.equal(parseOpensshPublicLine(''), null);
    assert.equal(parseOpensshPublicLine(`${line} ${'x'.repeat(2000)}`), null);
  });

  test('a stock private key is read, and one of ours is read by ssh-keygen', async () => {
    const key = makeKey('private', '-t', 'ed25519', '-N', '');
    const parsed = parseOpensshPrivateKey(readFileSync(at('private'), 'utf8'));
    assert.ok(parsed.ok && parsed.value.algorithm === 'ed25519');
    assert.deepEqual(await nodeCrypto.publicKeyOf(parsed.value), key);
    const ours = formatOpensshPrivateKey({ seed: parsed.value.seed, publicRaw: key.raw, comment: 'ours', check: 42 });
    writeFileSync(at('ours'), ours, { mode: 0o600 });
    assert.ok(keygen('-y', '-f', at('ours')).startsWith(formatOpensshPublicLine(key)));
    assert.deepEqual(parseOpensshPrivateKey(ours), parsed);
  });

  test('an encrypted, a foreign and a damaged private key are refused with their reason', () => {
    makeKey('locked', '-t', 'ed25519', '-N', 'a long passphrase');
    makeKey('foreign', '-t', 'ecdsa', '-N', '');
    makeKey('damaged', '-t', 'ed25519', '-N', '');
    const reasonOf = (pem: string) => {
      const parsed = parseOpensshPrivateKey(pem);
      return parsed.ok ? 'accepted' : parsed.reason;
    };
    assert.equal(reasonOf(readFileSync(at('locked'), 'utf8')), 'encrypted');
    assert.equal(reasonOf(readFileSync(at('foreign'), 'utf8')), 'unsupported-algorithm');
    const lines = readFileSync(at('damaged'), 'utf8').split('\n');
    assert.equal(reasonOf([...lines.slice(0, 3), ...lines.slice(4)].join('\n')), 'malformed');
    assert.equal(reasonOf('hello'), 'malformed');
  });
});

describe('SSHSIG', () => {
  const namespace = 'hold@demo';
  const message = new TextEncoder().encode('{"type":"hold"}');

  for (const [type, algorithm] of [
    ['ed25519', 'ed25519'],
    ['ecdsa', 'ecdsa-p256'],
  ] as const) {
    test(`ours by ${algorithm} satisfies ssh-keygen -Y verify`, async () => {
      // A fresh key each time: an mpint has another length for one key in 256.
      for (let i = 0; i < 4; i++) {
        const signer = await signerFor(generatePrivateKey(algorithm));
        writeFileSync(at('signature'), await makeSshsig(nodeCrypto, { signer, message, namespace }));
        writeFileSync(at('allowed'), `ada ${formatOpensshPublicLine(signer.publicKey)}\n`);
        const args = ['-Y', 'verify', '-f', at('allowed'), '-I', 'ada', '-n', namespace, '-s', at('signature')];
        execFileSync('ssh-keygen', args, { input: message, stdio: 'pipe' });
        assert.throws(() => execFileSync('ssh-keygen', args, { input: 'another message', stdio: 'pipe' }));
      }
    });

    test(`ssh-keygen -Y sign by ${type} satisfies us, with either hash, and only as declared`, async () => {
      const key = makeKey(`sig-${type}`, '-t', type, '-N', '');
      const other = makeKey(`other-${type}`, '-t', type, '-N', '');
      for (const hash of ['sha256', 'sha512']) {
        const file = at(`message-${type}-${hash}`);
        writeFileSync(file, message);
        keygen('-q', '-Y', 'sign', '-O', `hashalg=${hash}`, '-f', at(`sig-${type}`), '-n', namespace, file);
        const armored = readFileSync(`${file}.sig`, 'utf8');
        const check = (change: Partial<Parameters<typeof checkSshsig>[1]>) =>
          checkSshsig(nodeCrypto, { armored, message, namespace, key, ...change });
        assert.deepEqual(await check({}), { ok: true });
        assert.deepEqual(await check({ key: other }), { ok: false, reason: 'wrong-key' });
        assert.deepEqual(await check({ namespace: 'release@demo' }), { ok: false, reason: 'wrong-namespace' });
        assert.deepEqual(await check({ message: message.slice(1) }), { ok: false, reason: 'bad-signature' });
        assert.deepEqual(await check({ armored: armored.slice(0, -60) }), { ok: false, reason: 'malformed' });
        assert.deepEqual(await check({ armored: `${armored}${'\n'.repeat(5000)}` }), {
          ok: false,
          reason: 'malformed',
        });
      }
    });
  }
});
