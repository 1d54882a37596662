import { clientIdentity, HttpsTransport } from '@nixfleet/agent';
import { protocolHeader, type SignedEvent, WireError } from '@nixfleet/contracts';
import { systemClock } from '@nixfleet/contracts/node-clock';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import { systemRandom } from '@nixfleet/contracts/node-random';
import { testKey } from '@nixfleet/testkit';
import type { AttackLab } from './attack-lab.ts';

const timeoutMs = 10_000;
const replyBytesMax = 8 * 1024 * 1024;

export interface Request {
  readonly method?: 'GET' | 'POST';
  readonly path: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Asks the honest control plane with the key of this label, and returns its answer as `<status> <error>`. */
export async function ask(
  lab: AttackLab,
  label: string,
  { method = 'GET', path, body, headers }: Request,
): Promise<string> {
  const key = await testKey(label);
  const { identity } = await clientIdentity(key.privateKey, {
    commonName: 'intruder',
    crypto: nodeCrypto,
    random: systemRandom,
  });
  const pins = new Set<string>([(await testKey('control-plane')).keyId]);
  const url = `https://127.0.0.1:${lab.lab.controlPlane.port}`;
  const transport = new HttpsTransport({ urls: [url], identity, pins: () => pins, clock: systemClock });
  try {
    const result = await transport.request({
      method,
      path,
      headers: {
        [protocolHeader]: '1',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: bytesOf(body) }),
      timeoutMs,
      replyBytesMax,
    });
    if (!result.ok) return result.reason;
    const error = WireError.safeParse(parse(result.reply.body));
    return error.success ? `${result.reply.status} ${error.data.error}` : String(result.reply.status);
  } finally {
    transport.close();
  }
}

/** Sends events under this journal, with the key of this label. */
export function send(lab: AttackLab, label: string, journal: string, events: readonly SignedEvent[]): Promise<string> {
  return ask(lab, label, { method: 'POST', path: '/v1/agent/events', body: { journal, events } });
}

function bytesOf(body: unknown): Uint8Array {
  return body instanceof Uint8Array ? body : new TextEncoder().encode(JSON.stringify(body));
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return null;
  }
}
