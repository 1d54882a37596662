import { createHash } from 'node:crypto';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { TLSSocket } from 'node:tls';
import { addSeconds, type Instant, selfSignedCertificate } from '@nixfleet/contracts';
import { generatePrivateKey, privateKeyToPem, signerFor } from '@nixfleet/contracts/node-crypto';

export interface Answer {
  readonly status?: number;
  readonly body: unknown;
}

export interface ViewsServer extends AsyncDisposable {
  readonly url: string;
  /** SHA-256 of its SPKI. */
  readonly pin: string;
  /** Paths asked for, with their query. */
  readonly requests: readonly string[];
  /** SHA-256 of the SPKI of every client that asked. */
  readonly clients: readonly string[];
}

/** A TLS 1.3 server that answers `GET <path>` with JSON: what a control plane looks like from outside. */
export async function startViewsServer(answer: (path: string) => Answer, now: Instant): Promise<ViewsServer> {
  const key = generatePrivateKey('ed25519');
  const signer = await signerFor(key);
  const der = await selfSignedCertificate({
    signer,
    commonName: 'control-plane',
    notBefore: addSeconds(now, -3600),
    notAfter: addSeconds(now, 3600),
    serial: Uint8Array.of(1),
  });
  const requests: string[] = [];
  const clients: string[] = [];
  const server = createServer(
    {
      key: privateKeyToPem(key),
      cert: `-----BEGIN CERTIFICATE-----\n${Buffer.from(der).toString('base64')}\n-----END CERTIFICATE-----\n`,
      minVersion: 'TLSv1.3',
      requestCert: true,
      rejectUnauthorized: false,
    },
    (request, response) => {
      requests.push(request.url ?? '');
      const client = request.socket instanceof TLSSocket ? request.socket.getPeerX509Certificate() : undefined;
      clients.push(client ? sha256(client.publicKey.export({ type: 'spki', format: 'der' })) : '');
      const { status = 200, body } = answer(request.url ?? '');
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(typeof body === 'string' ? body : JSON.stringify(body));
    },
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `https://127.0.0.1:${port}`,
    pin: sha256(Buffer.from(spkiPrefix + Buffer.from(signer.publicKey.raw).toString('hex'), 'hex')),
    requests,
    clients,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** SubjectPublicKeyInfo of an ed25519 key up to the key itself (RFC 8410 §4). */
const spkiPrefix = '302a300506032b6570032100';

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
