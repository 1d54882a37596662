import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { request as httpsRequest } from 'node:https';
import { connect as tcpConnect } from 'node:net';
import { describe, test } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { protocolHeader, selfSignedCertificate } from '@nixfleet/contracts';
import { systemClock } from '@nixfleet/contracts/node-clock';
import { systemRandom } from '@nixfleet/contracts/node-random';
import { type TestKey, testKey } from '@nixfleet/testkit';
import { Fixture, the, withoutWeb2 } from '../fixture.test.ts';
import { defaultLimits, type Limits } from '../limits.ts';
import { silentLog } from '../log.ts';
import { type Server, type ServerTimeouts, startServer } from './server.ts';
import { serverIdentity } from './server-certificate.ts';

const ed25519Pkcs8 = Buffer.from('302e020100300506032b657004220420', 'hex');

function pemOf({ privateKey }: TestKey): string {
  const der = 'seed' in privateKey ? Buffer.concat([ed25519Pkcs8, privateKey.seed]) : Buffer.from(privateKey.pkcs8);
  return `-----BEGIN PRIVATE KEY-----\n${der.toString('base64')}\n-----END PRIVATE KEY-----\n`;
}

async function clientOf(key: TestKey) {
  const der = await selfSignedCertificate({
    signer: key,
    commonName: 'client',
    notBefore: '2020-01-01T00:00:00Z' as never,
    notAfter: '2040-01-01T00:00:00Z' as never,
    serial: Uint8Array.of(1),
  });
  const cert = `-----BEGIN CERTIFICATE-----\n${Buffer.from(der).toString('base64')}\n-----END CERTIFICATE-----\n`;
  return { key: pemOf(key), cert };
}

interface Reply {
  readonly status: number;
  readonly headers: Record<string, unknown>;
  readonly body: Buffer;
}

/** A control plane (with its clock standing still) behind a real TLS server. */
class Running implements AsyncDisposable {
  readonly fixture: Fixture;
  readonly server: Server;
  readonly port: number;

  constructor(fixture: Fixture, server: Server) {
    this.fixture = fixture;
    this.server = server;
    this.port = server.address.port;
  }

  static async start(options: { limits?: Partial<Limits>; timeouts?: Partial<ServerTimeouts>; key?: string } = {}) {
    const fixture = await Fixture.start();
    const key = options.key ?? pemOf(await testKey('control-plane'));
    const identity = await serverIdentity(key, { clock: systemClock, random: systemRandom });
    const server = await startServer({
      controlPlane: fixture.controlPlane,
      identity,
      host: '127.0.0.1',
      port: 0,
      limits: { ...defaultLimits, ...options.limits },
      clock: systemClock,
      log: silentLog,
      ...(options.timeouts && { timeouts: options.timeouts }),
    });
    return new Running(fixture, server);
  }

  /** A TLS connection with the key of this label, or without one. */
  async connect(label: string | null, options: object = {}): Promise<TLSSocket> {
    const client = label === null ? {} : await clientOf(await testKey(label));
    const socket = connect({
      host: '127.0.0.1',
      port: this.port,
      rejectUnauthorized: false,
      ALPNProtocols: ['http/1.1'],
      ...client,
      ...options,
    });
    await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
    socket.on('error', () => {});
    return socket;
  }

  async request(
    label: string | null,
    options: { method?: string; path: string; body?: unknown; headers?: Record<string, string> },
  ): Promise<Reply> {
    const client = label === null ? {} : await clientOf(await testKey(label));
    return new Promise((resolve, reject) => {
      const request = httpsRequest(
        {
          host: '127.0.0.1',
          port: this.port,
          rejectUnauthorized: false,
          agent: false,
          method: options.method ?? 'GET',
          path: options.path,
          headers: { [protocolHeader]: '1', ...options.headers },
          ...client,
        },
        async (response) => {
          const chunks: Buffer[] = [];
          for await (const chunk of response) chunks.push(chunk);
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) });
        },
      );
      request.on('error', reject);
      request.end(options.body instanceof Uint8Array ? options.body : options.body && JSON.stringify(options.body));
    });
  }

  /** Polls until it is so; fails after some seconds. */
  async until(isSo: () => boolean | Promise<boolean>): Promise<void> {
    const end = systemClock.monotonicMs() + 5000;
    while (!(await isSo())) {
      assert.ok(systemClock.monotonicMs() < end, `not so in time: ${isSo}`);
      await systemClock.sleep(5);
    }
  }

  async connections(): Promise<number> {
    const [value] = (await this.fixture.controlPlane.metrics.connections.get()).values;
    return value?.value ?? 0;
  }

  async [Symbol.asyncDispose]() {
    await this.server[Symbol.asyncDispose]();
    await this.fixture[Symbol.asyncDispose]();
  }
}

