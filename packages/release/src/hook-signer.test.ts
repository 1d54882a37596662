import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import type { PublicKey } from '@nixfleet/contracts';
import { systemClock } from '@nixfleet/contracts/node-clock';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import { systemRandom } from '@nixfleet/contracts/node-random';
import { FakeClock } from '@nixfleet/testkit';
import { hookSigner } from './hook-signer.ts';
import { newKey, parsePublicKey, showKey } from './keys.ts';
import { fileSigner } from './private-key-file.ts';
import { systemCommands } from './system-commands.ts';

const exec = promisify(execFile);
const message = new TextEncoder().encode('{"type":"release"}');

describe('key providers', () => {
  let directory: string;
  let publicKey: PublicKey;
  const key = () => join(directory, 'ci.pem');
  const commands = systemCommands({ clock: systemClock });
  const hook = (command: string, over: { publicKey?: PublicKey; timeoutMs?: number } = {}) =>
    hookSigner({ command, publicKey, commands, crypto: nodeCrypto, ...over });
  const openssl = () => `openssl pkeyutl -sign -rawin -inkey ${key()} -in "$NIXFLEET_INPUT" -out "$NIXFLEET_OUTPUT"`;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'nixfleet-hook-'));
    await newKey({ algorithm: 'ed25519', path: key(), crypto: nodeCrypto, random: systemRandom });
    publicKey = (await fileSigner(key(), { crypto: nodeCrypto })).publicKey;
  });
  after(() => rm(directory, { recursive: true, force: true }));

  test('a hook that is stock openssl signs, and equals the file provider', async () => {
    const signature = await hook(openssl()).sign(message);
    assert.deepEqual(signature, await (await fileSigner(key(), { crypto: nodeCrypto })).sign(message));
  });

  const bad: readonly [string, string, RegExp][] = [
    ['fails', 'echo token not present >&2; exit 7', /exit code 7: token not present/],
    ['writes nothing', 'true', /wrote nothing/],
    ['writes to standard output', 'head -c 64 /dev/zero', /wrote nothing/],
    ['writes 63 bytes', 'head -c 63 /dev/zero > "$NIXFLEET_OUTPUT"', /wrote 63 bytes/],
    ['writes 65 bytes', 'head -c 65 /dev/zero > "$NIXFLEET_OUTPUT"', /wrote 65 bytes/],
    ['writes base64', 'head -c 64 /dev/zero | base64 > "$NIXFLEET_OUTPUT"', /wrote 90 bytes/],
    ['writes a wrong signature', 'head -c 64 /dev/zero > "$NIXFLEET_OUTPUT"', /does not verify/],
    ['removes its output', 'rm "$NIXFLEET_OUTPUT"', /wrote nothing/],
  ];
  for (const [name, command, text] of bad) {
    test(`a hook that ${name} signs nothing`, () => assert.rejects(hook(command).sign(message), text));
  }

  test("a hook with another key than the declared one signs nothing, and a hook's signature of other bytes does not count", async () => {
    const other = await newKey({
      algorithm: 'ed25519',
      path: join(directory, 'x.pem'),
      crypto: nodeCrypto,
      random: systemRandom,
    });
    assert.equal(other.algorithm, 'ed25519');
    const declared = (await fileSigner(join(directory, 'x.pem'), { crypto: nodeCrypto })).publicKey;
    await assert.rejects(hook(openssl(), { publicKey: declared }).sign(message), /does not verify/);
    await assert.rejects(hook(`echo x >> "$NIXFLEET_INPUT"; ${openssl()}`).sign(message), /does not verify/);
  });

  test('a hook that hangs is ended with everything it started', async () => {
    const clock = new FakeClock();
    const signer = hookSigner({
      command: 'sleep 600 & wait',
      publicKey,
      commands: systemCommands({ clock }),
      crypto: nodeCrypto,
      timeoutMs: 1000,
    });
    const signing = assert.rejects(signer.sign(message), /took longer than 1000 ms/);
    while (clock.sleeping === 0) await new Promise((resolve) => setImmediate(resolve));
    await clock.advance(1000);
    await signing;
  });

  test('keys: mode 0600, never overwritten, both algorithms, stock tools agree', async () => {
    for (const algorithm of ['ed25519', 'ecdsa-p256'] as const) {
      const path = join(directory, `${algorithm}.pem`);
      const made = await newKey({ algorithm, path, crypto: nodeCrypto, random: systemRandom });
      assert.equal((await exec('stat', ['-c', '%a', path])).stdout.trim(), '600');
      await assert.rejects(newKey({ algorithm, path, crypto: nodeCrypto, random: systemRandom }), /EEXIST/);
      assert.deepEqual(await showKey(path, { crypto: nodeCrypto }), made);
      assert.equal((await exec('openssl', ['pkey', '-in', path, '-pubout'])).stdout, made.spkiPem);
      const signer = await fileSigner(path, { crypto: nodeCrypto });
      assert.deepEqual(signer.publicKey, parsePublicKey(made.spkiPem, path));
      const verified = await nodeCrypto.verify({ ...signer.publicKey, algorithm }, message, await signer.sign(message));
      assert.ok(verified);
    }
  });

  test('OpenSSH keys: private as signer, public line shown with the same keyId', async () => {
    const path = join(directory, 'id');
    await exec('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'someone', '-f', path]);
    const shown = await showKey(path, { crypto: nodeCrypto });
    assert.deepEqual(await showKey(`${path}.pub`, { crypto: nodeCrypto }), shown);
    assert.ok((await exec('ssh-keygen', ['-l', '-f', `${path}.pub`])).stdout.includes(shown.fingerprint));
    assert.equal((await (await fileSigner(path, { crypto: nodeCrypto })).sign(message)).length, 64);
  });

  test('what is no such key is refused without quoting it', async () => {
    const path = join(directory, 'rsa.pem');
    await exec('openssl', ['genpkey', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:1024', '-out', path]);
    await assert.rejects(fileSigner(path, { crypto: nodeCrypto }), /expected an ed25519 or P-256 key, got rsa/);
    await exec('openssl', ['pkcs8', '-topk8', '-in', key(), '-out', join(directory, 'enc.pem'), '-passout', 'pass:x']);
    await assert.rejects(fileSigner(join(directory, 'enc.pem'), { crypto: nodeCrypto }), /encrypted/);
    await assert.rejects(fileSigner(join(directory, 'none.pem'), { crypto: nodeCrypto }), /cannot read the key/);
  });
});
