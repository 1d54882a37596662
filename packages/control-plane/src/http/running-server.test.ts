// What the tests of the server share: a control plane behind real TLS, and its clients.
import assert from 'node:assert/strict';
import { request as httpsRequest } from 'node:https';
import { connect, type TLSSocket } from 'node:tls';
import { protocolHeader, selfSignedCertificate } from '@nixfleet/contracts';
import { systemClock } from '@nixfleet/contracts/node-clock';
import { systemRandom } from '@nixfleet/contracts/node-random';
import { type TestKey, testKey } from '@nixfleet/testkit';
import { Fixture } from '../fixture.test.ts';
import { defaultLimits, type Limits } from '../limits.ts';
import { silentLog } from '../log.ts';
import { type Server, type ServerTimeouts, startServer } from './server.ts';
import { serverIdentity } from './server-certificate.ts';

const ed25519Pkcs8 = Buffer.from('302e020100300506032b657004220420', 'hex');

export function pemOf({ privateKey }: TestKey): string {
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
export class Running implements AsyncDisposable {
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
export function untilClosed(socket: TLSSocket): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    socket.once('close', () => resolve(text));
  });
}
