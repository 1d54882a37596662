// Who may speak: host keys removed, rotated and never declared; and a stolen control plane, which can permit nothing by itself.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { clientIdentity, connectPinned } from '@nixfleet/agent';
import { FleetView, protocolHeader, type Sha256Hex } from '@nixfleet/contracts';
import { systemClock } from '@nixfleet/contracts/node-clock';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import { systemRandom } from '@nixfleet/contracts/node-random';
import { parseControlPlaneConfig, silentLog, startControlPlane } from '@nixfleet/control-plane';
import { type TestKey, testKey } from '@nixfleet/testkit';
import { Lab, onAll, twoWaves } from './harness/lab.ts';
import { StolenControlPlane } from './harness/stolen-control-plane.ts';
import { stays, until } from './harness/until.ts';

const lab = await Lab.open({ intent: twoWaves(), controlPlane: { offlineAfterSeconds: 5 } });
after(() => lab[Symbol.asyncDispose]());
const names = ['1', '2', '3', '4'];
const [v1, v2, v3, v4] = await Promise.all(names.map((name) => lab.system(name)));
assert.ok(v1 && v2 && v3 && v4);
const canary = lab.host('canary');
const web = lab.host('web-1');
const spare = await testKey('spare');
const other = await testKey('other');

test('a go for the second wave without the first one’s receipts is refused by the agent', async () => {
  await lab.write(onAll(v1));
  await lab.controlPlane.start();
  const target = await lab.fleet.target('web-1');
  const thief = new StolenControlPlane({ rolloutId: target.rolloutId, wave: 1, attempt: 1, receipts: [] });
  await web.start({ between: thief.between });
  const { body } = await web.until('document-refused');
  assert.deepEqual([body.document, body.reason], ['go', 'receipts-missing']);

  // Somebody's real receipt is not the canary's.
  const mark = web.mark;
  thief.go = { ...thief.go, receipts: [await lab.fleet.receipt('web-1')] };
  const again = await web.until('document-refused', { mark });
  assert.equal(again.body.document, 'go');
  await stays('nothing starts', () => !web.kinds().includes('fetching'), 1);

  thief.go = null;
  await canary.start();
  await lab.converged();
});

test('a host whose key was removed is cut off and gets 403; its key is listed', async () => {
  const own = await testKey('host:web-1');
  const removed = await KeptConnection.open(own);
  const kept = await KeptConnection.open(await testKey('host:canary'));
  await lab.publish((next) => {
    const host = next.hosts['web-1'];
    if (host) host.pubkeys = [other.openssh];
  });
  await until('the connection of the removed key is closed', () => removed.isClosed, { seconds: 5 });
  assert.ok(!kept.isClosed, 'and no other');
  kept.close();
  const view = await lab.controlPlane.until('listed', ({ unknownKeys }) => unknownKeys.length > 0);
  assert.deepEqual(
    view.unknownKeys.map(({ fingerprint }) => fingerprint),
    [own.keyId],
  );
  await until('refused', () => /403.*unknown-key|unknown-key.*403/.test(web.log));
  await lab.controlPlane.until('offline', ({ hosts }) => hosts.some(({ name, online }) => name === 'web-1' && !online));
  // And it comes back by a commit alone.
  await lab.publish((next) => {
    const host = next.hosts['web-1'];
    if (host) host.pubkeys = [own.openssh];
  });
  await lab.converged(undefined, 90);
});

test('a key rotated with an overlap: the host goes on under the new one', async () => {
  const own = await testKey('host:canary');
  await lab.release(v2, (next) => {
    const host = next.hosts.canary;
    if (host) host.pubkeys = [own.openssh, spare.openssh];
  });
  await lab.converged();
  await canary.stop();
  await canary.useKey(spare);
  await canary.start();
  await lab.release(v3);
  await lab.converged();
  await lab.publish((next) => {
    const host = next.hosts.canary;
    if (host) host.pubkeys = [spare.openssh];
  });
  await lab.release(v4);
  const view = await lab.converged();
  assert.ok(!view.unknownKeys.some(({ fingerprint }) => fingerprint === spare.keyId));
});

test('ten thousand unknown keys cost no more than a bounded list', async () => {
  await lab.controlPlane.stop('SIGTERM');
  const settings = { ...lab.controlPlane.settings, stateDirectory: join(lab.directory, 'crowded') };
  await using running = await startControlPlane(parseControlPlaneConfig(settings), {
    clock: systemClock,
    random: systemRandom,
    crypto: nodeCrypto,
    log: silentLog,
  });
  const { controlPlane } = running;
  const ask = (spkiSha256: string, address: string, path: string) =>
    controlPlane.handle(
      { spkiSha256: spkiSha256 as Sha256Hex, address },
      {
        method: 'GET',
        path,
        headers: { [protocolHeader]: '1' },
        body: new Uint8Array(),
        signal: new AbortController().signal,
      },
    );
  const olivia = (await testKey('operator:olivia')).keyId;
  const view = async (): Promise<FleetView> => {
    const { status, body } = await ask(olivia, '192.0.2.1', '/v1/fleet');
    assert.equal(status, 200);
    return FleetView.parse(JSON.parse(typeof body === 'string' ? body : new TextDecoder().decode(body as Uint8Array)));
  };
  await until('a release', async () => (await view()).release !== null);
  for (let i = 0; i < 10_000; i++) {
    const key = i.toString(16).padStart(64, 'a');
    const { status } = await ask(key, `198.51.${i % 100}.${i % 250}`, '/v1/fleet');
    assert.ok(status === 403 || status === 429, String(status));
  }
  const { unknownKeys, hosts } = await view();
  assert.ok(unknownKeys.length > 0 && unknownKeys.length <= 256, String(unknownKeys.length));
  assert.equal(hosts.length, 2);
  // A crowd from one address does not push out the others.
  const before = new Set(unknownKeys.map(({ fingerprint }) => fingerprint));
  for (let i = 0; i < 1000; i++) await ask(i.toString(16).padStart(64, 'b'), '203.0.113.9', '/v1/fleet');
  const after1000 = (await view()).unknownKeys;
  assert.ok(after1000.length <= 256);
  assert.ok(after1000.filter(({ fingerprint }) => before.has(fingerprint)).length >= before.size - 16);
});

/** A connection on which one request was answered, kept open as an agent keeps it. */
class KeptConnection {
  isClosed = false;
  readonly #socket: TLSSocket;

  private constructor(socket: TLSSocket) {
    this.#socket = socket;
    socket
      .on('error', () => {})
      .on('close', () => {
        this.isClosed = true;
      });
  }

  static async open(key: TestKey): Promise<KeptConnection> {
    const { identity } = await clientIdentity(key.privateKey, {
      commonName: 'host',
      crypto: nodeCrypto,
      random: systemRandom,
    });
    const pins = new Set<string>([(await testKey('control-plane')).keyId]);
    const port = lab.controlPlane.port ?? 0;
    const connected = await connectPinned({ host: '127.0.0.1', port, identity, pins, clock: systemClock });
    assert.ok(connected.ok);
    const kept = new KeptConnection(connected.socket);
    connected.socket.write(`GET /v1/signed/head.json HTTP/1.1\r\nhost: localhost\r\n${protocolHeader}: 1\r\n\r\n`);
    const [first] = (await once(connected.socket, 'data')) as [Buffer];
    assert.match(first.toString('latin1'), /^HTTP\/1\.1 200 /);
    connected.socket.resume();
    return kept;
  }

  close(): void {
    this.#socket.destroy();
  }
}
