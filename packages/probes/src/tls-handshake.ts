import type { X509Certificate } from 'node:crypto';
import { connect, type SecureVersion } from 'node:tls';

/** What a listener showed. */
export interface Handshake {
  readonly problem: string | null;
  readonly version: string | null;
  readonly cipher: string | null;
  readonly certificate: X509Certificate | null;
  /** Why the chain is not trusted by this system; null: it is. */
  readonly untrusted: string | null;
}

const handshakeMs = 5000;

/** One handshake over loopback with a listener of this machine; nothing is said after it. */
export function handshake(to: {
  readonly address: string;
  readonly port: number;
  readonly servername: string;
  readonly maxVersion?: SecureVersion;
  readonly ca?: string;
  /** OpenSSL's names of those that are offered below TLS 1.3; by default its own choice. */
  readonly ciphers?: string;
}): Promise<Handshake> {
  const { address, port, servername, maxVersion = 'TLSv1.3', ca, ciphers = 'DEFAULT' } = to;
  return new Promise((resolve) => {
    const socket = connect({
      ...{ host: address, port, servername, rejectUnauthorized: false, minVersion: 'TLSv1', maxVersion },
      // What is too old for everybody else is what is asked for here: OpenSSL's default level would refuse to offer it.
      ciphers: `${ciphers}:@SECLEVEL=0`,
      ...(ca === undefined ? {} : { ca }),
    });
    const end = (problem: string | null): void => {
      socket.destroy();
      resolve({ problem, version: null, cipher: null, certificate: null, untrusted: null });
    };
    socket.setTimeout(handshakeMs, () => end('no handshake in time'));
    socket.on('secureConnect', () => {
      const seen: Handshake = {
        problem: null,
        version: socket.getProtocol(),
        cipher: socket.getCipher().standardName,
        certificate: socket.getPeerX509Certificate() ?? null,
        untrusted: socket.authorized ? null : String(socket.authorizationError),
      };
      socket.destroy();
      resolve(seen);
    });
    socket.on('error', (error) => end(error.message));
  });
}
