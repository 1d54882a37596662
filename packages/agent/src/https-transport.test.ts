import assert from 'node:assert/strict';
import { createHash, createPrivateKey, generateKeyPairSync, sign } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer as createHttpsServer, type Server } from 'node:https';
import { createServer as createTcpServer, type Socket } from 'node:net';
import { after, test } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { Instant, selfSignedCertificate } from '@nixfleet/contracts';
import { otherEndOf, type TcpTimer, tcpTimerOf } from '@nixfleet/testkit';
import { HttpsTransport } from './https-transport.ts';
import type { ClientIdentity } from './pinned-connection.ts';
import { systemClock } from './system-clock.ts';
import type { TransportRequest, TransportResult } from './transport.ts';

interface Identity extends ClientIdentity {
  readonly spkiSha256: string;
}

async function newIdentity(): Promise<Identity> {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  const der = await selfSignedCertificate({
    signer: {
      publicKey: { algorithm: 'ed25519', raw: new Uint8Array(spki.subarray(-32)) },
      sign: async (message) => new Uint8Array(sign(null, message, privateKey)),
    },
    commonName: 'web-01',
    notBefore: Instant.parse('2020-01-01T00:00:00Z'),
    notAfter: Instant.parse('2120-01-01T00:00:00Z'),
    serial: Uint8Array.of(1),
  });
  return {
    keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    certificatePem: `-----BEGIN CERTIFICATE-----\n${Buffer.from(der).toString('base64')}\n-----END CERTIFICATE-----\n`,
    spkiSha256: createHash('sha256').update(spki).digest('hex'),
  };
}

const client = await newIdentity();
const serverIdentity = await newIdentity();

interface TestServer {
  readonly url: string;
  readonly server: Server;
  readonly connections: Socket[];
  /** Plain-text bytes that ever arrived inside TLS. */
  bytesRead(): number;
  readonly resumed: boolean[];
}

const closers: (() => void)[] = [];
after(() => {
  for (const close of closers) close();
});

async function serve(
  handler: (request: IncomingMessage, response: ServerResponse) => unknown,
  maxVersion: 'TLSv1.2' | 'TLSv1.3' = 'TLSv1.3',
): Promise<TestServer> {
  const connections: TLSSocket[] = [];
  const server = createHttpsServer(
    {
      key: createPrivateKey(serverIdentity.keyPem).export({ type: 'pkcs8', format: 'pem' }),
      cert: serverIdentity.certificatePem,
      requestCert: true,
      rejectUnauthorized: false,
      maxVersion,
      keepAliveTimeout: 60_000,
    },
    handler,
  );
  let bytes = 0;
  const resumed: boolean[] = [];
  server.on('secureConnection', (socket: TLSSocket) => {
    connections.push(socket);
    resumed.push(socket.isSessionReused());
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  assert.ok(address && typeof address === 'object');
  return { url: `https://localhost:${address.port}`, server, connections, bytesRead: () => bytes, resumed };
}

function transportTo(urls: readonly string[], pins: readonly string[] = [serverIdentity.spkiSha256]): HttpsTransport {
  const transport = new HttpsTransport({ urls, identity: client, pins: () => new Set(pins), clock: systemClock });
  closers.push(() => transport.close());
  return transport;
}

const get: TransportRequest = { method: 'GET', path: '/x', timeoutMs: 5000, replyBytesMax: 1000 };

function reasonOf(result: TransportResult): string {
  return result.ok ? `status ${result.reply.status}` : result.reason;
}

test('a server that is silent is asked by the kernel whether it is still there, also over a kept connection', async () => {
  const timers: (TcpTimer | null)[] = [];
  const { url, connections } = await serve(async (request, response) => {
    timers.push(await tcpTimerOf(otherEndOf(request.socket)));
    response.end('ok');
  });
  const transport = transportTo([url]);
  for (let i = 0; i < 2; i++) assert.equal(reasonOf(await transport.request(get)), 'status 200');
  assert.equal(connections.length, 1, 'kept');
  for (const timer of timers) {
    assert.equal(timer?.kind, 'keep-alive');
    assert.ok(timer.seconds > 5 && timer.seconds <= 20, `asked after ${timer.seconds} s`);
  }
});

test('a pinned server gets the request and sees the key of the client', async () => {
  const { url } = await serve((request, response) => {
    const certificate = (request.socket as TLSSocket).getPeerX509Certificate();
    assert.ok(certificate);
    const spki = certificate.publicKey.export({ type: 'spki', format: 'der' });
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      response.setHeader('x-key', createHash('sha256').update(spki).digest('hex'));
      response.end(
        `${request.method} ${request.url} ${Buffer.concat(chunks)} ${(request.socket as TLSSocket).getProtocol()}`,
      );
    });
  });
  const transport = transportTo([`${url}/prefix/`]);
  const result = await transport.request({ ...get, method: 'POST', path: '/v1/x?y=1', body: Buffer.from('hello') });
  assert.ok(result.ok, reasonOf(result));
  assert.equal(Buffer.from(result.reply.body).toString(), 'POST /prefix/v1/x?y=1 hello TLSv1.3');
  assert.equal(result.reply.headers['x-key'], client.spkiSha256);
});

