import { createHash, createPrivateKey, randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import {
  addSeconds,
  type CheckinReply,
  canonicalBytes,
  type Go,
  msToInstant,
  type Sha256Hex,
  selfSignedCertificate,
} from '@nixfleet/contracts';
import { privateKeyFromPem, signerFor } from '@nixfleet/contracts/node-crypto';

/** What the thief serves: paths of the releases tree to bytes, and a `go` of the thief's own making. */
export interface HostileOffer {
  readonly tree: ReadonlyMap<string, Uint8Array>;
  readonly trustVersion: number;
  readonly go: Go | null;
  /** Answers a signed document's request itself, in whatever way; false: as from the tree. */
  readonly answer?: (path: string, response: ServerResponse) => boolean;
}

const bodyBytesMax = 1024 * 1024;

/**
 * A stolen control plane: it holds the real server key, so agents talk to it, and it answers whatever the thief likes.
 * It keeps the hosts' journals to itself, so the real one still learns from them what was tried.
 */
export class HostileControlPlane implements AsyncDisposable {
  readonly #server: Server;
  #offer: HostileOffer = { tree: new Map(), trustVersion: 0, go: null };
  #checkins = 0;

  private constructor(server: Server) {
    this.#server = server;
    server.on('request', (request, response) => void this.#answer(request, response));
  }

  static async open(stolenKeyPem: string): Promise<HostileControlPlane> {
    const signer = await signerFor(privateKeyFromPem(stolenKeyPem));
    const now = msToInstant(Date.now());
    const der = await selfSignedCertificate({
      signer,
      commonName: 'control-plane',
      notBefore: addSeconds(now, -60),
      notAfter: addSeconds(now, 86_400),
      serial: randomBytes(16),
    });
    const cert = `-----BEGIN CERTIFICATE-----\n${Buffer.from(der).toString('base64')}\n-----END CERTIFICATE-----\n`;
    const key = createPrivateKey(stolenKeyPem).export({ format: 'pem', type: 'pkcs8' });
    const server = createServer({ key, cert, minVersion: 'TLSv1.3', requestCert: true, rejectUnauthorized: false });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, '127.0.0.1', resolve);
    });
    return new HostileControlPlane(server);
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the thief is gone');
    return address.port;
  }

  /** Check-ins answered so far: that the host did listen. */
  get checkins(): number {
    return this.#checkins;
  }

  serve(offer: HostileOffer): void {
    this.#offer = offer;
    this.#checkins = 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? '/';
    await drain(request);
    if (path.startsWith('/v1/signed/')) {
      const name = path.slice('/v1/signed/'.length);
      if (this.#offer.answer?.(name, response)) return;
      const bytes = this.#offer.tree.get(name);
      if (bytes === undefined) return send(response, 404, { error: 'not-found', message: 'no such file' });
      response
        .writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': bytes.length })
        .end(bytes);
      return;
    }
    if (path !== '/v1/agent/checkin') return send(response, 503, { error: 'not-ready', message: 'no' });
    this.#checkins += 1;
    // Not at once again and again: the host would be busy with nothing else.
    await new Promise((resolve) => setTimeout(resolve, this.#checkins === 1 ? 0 : 300));
    send(response, 200, this.#reply());
  }

  #reply(): CheckinReply {
    const { tree, trustVersion, go } = this.#offer;
    const head = tree.get('head.json');
    return {
      head: head === undefined ? null : hashOf(head),
      trustVersion,
      goId: go === null ? null : hashOf(canonicalBytes(go)),
      ...(go === null ? {} : { go }),
    };
  }
}

function hashOf(bytes: Uint8Array): Sha256Hex {
  return createHash('sha256').update(bytes).digest('hex') as Sha256Hex;
}

async function drain(request: IncomingMessage): Promise<void> {
  let bytes = 0;
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length;
    if (bytes > bodyBytesMax) break;
  }
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
