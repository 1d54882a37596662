import { connect } from 'node:tls';
import { ProbeError } from '../errors.ts';
import { probe, type Violation } from '../probe.ts';
import { sha256Hex } from '../sha256.ts';

const totalMs = 10_000;
const replyBytesMax = 16_384;

interface Reached {
  readonly status: number | null;
  readonly problem: string | null;
  readonly spkiSha256: string | null;
}

/** One request over TLS 1.3 with this host's certificate. The server is known by its pinned key, so no authority is asked. */
export const egress = probe({
  name: 'egress',
  summary: 'that the agent still reaches its control plane, with its own key, past whatever locks the firewall',
  arguments: {
    host: { kind: 'text', what: 'the endpoint' },
    port: { kind: 'number', what: 'its port', default: 443 },
    path: { kind: 'text', what: 'path to ask for', default: '/healthz' },
    pin: {
      kind: 'list',
      what: 'SHA-256 of an allowed key (SPKI), 64 hexadecimal digits; none given: the authorities of the system',
    },
    key: { kind: 'text', what: "PEM file of this host's key; none: no client certificate", default: null },
    certificate: { kind: 'text', what: 'PEM file of its certificate', default: null },
  },
  facts: {
    status: 'status of the reply; null: none',
    spkiSha256: "SHA-256 of the server's key",
  },
  violations: ['unreachable', 'other-key', 'status'],
  root: "the host's private key",
  network: 'egress',
  async measure(machine, { host, port, path, pin, key, certificate }) {
    const pem = (file: string): string => {
      const text = machine.read(file);
      if (text === null) throw new ProbeError('unreadable', `${file}: is not there`);
      return text;
    };
    const reached = await request({
      host,
      port,
      path,
      isPinned: pin.length > 0,
      ...(key !== null && certificate !== null ? { identity: { key: pem(key), cert: pem(certificate) } } : {}),
    });
    const violations: Violation[] = [];
    const subject = `${host}:${port}`;
    if (reached.problem !== null) violations.push({ what: 'unreachable', subject, observed: reached.problem });
    else {
      if (pin.length > 0 && !pin.includes(reached.spkiSha256 ?? ''))
        violations.push({ what: 'other-key', subject, observed: reached.spkiSha256 });
      // Any answer of the server itself shows that it is reached; of its health, other probes speak.
      if (reached.status === null || reached.status >= 500)
        violations.push({ what: 'status', subject, observed: reached.status, expected: 200 });
    }
    return { facts: { status: reached.status, spkiSha256: reached.spkiSha256 }, violations };
  },
});

function request(to: {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly isPinned: boolean;
  readonly identity?: { readonly key: string; readonly cert: string };
}): Promise<Reached> {
  const { host, port, path, isPinned, identity } = to;
  return new Promise((resolve) => {
    let reply = '';
    let spkiSha256: string | null = null;
    const socket = connect({
      ...{ host, port, servername: /^[\d.]+$|:/.test(host) ? '' : host, minVersion: 'TLSv1.3' },
      rejectUnauthorized: !isPinned,
      ...(identity ?? {}),
    });
    const end = (problem: string | null): void => {
      socket.destroy();
      const status = /^HTTP\/1\.[01] (\d{3}) /.exec(reply)?.[1];
      resolve({
        status: status === undefined ? null : Number(status),
        problem: status === undefined ? problem : null,
        spkiSha256,
      });
    };
    socket.setTimeout(totalMs, () => end('no answer in time'));
    socket.on('secureConnect', () => {
      spkiSha256 = spkiOf(socket.getPeerX509Certificate()?.publicKey);
      socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    });
    socket.on('data', (chunk: Buffer) => {
      reply = (reply + chunk.toString('latin1')).slice(0, replyBytesMax);
      if (reply.includes('\r\n')) end(null);
    });
    socket.on('error', (error) => end(error.message));
    socket.on('close', () => end('closed without a reply'));
  });
}

function spkiOf(key: { export(options: { type: 'spki'; format: 'der' }): Buffer } | undefined): string | null {
  if (key === undefined) return null;
  return sha256Hex(key.export({ type: 'spki', format: 'der' }));
}
