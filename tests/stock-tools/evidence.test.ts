import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { spkiOf } from '@nixfleet/contracts';
import { createTestFleet, TestEvidence } from '@nixfleet/testkit';

test('evidence verifies with stock ssh-keygen and stock openssl, and a changed byte does not', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'nixfleet-evidence-'));
  try {
    const fleet = await createTestFleet();
    await fleet.publish();
    const { bytes, sig, sshsig } = await new TestEvidence(fleet, 'web-1').collect();
    const key = await fleet.hostKey('web-1');
    const write = (name: string, content: string | Uint8Array) => writeFile(join(folder, name), content);
    await write('evidence.json.sig', Buffer.from(sig, 'base64'));
    await write('evidence.json.sshsig', sshsig);
    await write('allowed_signers', `web-1 namespaces="evidence@demo" ${key.openssh}\n`);
    const spki = Buffer.from(spkiOf(key.publicKey)).toString('base64');
    await write('host.pub.pem', `-----BEGIN PUBLIC KEY-----\n${spki}\n-----END PUBLIC KEY-----\n`);
    const openssl = () =>
      promisify(execFile)(
        'openssl',
        'pkeyutl -verify -rawin -pubin -inkey host.pub.pem -in evidence.json -sigfile evidence.json.sig'.split(' '),
        { cwd: folder },
      );
    const sshKeygen = async (message: Uint8Array): Promise<number> => {
      const args = '-Y verify -f allowed_signers -I web-1 -n evidence@demo -s evidence.json.sshsig'.split(' ');
      const child = spawn('ssh-keygen', args, { cwd: folder, stdio: ['pipe', 'ignore', 'ignore'] });
      child.stdin.end(message);
      const [code] = await once(child, 'close');
      return code;
    };
    await write('evidence.json', bytes);
    assert.match((await openssl()).stdout, /Signature Verified Successfully/);
    assert.equal(await sshKeygen(bytes), 0);

    const changed = Uint8Array.from(bytes);
    changed[20] = (changed[20] ?? 0) ^ 1;
    await write('evidence.json', changed);
    await assert.rejects(openssl);
    assert.notEqual(await sshKeygen(changed), 0);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
