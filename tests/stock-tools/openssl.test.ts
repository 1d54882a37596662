import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { spkiOf } from '@nixfleet/contracts';
import { createTestFleet, testKey } from '@nixfleet/testkit';

// What docs/architecture.md tells an auditor to type.
test('a signed release verifies with stock openssl, and a changed one does not', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'nixfleet-openssl-'));
  try {
    const fleet = await createTestFleet();
    const { release } = await fleet.publish();
    const key = await testKey('ci');
    const signature = release.signatures.get(key.keyId);
    assert.ok(signature);
    const spki = Buffer.from(spkiOf(key.publicKey)).toString('base64');
    await writeFile(join(folder, 'release.pub.pem'), `-----BEGIN PUBLIC KEY-----\n${spki}\n-----END PUBLIC KEY-----\n`);
    await writeFile(join(folder, 'release.json'), release.bytes);
    await writeFile(join(folder, 'release.json.sig'), signature);
    const verify = () =>
      promisify(execFile)(
        'openssl',
        'pkeyutl -verify -rawin -pubin -inkey release.pub.pem -in release.json -sigfile release.json.sig'.split(' '),
        { cwd: folder },
      );
    assert.match((await verify()).stdout, /Signature Verified Successfully/);

    const changed = Uint8Array.from(release.bytes);
    changed[20] = (changed[20] ?? 0) ^ 1;
    await writeFile(join(folder, 'release.json'), changed);
    await assert.rejects(verify);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
