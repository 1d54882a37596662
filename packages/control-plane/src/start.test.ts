import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, test } from 'node:test';
import { systemClock } from '@nixfleet/contracts/node-clock';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import { systemRandom } from '@nixfleet/contracts/node-random';
import { createTestFleet, type TestFleet, testKey } from '@nixfleet/testkit';
import { parseControlPlaneConfig } from './config.ts';
import { ControlPlaneError } from './errors.ts';
import { the } from './fixture.test.ts';
import { silentLog } from './log.ts';
import type { Readiness } from './readiness.ts';
import { startControlPlane } from './start.ts';
import { PostgresServer } from './store/postgres-server.test.ts';

const root = mkdtempSync(join(tmpdir(), 'nixfleet-control-plane-'));
after(() => rmSync(root, { recursive: true }));
const deps = { clock: systemClock, random: systemRandom, crypto: nodeCrypto, log: silentLog };
const secret = 'nixfleet test key control-plane';

async function tlsKeyPem(): Promise<string> {
  const { privateKey } = await testKey('control-plane');
  assert.ok('seed' in privateKey);
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), privateKey.seed]);
  return `-----BEGIN PRIVATE KEY-----\n${der.toString('base64')}\n-----END PRIVATE KEY-----\n`;
}

/** A trust document, a TLS key, a release source; the state directory is not even there. */
async function settings(name: string) {
  const directory = join(root, name);
  const now = `${new Date(systemClock.now()).toISOString().slice(0, 19)}Z`;
  const fleet = await createTestFleet({ now });
  await fleet.publish();
  publish(fleet, join(directory, 'releases'));
  writeFileSync(join(directory, 'trust.json'), the(fleet.trustChain[0]).bytes);
  writeFileSync(join(directory, 'tls.pem'), await tlsKeyPem(), { mode: 0o600 });
  const config = parseControlPlaneConfig({
    trust: join(directory, 'trust.json'),
    tlsKey: join(directory, 'tls.pem'),
    listen: { host: '127.0.0.1', port: 0 },
    release: { kind: 'directory', path: join(directory, 'releases') },
    stateDirectory: join(directory, 'state'),
  });
  return { directory, fleet, config };
}

function publish(fleet: TestFleet, releases: string): void {
  for (const [path, bytes] of fleet.files) {
    mkdirSync(dirname(join(releases, path)), { recursive: true });
    writeFileSync(join(releases, path), bytes);
  }
}

function get(port: number, path: string): Promise<{ status: number; body: unknown }> {
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, path, rejectUnauthorized: false, agent: false }, async (response) => {
      let text = '';
      for await (const chunk of response) text += chunk;
      resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) });
    })
      .on('error', reject)
      .end();
  });
}

async function until(isSo: () => Promise<boolean>, msMax = 5000): Promise<void> {
  const end = systemClock.monotonicMs() + msMax;
  while (!(await isSo())) {
    assert.ok(systemClock.monotonicMs() < end, 'not in time');
    await systemClock.sleep(10);
  }
}

describe('a whole control plane', () => {
  test('from a trust document, a TLS key, a release source and an empty directory; twice', async () => {
    const { config } = await settings('whole');
    for (let i = 0; i < 2; i++) {
      await using running = await startControlPlane(config, deps);
      assert.equal(running.spkiSha256, (await testKey('control-plane')).keyId);
      const { port } = running.address;
      await until(async () => ((await get(port, '/readyz')).body as Readiness).release === 1);
      const { status, body } = await get(port, '/readyz');
      assert.equal(status, 503);
      assert.match((body as Readiness).missing.join(), /4 hosts are not heard yet/);
      assert.equal((await get(port, '/healthz')).status, 200);
    }
    assert.equal(statSync(config.stateDirectory).mode & 0o777, 0o700);
  });

  test('its whole disk holds no secret', async () => {
    const { config } = await settings('secrets');
    {
      await using running = await startControlPlane(config, deps);
      await until(async () => ((await get(running.address.port, '/readyz')).body as Readiness).release === 1);
    }
    const key = readFileSync(config.tlsKey, 'utf8').split('\n')[1] ?? '';
    const seed = Buffer.from(key, 'base64').subarray(16);
    const files = readdirSync(config.stateDirectory, { recursive: true, withFileTypes: true }).filter((f) =>
      f.isFile(),
    );
    assert.ok(files.length > 0);
    for (const file of files) {
      const bytes = readFileSync(join(file.parentPath, file.name));
      for (const needle of [secret, 'PRIVATE KEY', key, seed]) {
        assert.equal(bytes.includes(needle), false, `${file.name} holds ${String(needle).slice(0, 12)}`);
      }
    }
  });

  test('on a database, by a password from a file; two of them at once', async () => {
    await using server = await PostgresServer.start();
    const { user } = server.address('postgres');
    await server.sql('postgres', `ALTER ROLE "${user}" PASSWORD 'of the database'`);
    await server.sql('postgres', 'CREATE DATABASE fleet');
    const { config, directory } = await settings('database');
    const passwordFile = join(directory, 'password');
    writeFileSync(passwordFile, 'of the database\n', { mode: 0o600 });
    const database = { url: `postgres://${user}@127.0.0.1:${server.port}/fleet`, passwordFile };
    const start = (change: object) =>
      startControlPlane(parseControlPlaneConfig({ ...config, database, ...change }), deps);
    await using first = await start({});
    await using second = await start({ stateDirectory: join(directory, 'second') });
    for (const { address } of [first, second]) {
      await until(async () => {
        const { release, cluster } = (await get(address.port, '/readyz')).body as Readiness;
        return release === 1 && cluster?.members.length === 2;
      }, 30_000);
    }
    const leads = [first, second].map(({ controlPlane }) => controlPlane.readiness().cluster?.leads);
    assert.deepEqual(leads.sort(), [false, true]);
    assert.ok(!readdirSync(config.stateDirectory).some((name) => name.includes('sqlite')));
    writeFileSync(passwordFile, 'another\n');
    await assert.rejects(start({ stateDirectory: join(directory, 'third') }), isFault('bad-config'));
  });

  test('what stops a start, and says why', async () => {
    const { config, directory } = await settings('stops');
    const start = (change: object) => startControlPlane(parseControlPlaneConfig({ ...config, ...change }), deps);
    const bad = join(directory, 'bad');
    writeFileSync(bad, 'nothing of use');
    await assert.rejects(start({ trust: join(directory, 'none') }), isFault('bad-config'));
    await assert.rejects(start({ trust: bad }), isFault('bad-trust'));
    await assert.rejects(start({ tlsKey: bad }), isFault('bad-tls-key'));
    await assert.rejects(start({ stateDirectory: join(bad, 'state') }), isFault('bad-config'));
    await using running = await start({});
    await assert.rejects(start({}), isFault('state-unreadable'), 'the same state twice');
    const listen = { host: '127.0.0.1', port: running.address.port };
    await assert.rejects(start({ listen, stateDirectory: join(directory, 'other') }), isFault('listen-failed'));
    await using again = await start({ stateDirectory: join(directory, 'other') });
    assert.ok(again.address.port > 0, 'a failed start leaves nothing locked');
  });
});

function isFault(code: string) {
  return (error: unknown) => {
    assert.ok(error instanceof ControlPlaneError, String(error));
    assert.equal(error.code, code);
    return true;
  };
}
