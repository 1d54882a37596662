import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Instant } from '@nixfleet/contracts';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import { SeededRandom } from '@nixfleet/testkit';
import { parseAgentConfig } from './config.ts';
import { fileSystem } from './file-system.ts';
import { clientIdentity, readHostKey } from './host-key.ts';
import { clearLocalHold, localHoldPath, readLocalHold, setLocalHold } from './local-hold.ts';
import { checkStateDirectory } from './state-directory.ts';

const directory = mkdtempSync(join(tmpdir(), 'nixfleet-config-'));
after(() => rmSync(directory, { recursive: true }));

const good = {
  fleet: 'demo',
  host: 'canary',
  stateDirectory: '/var/lib/nixfleet-agent',
  key: '/etc/ssh/ssh_host_ed25519_key',
  trust: '/etc/nixfleet/trust.json',
  controlPlanes: ['https://control.example.org'],
  backend: { kind: 'profile', storeDirectory: '/srv/store', systemRoot: '/srv/root' },
};

test('settings: defaults are filled in, and every mistake is named', () => {
  assert.equal(parseAgentConfig(good).checkinWaitSeconds, 60);
  const mistakes: [object, RegExp][] = [
    [{ ...good, stateDirectory: 'relative' }, /stateDirectory/],
    [{ ...good, controlplanes: [] }, /controlplanes/],
    [{ ...good, controlPlanes: ['http://control.example.org'] }, /controlPlanes/],
    [{ ...good, controlPlanes: [] }, /controlPlanes and mirrors/],
    [{ ...good, checkinWaitSeconds: 121 }, /checkinWaitSeconds/],
    [{ ...good, backend: { ...good.backend, kind: 'magic' } }, /backend/],
    [{ ...good, mirrors: [{ kind: 'git' }] }, /mirrors/],
    [{ ...good, mirrors: [{ kind: 'git', repository: 'https://bot:hunter2@git.example.org/fleet' }] }, /credentials/],
    [{ ...good, mirrors: [{ kind: 'https', url: 'https://token@example.org/releases' }] }, /credentials/],
    [{ ...good, substituters: ['https://me:pass@cache.example.org'] }, /credentials/],
  ];
  assert.ok(parseAgentConfig({ ...good, mirrors: [{ kind: 'git', repository: 'ssh://git@git.example.org/fleet' }] }));
  for (const [config, message] of mistakes) {
    assert.throws(() => parseAgentConfig(config), { code: 'bad-config', message });
  }
});

test('a host key made by ssh-keygen is read; an encrypted or missing one says why it is of no use', async () => {
  const plain = join(directory, 'plain');
  const encrypted = join(directory, 'encrypted');
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', plain]);
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', 'secret', '-f', encrypted]);
  const key = await readHostKey(fileSystem, plain);
  const { identity } = await clientIdentity(key, {
    commonName: 'canary',
    crypto: nodeCrypto,
    random: new SeededRandom(1),
  });
  const text = execFileSync('openssl', ['x509', '-noout', '-subject'], {
    input: identity.certificatePem,
    encoding: 'utf8',
  });
  assert.match(text, /CN ?= ?canary/);
  await assert.rejects(readHostKey(fileSystem, encrypted), { code: 'bad-key', message: /encrypted/ });
  await assert.rejects(readHostKey(fileSystem, join(directory, 'none')), { code: 'bad-key', message: /no host key/ });
  writeFileSync(join(directory, 'garbage'), 'garbage');
  await assert.rejects(readHostKey(fileSystem, join(directory, 'garbage')), { code: 'bad-key' });
});

test('a local hold holds until it ends, is lifted by hand, and holds when it cannot be read', async () => {
  const now = Instant.parse('2026-06-01T08:00:00Z');
  const until = Instant.parse('2026-06-01T10:00:00Z');
  assert.equal(await readLocalHold(fileSystem, directory, now), null);
  await setLocalHold(fileSystem, directory, { until, reason: 'disk being replaced' });
  assert.deepEqual(await readLocalHold(fileSystem, directory, now), { until, reason: 'disk being replaced' });
  assert.equal(await readLocalHold(fileSystem, directory, until), null);
  await clearLocalHold(fileSystem, directory);
  assert.equal(await readLocalHold(fileSystem, directory, now), null);
  writeFileSync(localHoldPath(directory), '{"until":');
  assert.match((await readLocalHold(fileSystem, directory, now))?.reason ?? '', /cannot be read/);
});

test('the example in the documentation is a configuration, and its mirror is where a release publishes', () => {
  const page = readFileSync(join(import.meta.dirname, '../../../docs/agent.md'), 'utf8');
  const example = /```json\n([\s\S]*?)```/.exec(page)?.[1] ?? '';
  const { mirrors } = parseAgentConfig(JSON.parse(example));
  // At the top of the branch, as `nixfleet release publish` lays it out.
  assert.ok(mirrors.every((mirror) => mirror.kind !== 'git' || (mirror.branch === 'releases' && mirror.path === '')));
});

test('a state directory in which others may write is refused; one that is not there yet is made', async () => {
  const state = join(directory, 'state');
  await checkStateDirectory(state);
  mkdirSync(state, { mode: 0o700 });
  await checkStateDirectory(state);
  chmodSync(state, 0o757);
  await assert.rejects(checkStateDirectory(state), { code: 'bad-config', message: /writable/ });
  writeFileSync(join(directory, 'file'), '');
  await assert.rejects(checkStateDirectory(join(directory, 'file')), { code: 'bad-config' });
});
