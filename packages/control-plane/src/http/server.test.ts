import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { connect as tcpConnect } from 'node:net';
import { describe, test } from 'node:test';
import { protocolHeader } from '@nixfleet/contracts';
import { otherEndOf, tcpTimerOf, testKey } from '@nixfleet/testkit';
import { the, withoutWeb2 } from '../fixture.test.ts';
import { pemOf, Running, untilClosed } from './running-server.test.ts';

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

test('a peer that is silent is asked by the kernel whether it is still there', async () => {
  await using running = await Running.start();
  const socket = await running.connect('host:canary');
  const timer = await tcpTimerOf(otherEndOf(socket));
  assert.equal(timer?.kind, 'keep-alive');
  assert.ok(the(timer).seconds <= 20, `asked after ${timer?.seconds} s`);
  socket.destroy();
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
