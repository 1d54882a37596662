import { constants, createHash } from 'node:crypto';
import { createServer, type Server as HttpsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '@nixfleet/contracts';
import type { ControlPlane } from '../control-plane.ts';
import { ControlPlaneError, messageOf } from '../errors.ts';
import type { Limits } from '../limits.ts';
import type { Log } from '../log.ts';
import { ConnectionGuard } from './connection-guard.ts';
import type { Peer } from './message.ts';
import { requestListener } from './request-listener.ts';
import type { ServerIdentity } from './server-certificate.ts';

/** Limits of one connection, in milliseconds. */
export interface ServerTimeouts {
  readonly handshakeMs: number;
  /** Until the whole head of a request is there; stops a client that sends a byte a second. */
  readonly headersMs: number;
  /** Until the whole request is there, body included. */
  readonly requestMs: number;
  readonly keepAliveMs: number;
  /** Without a byte in either direction: longer than the longest hold. */
  readonly idleMs: number;
  /**
   * Of silence, before the kernel asks whether the peer is still there; it asks ten times within ten seconds. A host that
   * lost its power while its check-in was held is noticed so, and not at the end of the hold.
   */
  readonly peerProbeMs: number;
  /** How often the two limits on requests are looked at. */
  readonly checkMs: number;
}

const defaultTimeouts: ServerTimeouts = {
  handshakeMs: 10_000,
  headersMs: 10_000,
  requestMs: 30_000,
  keepAliveMs: 75_000,
  idleMs: 150_000,
  peerProbeMs: 20_000,
  checkMs: 5000,
};
const headerBytesMax = 16 * 1024;
const headersMax = 64;
/** After a stop, for requests that are still under way. */
const drainMs = 5000;

export interface ServerOptions {
  readonly controlPlane: ControlPlane;
  readonly identity: ServerIdentity;
  readonly host: string;
  readonly port: number;
  readonly limits: Limits;
  readonly clock: Clock;
  readonly log: Log;
  readonly timeouts?: Partial<ServerTimeouts>;
}

export interface Server extends AsyncDisposable {
  /** `host:port` as bound. */
  readonly address: { readonly host: string; readonly port: number };
}

/**
 * TLS 1.3 in front of `handle`. Every client is asked for a certificate and none is checked by its issuer: TLS proves
 * possession of the key, and `handle` asks the newest release whose key it is, at every request.
 */
export async function startServer(options: ServerOptions): Promise<Server> {
  const timeouts = { ...defaultTimeouts, ...options.timeouts };
  const connections = new Connections(options);
  const https = createServer({
    key: options.identity.keyPem,
    cert: options.identity.certificatePem,
    minVersion: 'TLSv1.3',
    maxVersion: 'TLSv1.3',
    requestCert: true,
    rejectUnauthorized: false,
    // No tickets, hence no resumption: every connection shows its certificate.
    secureOptions: constants.SSL_OP_NO_TICKET,
    ALPNProtocols: ['http/1.1'],
    handshakeTimeout: timeouts.handshakeMs,
    headersTimeout: timeouts.headersMs,
    requestTimeout: timeouts.requestMs,
    keepAliveTimeout: timeouts.keepAliveMs,
    connectionsCheckingInterval: timeouts.checkMs,
    noDelay: true,
    maxHeaderSize: headerBytesMax,
  });
  https.maxHeadersCount = headersMax;
  https.timeout = timeouts.idleMs;
  https.on('secureConnection', (socket) => connections.secured(socket));
  https.on('tlsClientError', (_error, socket) => socket.destroy());
  https.on('request', requestListener({ ...options, peerOf: (socket) => connections.peerOf(socket) }));
  // A head that is no head: the connection says nothing that could be answered.
  https.on('clientError', (_error, socket) => socket.destroy());
  guardConnections(https, (socket) => {
    const isAdmitted = connections.admit(socket);
    if (isAdmitted) socket.setKeepAlive(true, timeouts.peerProbeMs);
    return isAdmitted;
  });
  options.controlPlane.onIdentitiesChanged = () => connections.closeUndeclared();
  const bound = await listen(https, options);
  // Such as no file descriptors left: a connection is lost, not the process.
  https.on('error', (error) => options.log.error({ problem: messageOf(error) }, 'server'));
  return {
    address: { host: bound.address, port: bound.port },
    [Symbol.asyncDispose]: async () => {
      const closed = new Promise<void>((resolve) => https.close(() => resolve()));
      options.controlPlane.drain();
      await drain(https, connections, options.clock);
      await closed;
    },
  };
}

/** Puts `admit` before the listener that starts TLS on a connection. */
function guardConnections(https: HttpsServer, admit: (socket: Socket) => boolean): void {
  const listeners = https.listeners('connection');
  https.removeAllListeners('connection');
  https.on('connection', (socket: Socket) => {
    if (admit(socket)) for (const listener of listeners) listener.call(https, socket);
  });
}

function listen(https: HttpsServer, { host, port }: ServerOptions): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    https.once('error', (error) => {
      const text = `cannot listen on ${host} port ${port}: ${messageOf(error)}`;
      reject(new ControlPlaneError('listen-failed', text, { cause: error }));
    });
    https.listen({ host, port }, () => {
      const address = https.address();
      if (address && typeof address === 'object') resolve(address);
    });
  });
}

