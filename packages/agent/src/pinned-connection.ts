import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import type { Clock } from '@nixfleet/contracts';
import { type Unreachable, type UnreachableReason, unreachable } from './transport.ts';

/** Limits of connecting, in milliseconds. */
export const connectTimeoutMs = 10_000;
export const handshakeTimeoutMs = 10_000;

/** A client's own key and the self-signed certificate made from it, both PEM. */
export interface ClientIdentity {
  readonly keyPem: string;
  readonly certificatePem: string;
}

export interface PinnedConnectionOptions {
  readonly host: string;
  readonly port: number;
  readonly identity: ClientIdentity;
  /** SHA-256 of the SPKI of every server key that is accepted, in hexadecimal. Read anew for each connection. */
  readonly pins: ReadonlySet<string>;
  readonly clock: Clock;
  readonly signal?: AbortSignal;
}

export type PinnedConnection = { readonly ok: true; readonly socket: TLSSocket } | Unreachable;

/**
 * Milliseconds of silence before the kernel asks whether the server is still there; it asks ten times within ten seconds. A
 * server that lost its power while our check-in was held is noticed so, and not at the end of the hold.
 */
export const peerProbeMs = 20_000;

/**
 * The one client connector of agent and CLI. TLS 1.3 with our own key; the server's key is compared with the pins at
 * `secureConnect`, before a byte of ours is written: only then is the socket handed out.
 * `rejectUnauthorized` is off because nobody issued the server's certificate, and `checkServerIdentity` is not relied on,
 * since Node skips it for self-signed peers; no session is offered, since a resumed one shows no certificate.
 */
export async function connectPinned(options: PinnedConnectionOptions): Promise<PinnedConnection> {
  const { host, port, identity, pins, clock, signal } = options;
  const where = `${host}:${port}`;
  if (signal?.aborted) return unreachable('aborted', `${where}: given up before connecting`);
  const socket = connect({
    host,
    port,
    // RFC 6066 §3: a literal address is no server name.
    ...(isIP(host) === 0 ? { servername: host } : {}),
    key: identity.keyPem,
    cert: identity.certificatePem,
    minVersion: 'TLSv1.3',
    maxVersion: 'TLSv1.3',
    rejectUnauthorized: false,
    ALPNProtocols: ['http/1.1'],
  });
  socket.setNoDelay(true);
  socket.setKeepAlive(true, peerProbeMs);
  const outcome = await handshake(socket, { where, clock, ...(signal ? { signal } : {}) });
  if (outcome) {
    socket.destroy();
    return outcome;
  }
  const spkiSha256 = serverKeySha256(socket);
  if (spkiSha256 === null || !pins.has(spkiSha256)) {
    socket.destroy();
    const got = spkiSha256 ?? 'no certificate';
    return unreachable('pin-mismatch', `${where}: expected a server key of ${pins.size} pinned ones, got ${got}`);
  }
  return { ok: true, socket };
}

/** SHA-256 of the DER SubjectPublicKeyInfo that the peer proved to hold; null without a certificate. */
export function serverKeySha256(socket: TLSSocket): string | null {
  const certificate = socket.getPeerX509Certificate();
  if (!certificate) return null;
  return createHash('sha256')
    .update(certificate.publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex');
}

interface HandshakeOptions {
  readonly where: string;
  readonly clock: Clock;
  readonly signal?: AbortSignal;
}

/** Null once the handshake is over; why not otherwise. */
function handshake(socket: TLSSocket, { where, clock, signal }: HandshakeOptions): Promise<Unreachable | null> {
  return new Promise((resolve) => {
    let isConnected = false;
    const finish = (outcome: Unreachable | null): void => {
      timers.abort();
      signal?.removeEventListener('abort', abort);
      socket.off('secureConnect', done).off('connect', connected).off('close', closed);
      // An error may still follow a timeout; without a listener it would be a fault of the whole process.
      socket.off('error', failed).on('error', ignoreLateError);
      resolve(outcome);
    };
    const timers = new AbortController();
    const limit = (ms: number, reason: UnreachableReason): void => {
      clock.sleep(ms, timers.signal).then(
        () => {
          if (reason === 'connect-timeout' && isConnected) return;
          finish(unreachable(reason, `${where}: nothing for ${ms} ms`));
        },
        () => {},
      );
    };
    const connected = (): void => {
      isConnected = true;
      limit(handshakeTimeoutMs, 'handshake-timeout');
    };
    const done = (): void => finish(null);
    const failed = (error: NodeJS.ErrnoException): void =>
      finish(unreachable(failureReason(error, isConnected), `${where}: ${error.message || error.code || 'error'}`));
    const closed = (): void =>
      finish(unreachable(isConnected ? 'handshake-failed' : 'connect-failed', `${where}: closed before it was secure`));
    const abort = (): void => finish(unreachable('aborted', `${where}: given up while connecting`));
    socket.once('secureConnect', done).once('connect', connected).once('close', closed).once('error', failed);
    signal?.addEventListener('abort', abort, { once: true });
    limit(connectTimeoutMs, 'connect-timeout');
  });
}

function ignoreLateError(): void {}

function failureReason(error: NodeJS.ErrnoException, isConnected: boolean): UnreachableReason {
  if (isConnected) return 'handshake-failed';
  return error.syscall === 'getaddrinfo' ? 'name-not-resolved' : 'connect-failed';
}