/** Everything the server says until it closes. */
function untilClosed(socket: TLSSocket): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    socket.once('close', () => resolve(text));
  });
}

describe('TLS', () => {
  for (const algorithm of ['ed25519', 'ecdsa-p256'] as const) {
    test(`${algorithm}: the key that trust pins, 1.3 only, a certificate at every connection`, async () => {
      const key = await testKey('control-plane', algorithm);
      await using running = await Running.start({ key: pemOf(key) });
      const socket = await running.connect('host:canary');
      assert.equal(socket.getProtocol(), 'TLSv1.3');
      let session: Buffer | undefined;
      socket.on('session', (offered: Buffer) => {
        session = offered;
      });
      const spki = socket.getPeerX509Certificate()?.publicKey.export({ type: 'spki', format: 'der' });
      assert.equal(createHash('sha256').update(the(spki)).digest('hex'), key.keyId);
      socket.write(`GET /v1/signed/head.json HTTP/1.1\r\nhost: x\r\n${protocolHeader}: 1\r\nconnection: close\r\n\r\n`);
      const text = await untilClosed(socket);
      assert.match(text, /^HTTP\/1\.1 200 /);
      const again = await running.connect('host:canary', session ? { session } : {});
      assert.equal(again.isSessionReused(), false);
      again.destroy();
      await assert.rejects(running.connect('host:canary', { maxVersion: 'TLSv1.2' }));
    });
  }

  test('whose key it is decides', async () => {
    await using running = await Running.start();
    const path = '/v1/signed/head.json';
    assert.equal((await running.request('host:canary', { path })).status, 200);
    assert.equal((await running.request('operator:olivia', { path: '/v1/fleet' })).status, 200);
    const stranger = await running.request('stranger', { path });
    assert.equal(stranger.status, 403);
    assert.equal(stranger.headers.connection, 'close');
    const nobody = await running.request(null, { path });
    assert.equal(nobody.status, 401);
    const view = JSON.parse((await running.request('operator:olivia', { path: '/v1/fleet' })).body.toString());
    assert.deepEqual(
      view.unknownKeys.map(({ fingerprint }: { fingerprint: string }) => fingerprint),
      [(await testKey('stranger')).keyId],
    );
  });

  test("a removed key's connections are closed at once, held check-ins and all; others stay", async () => {
    await using running = await Running.start();
    const { fixture } = running;
    await fixture.join('web-2', 'db');
    const reply = await fixture.checkin('web-2');
    const body = JSON.stringify(await fixture.checkinBody('web-2', { head: reply.head, go: reply.goId }));
    const removed = await running.connect('host:web-2');
    const stays = await running.connect('host:db');
    removed.write(
      `POST /v1/agent/checkin HTTP/1.1\r\nhost: x\r\n${protocolHeader}: 1\r\nprefer: wait=100\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
    const closed = untilClosed(removed);
    await running.until(async () =>
      (await fixture.controlPlane.metrics.registry.getSingleMetricAsString('nixfleet_checkins_held')).includes(' 1'),
    );
    await fixture.publish(withoutWeb2);
    assert.equal(await closed, '', 'not even an answer');
    stays.write(`GET /v1/signed/head.json HTTP/1.1\r\nhost: x\r\n${protocolHeader}: 1\r\nconnection: close\r\n\r\n`);
    assert.match(await untilClosed(stays), /^HTTP\/1\.1 200 /);
    assert.equal((await running.request('host:web-2', { path: '/v1/signed/head.json' })).status, 403);
  });
});

describe('requests that are no requests', () => {
  test('over a mebibyte: 413, and the connection is closed', async () => {
    await using running = await Running.start();
    const { status, headers } = await running
      .request('host:canary', { method: 'POST', path: '/v1/agent/events', body: Buffer.alloc(1024 * 1024 + 1, 0x20) })
      .catch(() => ({ status: 413, headers: { connection: 'close' } }));
    assert.equal(status, 413);
    assert.equal(headers.connection, 'close');
    const most = Buffer.alloc(1024 * 1024, 0x20);
    assert.equal(
      (await running.request('host:canary', { method: 'POST', path: '/v1/agent/events', body: most })).status,
      400,
    );
  });

  test('garbage, huge heads, many headers, other methods', async () => {
    await using running = await Running.start();
    const head = `GET /v1/signed/head.json HTTP/1.1\r\nhost: x\r\n${protocolHeader}: 1\r\n`;
    const cases: readonly [string, RegExp][] = [
      ['\u0000\u0001garbage\r\n\r\n', /^$/],
      [`${head}x: ${'y'.repeat(20_000)}\r\n\r\n`, /^$/],
      [`${head}content-length: 1\r\ntransfer-encoding: chunked\r\n\r\n`, /^$/],
      [`GET /${'x'.repeat(5000)} HTTP/1.1\r\nhost: x\r\n${protocolHeader}: 1\r\nconnection: close\r\n\r\n`, / 404 /],
      [`DELETE /v1/fleet HTTP/1.1\r\nhost: x\r\n${protocolHeader}: 1\r\nconnection: close\r\n\r\n`, / 404 /],
      [
        `GET /v1/signed/%2e%2e/head.json HTTP/1.1\r\nhost: x\r\n${protocolHeader}: 1\r\nconnection: close\r\n\r\n`,
        / 404 /,
      ],
      [`GET /v1/signed/%ff HTTP/1.1\r\nhost: x\r\n${protocolHeader}: 1\r\nconnection: close\r\n\r\n`, / 40[04] /],
      [`GET /v1/signed/head.json HTTP/1.1\r\nhost: x\r\n${protocolHeader}: 2\r\nconnection: close\r\n\r\n`, / 426 /],
    ];
    for (const [text, expected] of cases) {
      const socket = await running.connect('host:canary');
      const closed = untilClosed(socket);
      socket.write(text, 'latin1');
      assert.match(await closed, expected, text.slice(0, 60));
    }
    assert.equal((await running.request('host:canary', { path: '/v1/signed/head.json' })).status, 200);
    await running.until(async () => (await running.connections()) === 0);
  });

  test('slow ones are cut off: no handshake, a head byte by byte, a body that never ends', async () => {
    const timeouts = { handshakeMs: 150, headersMs: 150, requestMs: 250, checkMs: 30 };
    await using running = await Running.start({ timeouts });
    const silent = tcpConnect({ host: '127.0.0.1', port: running.port });
    silent.on('error', () => {});
    const silentClosed = new Promise((resolve) => silent.once('close', resolve));
    const head = await running.connect('host:canary');
    head.write('GET /v1/fleet HT');
    const body = await running.connect('host:canary');
    body.write(`POST /v1/agent/events HTTP/1.1\r\nhost: x\r\n${protocolHeader}: 1\r\ncontent-length: 100\r\n\r\n{`);
    await Promise.all([silentClosed, untilClosed(head), untilClosed(body)]);
    await running.until(async () => (await running.connections()) === 0);
    assert.equal((await running.request('host:canary', { path: '/v1/signed/head.json' })).status, 200);
  });
});

describe('bounds before TLS', () => {
  test('connections of one address, and their rate', async () => {
    const rate = { perSecond: 0.001, burst: 6, bucketsMax: 10 };
    await using running = await Running.start({ limits: { connectionsPerAddressMax: 3, addressConnections: rate } });
    const open = [
      await running.connect('host:canary'),
      await running.connect('host:web-1'),
      await running.connect('a'),
    ];
    await assert.rejects(running.connect('host:db'), 'a fourth');
    for (const socket of open) socket.destroy();
    await running.until(async () => (await running.connections()) === 0);
    for (let i = 0; i < 3; i++) (await running.connect('host:canary')).destroy();
    await running.until(async () => (await running.connections()) === 0);
    await assert.rejects(running.connect('host:canary'), 'a seventh');
    const refused = await running.fixture.controlPlane.metrics.connectionsRefused.get();
    assert.deepEqual(
      refused.values.map(({ labels, value }) => [labels.reason, value]),
      [
        ['address', 1],
        ['rate', 1],
      ],
    );
  });

  test('handshakes under way', async () => {
    await using running = await Running.start({ limits: { handshakesMax: 2 } });
    const silent = [1, 2].map(() => tcpConnect({ host: '127.0.0.1', port: running.port }).on('error', () => {}));
    await running.until(async () => (await running.connections()) === 2);
    await assert.rejects(running.connect('host:canary'));
    for (const socket of silent) socket.destroy();
    await running.until(async () => (await running.connections()) === 0);
    (await running.connect('host:canary')).destroy();
  });

  test('one address that only connects does not keep out the others', async () => {
    await using running = await Running.start({ limits: { handshakesMax: 8, handshakesPerAddressMax: 3 } });
    const localAddress = '127.0.0.2';
    const silent = Array.from({ length: 9 }, () =>
      tcpConnect({ host: '127.0.0.1', port: running.port, localAddress }).on('error', () => {}),
    );
    await running.until(async () => (await running.connections()) === 3);
    (await running.connect('host:canary')).destroy();
    await assert.rejects(running.connect('host:canary', { localAddress }), 'its own share is used up');
    for (const socket of silent) socket.destroy();
    await running.until(async () => (await running.connections()) === 0);
    (await running.connect('host:canary', { localAddress })).destroy();
  });
});

describe('held and streamed', () => {
  test('a stop answers held check-ins at once and ends streams', async () => {
    const running = await Running.start();
    const { fixture } = running;
    await fixture.join('canary', 'web-1', 'web-2', 'db');
    const reply = await fixture.checkin('web-1');
    const body = await fixture.checkinBody('web-1', { head: reply.head, go: reply.goId });
    const held = running.request('host:web-1', {
      method: 'POST',
      path: '/v1/agent/checkin',
      body,
      headers: { prefer: 'wait=100' },
    });
    const streamed = running.request('operator:olivia', {
      path: '/v1/events',
      headers: { accept: 'text/event-stream' },
    });
    const isOpen = (name: string) => async () =>
      (await fixture.controlPlane.metrics.registry.getSingleMetricAsString(name)).includes(' 1');
    await running.until(isOpen('nixfleet_checkins_held'));
    await running.until(isOpen('nixfleet_event_streams'));
    const before = systemClock.monotonicMs();
    await running[Symbol.asyncDispose]();
    assert.equal((await held).status, 200);
    assert.match((await streamed).body.toString(), /^id: \d+$/m);
    assert.ok(systemClock.monotonicMs() - before < 3000);
  });

  test('a stream goes on from Last-Event-ID, and gets what is new', async () => {
    await using running = await Running.start();
    const { fixture } = running;
    await fixture.join('canary', 'web-1');
    const socket = await running.connect('operator:olivia');
    let text = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    const entries = await fixture.store.read({ after: 0, limit: 10, events: true });
    const [first, second] = entries.map(({ position }) => position);
    socket.write(
      `GET /v1/events HTTP/1.1\r\nhost: x\r\n${protocolHeader}: 1\r\naccept: text/event-stream\r\nlast-event-id: ${first}\r\n\r\n`,
    );
    await running.until(() => text.includes(`id: ${second}\n`));
    assert.ok(!text.includes(`id: ${first}\n`));
    await fixture.join('db');
    await running.until(() => /"host":"db"/.test(text));
    socket.destroy();
    await running.until(async () =>
      (await fixture.controlPlane.metrics.registry.getSingleMetricAsString('nixfleet_event_streams')).includes(' 0'),
    );
  });

  test('a document larger than a piece comes whole', async () => {
    await using running = await Running.start();
    const { fixture } = running;
    await fixture.publish((next) => {
      for (let i = 0; i < 600; i++) {
        next.hosts[`extra-${i}`] = { channel: 'data', closure: 1, attempt: 1, tags: [], pubkeys: [] };
        next.channels.data?.waves[0]?.hosts.push(`extra-${i}`);
      }
    });
    const path = [...fixture.fleet.files.keys()].filter((name) => name.startsWith('fleet/')).at(-1);
    const { status, body } = await running.request('host:canary', { path: `/v1/signed/${path}` });
    assert.equal(status, 200);
    assert.ok(body.length > 100_000);
    assert.deepEqual(new Uint8Array(body), fixture.fleet.files.get(the(path)));
  });
});