/** Held requests were answered by `drain`; what is still under way gets a moment, then everything is closed. */
async function drain(https: HttpsServer, connections: Connections, clock: Clock): Promise<void> {
  https.closeIdleConnections();
  const over = new AbortController();
  const limit = clock.sleep(drainMs, over.signal).catch(() => {});
  await Promise.race([connections.allClosed(() => https.closeIdleConnections()), limit]);
  over.abort();
  connections.closeAll();
}

interface Open {
  readonly raw: Socket;
  readonly address: string;
  isSecured: boolean;
}

/** The sockets that are open, and whose they are. */
class Connections {
  readonly #options: ServerOptions;
  readonly #guard: ConnectionGuard;
  readonly #peers = new Map<TLSSocket, Peer>();
  /** By remote address and port, which the TCP and the TLS socket have in common. */
  readonly #open = new Map<string, Open>();
  #onClosed: () => void = () => {};

  constructor(options: ServerOptions) {
    this.#options = options;
    this.#guard = new ConnectionGuard(options);
  }

  /** Before any TLS work: false, and closed, if there are too many. */
  admit(raw: Socket): boolean {
    const { metrics } = this.#options.controlPlane;
    const address = raw.remoteAddress;
    const refusal = address === undefined ? 'address' : this.#guard.admit(address);
    if (refusal !== null || address === undefined) {
      metrics.connectionsRefused.inc({ reason: refusal ?? 'address' });
      raw.resetAndDestroy();
      return false;
    }
    const id = remoteOf(raw);
    const open: Open = { raw, address, isSecured: false };
    this.#open.set(id, open);
    metrics.connections.set(this.#guard.open);
    raw.once('close', () => {
      if (this.#open.get(id) === open) this.#open.delete(id);
      this.#guard.closed(address, open.isSecured);
      metrics.connections.set(this.#guard.open);
      this.#onClosed();
    });
    return true;
  }

  secured(socket: TLSSocket): void {
    const open = this.#open.get(remoteOf(socket));
    if (!open) {
      socket.destroy();
      return;
    }
    open.isSecured = true;
    this.#guard.secured(open.address);
    const spkiSha256 = spkiSha256Of(socket);
    if (spkiSha256 === undefined) {
      socket.destroy();
      return;
    }
    this.#peers.set(socket, { spkiSha256, address: socket.remoteAddress ?? '' });
    socket.once('close', () => this.#peers.delete(socket));
  }

  peerOf(socket: unknown): Peer | null {
    return this.#peers.get(socket as TLSSocket) ?? null;
  }

  /** A release removed keys: what they have open is closed now, not at the next request. */
  closeUndeclared(): void {
    for (const [socket, peer] of this.#peers) {
      if (peer.spkiSha256 !== null && this.#options.controlPlane.identityOf(peer) === null) socket.destroy();
    }
  }

  closeAll(): void {
    for (const { raw } of this.#open.values()) raw.destroy();
  }

  async allClosed(nudge: () => void): Promise<void> {
    while (this.#open.size > 0) {
      const next = new Promise<void>((resolve) => {
        this.#onClosed = resolve;
      });
      nudge();
      if (this.#open.size > 0) await next;
    }
  }
}

function remoteOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

/**
 * SHA-256 of the SPKI whose private key TLS 1.3 proved the client to hold; null without a certificate, undefined for a
 * key of a kind that is not known here: whatever a stranger's certificate has in it must not end the process.
 */
function spkiSha256Of(socket: TLSSocket): string | null | undefined {
  try {
    const certificate = socket.getPeerX509Certificate();
    if (!certificate) return null;
    return createHash('sha256')
      .update(certificate.publicKey.export({ type: 'spki', format: 'der' }))
      .digest('hex');
  } catch {
    return undefined;
  }
}
