import { connect } from 'node:tls';
import { type Instant, parseOpensshPrivateKey, selfSignedCertificate } from '@nixfleet/contracts';
import { nodeCrypto, privateKeyFromPem, privateKeyToPem } from '@nixfleet/contracts/node-crypto';
import { ProbeError } from '../errors.ts';
import type { Machine } from '../machine.ts';
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
    key: { kind: 'text', what: "this host's key, OpenSSH or PEM; none: no client certificate", default: null },
    anyKey: { kind: 'switch', what: "the server's key is not compared: only that it is reached" },
  },
  facts: {
    status: 'status of the reply; null: none',
    spkiSha256: "SHA-256 of the server's key",
  },
  violations: ['unreachable', 'other-key', 'status'],
  root: "the host's private key",
  network: 'egress',
  async measure(machine, { host, port, path, pin, key, anyKey }) {
    const reached = await request({
      ...{ host, port, path, isPinned: pin.length > 0 || anyKey },
      ...(key === null ? {} : { identity: await identityOf(machine, key) }),
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

/** The certificate that the agent shows: made from the key, since the key is all that is looked at. */
async function identityOf(machine: Machine, path: string): Promise<{ readonly key: string; readonly cert: string }> {
  const text = machine.read(path);
  if (text === null) throw new ProbeError('unreadable', `${path}: is not there`);
  const parsed = text.includes('BEGIN OPENSSH') ? parseOpensshPrivateKey(text) : null;
  if (parsed && !parsed.ok) throw new ProbeError('malformed', `${path}: ${parsed.reason}`);
  const key = parsed?.ok ? parsed.value : privateKeyFromPem(text);
  const der = await selfSignedCertificate({
    signer: { publicKey: await nodeCrypto.publicKeyOf(key), sign: (message) => nodeCrypto.sign(key, message) },
    commonName: 'probe',
    notBefore: '2020-01-01T00:00:00Z' as Instant,
    notAfter: '2999-12-31T23:59:59Z' as Instant,
    serial: new Uint8Array(16).fill(1),
  });
  const body = Buffer.from(der)
    .toString('base64')
    .replaceAll(/(.{64})/g, '$1\n')
    .trimEnd();
  return { key: privateKeyToPem(key), cert: `-----BEGIN CERTIFICATE-----\n${body}\n-----END CERTIFICATE-----\n` };
}

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