test('a server with another key is unreachable and not one byte is sent to it', async () => {
  let requests = 0;
  const server = await serve((_request, response) => {
    requests++;
    response.end();
  });
  const transport = transportTo([server.url], ['0'.repeat(64)]);
  const body = Buffer.from('what only the control plane may read');
  const result = await transport.request({ ...get, method: 'POST', body });
  assert.equal(reasonOf(result), 'pin-mismatch');
  await systemClock.sleep(50);
  assert.equal(requests, 0);
  assert.equal(server.bytesRead(), 0);
});

test('TLS 1.2 is not spoken', async () => {
  const { url } = await serve((_request, response) => response.end(), 'TLSv1.2');
  assert.equal(reasonOf(await transportTo([url]).request(get)), 'handshake-failed');
});

test('a connection is kept for the next request; a fresh request makes a new one; nothing is resumed', async () => {
  const server = await serve((_request, response) => response.end('ok'));
  const transport = transportTo([server.url]);
  for (let i = 0; i < 3; i++) assert.equal(reasonOf(await transport.request(get)), 'status 200');
  assert.equal(server.connections.length, 1);
  assert.equal(reasonOf(await transport.request({ ...get, isFresh: true })), 'status 200');
  assert.equal(server.connections.length, 2);
  transport.close();
  assert.equal(reasonOf(await transport.request(get)), 'status 200');
  assert.equal(server.connections.length, 3);
  assert.deepEqual(server.resumed, [false, false, false]);
});

test('a kept connection that the server closed is replaced without a word', async () => {
  const server = await serve((_request, response) => response.end('ok'));
  const transport = transportTo([server.url]);
  assert.equal(reasonOf(await transport.request(get)), 'status 200');
  for (const socket of server.connections) socket.destroy();
  assert.equal(reasonOf(await transport.request(get)), 'status 200');
});

test('a reply is bounded in time, head and body', async () => {
  const { url } = await serve((request, response) => {
    if (request.url === '/never') return;
    if (request.url === '/drip') {
      response.write('x');
      return;
    }
    if (request.url === '/head') response.setHeader('x-long', 'x'.repeat(20_000));
    if (request.url === '/cut') {
      response.writeHead(200, { 'content-length': '100' });
      response.write('x');
      setImmediate(() => request.socket.destroy());
      return;
    }
    if (request.url === '/endless') for (let i = 0; i < 10; i++) response.write('x'.repeat(200));
    response.end('x'.repeat(1001));
  });
  const transport = transportTo([url]);
  const reasonAt = async (path: string, timeoutMs = 5000): Promise<string> =>
    reasonOf(await transport.request({ ...get, path, timeoutMs }));
  assert.equal(await reasonAt('/never', 100), 'reply-timeout');
  assert.equal(await reasonAt('/drip', 100), 'reply-timeout');
  assert.equal(await reasonAt('/head'), 'reply-broken');
  assert.equal(await reasonAt('/cut'), 'reply-broken');
  assert.equal(await reasonAt('/endless'), 'reply-too-large');
  assert.equal(await reasonAt('/plain'), 'reply-too-large');
});

test('a request is given up when its signal aborts, and when the transport closes', async () => {
  const { url } = await serve(() => {});
  const transport = transportTo([url]);
  const aborter = new AbortController();
  const aborted = transport.request({ ...get, signal: aborter.signal });
  const closed = transport.request(get);
  aborter.abort();
  assert.equal(reasonOf(await aborted), 'aborted');
  transport.close();
  assert.equal(reasonOf(await closed), 'aborted');
});

test('what cannot be reached says why, and the next URL is asked', async () => {
  const mute = createTcpServer(() => {});
  mute.listen(0, '127.0.0.1');
  await once(mute, 'listening');
  closers.push(() => mute.close());
  const deaf = createTcpServer((socket) => socket.destroy());
  deaf.listen(0, '127.0.0.1');
  await once(deaf, 'listening');
  closers.push(() => deaf.close());
  const portOf = (server: typeof mute): number => (server.address() as { port: number }).port;

  const refused = 'https://127.0.0.1:1';
  assert.equal(reasonOf(await transportTo([refused]).request(get)), 'connect-failed');
  assert.equal(reasonOf(await transportTo(['https://no-such.invalid']).request(get)), 'name-not-resolved');
  assert.equal(reasonOf(await transportTo([`https://127.0.0.1:${portOf(deaf)}`]).request(get)), 'handshake-failed');
  const silent = transportTo([`https://127.0.0.1:${portOf(mute)}`]);
  assert.equal(reasonOf(await silent.request({ ...get, timeoutMs: 100 })), 'reply-timeout');

  const { url } = await serve((_request, response) => response.end('ok'));
  const both = transportTo([refused, url]);
  const result = await both.request(get);
  assert.ok(result.ok, reasonOf(result));
  assert.equal(result.reply.url, `${url}/`);
});
