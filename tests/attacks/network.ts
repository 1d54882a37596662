import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { clientIdentity } from '@nixfleet/agent';
import { addSeconds, type Clock, protocolHeader } from '@nixfleet/contracts';
import { systemClock } from '@nixfleet/contracts/node-clock';
import { nodeCrypto, privateKeyToPem } from '@nixfleet/contracts/node-crypto';
import { systemRandom } from '@nixfleet/contracts/node-random';
import { testKey } from '@nixfleet/testkit';
import { HostileControlPlane } from '../../demo/hostile-control-plane.ts';
import { until } from '../loop/harness/until.ts';
import type { Attack } from './attack.ts';
import type { AttackLab } from './attack-lab.ts';
import { ask } from './intruder.ts';

/** Longer than the server waits for a request's head, and for a whole request, in seconds. */
const patienceSeconds = 30;
const wholeRequestSeconds = 120;
const handshakesPerAddressMax = 256;
/** Most keys that nobody declared which are listed; how many come, and how many of them at once. */
const unknownKeysMax = 256;
const strangers = 400;
const strangersAtOnce = 20;
const yearMs = 365 * 24 * 3600 * 1000;

/** Opens TLS to the honest control plane, with the victim's own key unless told otherwise. */
async function openTls(lab: AttackLab, options: object = {}): Promise<TLSSocket> {
  const { privateKey } = await testKey('host:mole');
  const { keyPem, certificatePem } = (
    await clientIdentity(privateKey, { commonName: 'mole', crypto: nodeCrypto, random: systemRandom })
  ).identity;
  const socket = connectTls({
    host: '127.0.0.1',
    port: lab.lab.controlPlane.port ?? 0,
    key: keyPem,
    cert: certificatePem,
    rejectUnauthorized: false,
    ALPNProtocols: ['http/1.1'],
    ...options,
  });
  await once(socket, 'secureConnect');
  socket.on('error', () => {});
  return socket;
}

/** A key of its own, which nobody declared, asks for the fleet from an address of its own: what it is answered. */
async function strangerAsks(lab: AttackLab, index: number): Promise<string> {
  const { privateKey } = await testKey(`stranger-${index}`);
  const { keyPem, certificatePem } = (
    await clientIdentity(privateKey, { commonName: 'stranger', crypto: nodeCrypto, random: systemRandom })
  ).identity;
  const localAddress = `127.0.${1 + Math.floor(index / 250)}.${1 + (index % 250)}`;
  const socket = await openTls(lab, { key: keyPem, cert: certificatePem, localAddress });
  socket.write(`GET /v1/fleet HTTP/1.1\r\nhost: x\r\n${protocolHeader}: 1\r\nconnection: close\r\n\r\n`);
  return answerOf(socket);
}

/** Everything that comes until the server closes: the status of its first answer, or `closed`. */
async function answerOf(socket: Socket, seconds = patienceSeconds): Promise<string> {
  let text = '';
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    text += chunk;
  });
  await until('the server closes the connection', () => socket.closed, { seconds });
  return /^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 'closed';
}

/** Raw bytes to the honest control plane over an enrolled host's connection. */
function says(title: string, reason: string, text: string, seconds?: number): Attack {
  return {
    title,
    owns: ['one enrolled host'],
    refusedBy: 'control plane',
    reason,
    async attempt(lab) {
      const socket = await openTls(lab);
      socket.write(text);
      return answerOf(socket, seconds);
    },
  };
}

/** What the agent logs when nobody whom it believes answers. */
async function unreachable(lab: AttackLab): Promise<string> {
  const found = await until('an unreachable control plane in the log', () =>
    /"detail":"(pin-mismatch|handshake-failed|reply-too-large|reply-broken|reply-timeout)/.exec(lab.victim.log),
  );
  return `unreachable: ${found[1]}`;
}

/** Attacks on connections, and on the clock. */
export const networkAttacks: readonly Attack[] = [
  {
    title: 'a server with a key of its own in the control plane’s place: it gets no byte of a request',
    owns: ['network'],
    refusedBy: 'agent',
    reason: 'unreachable: pin-mismatch',
    async attempt(lab) {
      const { privateKey } = await testKey('mallory');
      await using impostor = await HostileControlPlane.open(privateKeyToPem(privateKey));
      impostor.serve({ tree: await lab.signNext(), go: null, trustVersion: 1 });
      await lab.victim.stop();
      lab.victim.route.leadTo(impostor.port);
      await lab.victim.start();
      const reason = await unreachable(lab);
      assert.equal(impostor.checkins, 0);
      lab.victim.route.leadTo(null);
      return reason;
    },
  },
  {
    title: 'a head without end',
    owns: ['control plane'],
    tuf: 'endless data',
    refusedBy: 'agent',
    reason: 'head: oversized',
    async attempt(lab) {
      await lab.offer({
        tree: await lab.signNext(),
        answer: (path, response) => {
          if (path !== 'head.json') return false;
          response.writeHead(200);
          const pour = (): void => {
            while (!response.destroyed && response.write(' '.repeat(16_384)));
          };
          response.on('drain', pour);
          pour();
          return true;
        },
      });
      return lab.refused();
    },
  },
  {
    title: 'a head that comes a byte now and then',
    owns: ['control plane'],
    tuf: 'slow retrieval',
    refusedBy: 'agent',
    reason: 'check-in: garbled',
    async attempt(lab) {
      await lab.offer({
        tree: await lab.signNext(),
        answer: (path, response) => {
          if (path !== 'head.json') return false;
          response.writeHead(200);
          const drip = setInterval(() => response.write(' '), 1000);
          response.on('close', () => clearInterval(drip));
          return true;
        },
      });
      const gaveUp = (): boolean => /"code":"garbled".*could not be followed/.test(lab.victim.log);
      await until('the reply is given up', gaveUp, { seconds: 90 });
      return 'check-in: garbled';
    },
  },
  {
    title: 'an expired head and a clock set back a year',
    owns: ['control plane', 'clock'],
    tuf: 'indefinite freeze',
    refusedBy: 'agent',
    reason: 'withheld: head-expired',
    async attempt(lab) {
      await lab.signNext();
      const { now } = lab.fleet;
      const lifeSeconds = 12;
      await lab.fleet.signHead((head) => {
        head.expiresAt = addSeconds(now, lifeSeconds);
      });
      await lab.offer({});
      await lab.victim.until('release-accepted', { mark: lab.mark });
      await systemClock.sleep(lifeSeconds * 1000);
      await lab.victim.until('withheld', {
        mark: lab.mark,
        where: ({ body }) => body.withheld?.code === 'head-expired',
      });
      const behind: Clock = { ...systemClock, now: () => systemClock.now() - yearMs };
      await lab.offer({ go: await lab.go([await lab.fleet.receipt('canary')]) }, behind);
      return lab.withheld();
    },
  },
  {
    title: 'TLS 1.2',
    owns: ['network'],
    refusedBy: 'control plane',
    reason: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION',
    async attempt(lab) {
      const error = await openTls(lab, { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' }).then(
        () => null,
        (reason: unknown) => reason,
      );
      return String((error as { code?: string } | null)?.code);
    },
  },
  {
    title: 'no client certificate',
    owns: ['nothing'],
    refusedBy: 'control plane',
    reason: '401',
    async attempt(lab) {
      const socket = await openTls(lab, { key: undefined, cert: undefined });
      socket.write(`GET /v1/fleet HTTP/1.1\r\nhost: x\r\n${protocolHeader}: 1\r\nconnection: close\r\n\r\n`);
      return answerOf(socket);
    },
  },
  says(
    'two lengths of one request, to smuggle another behind it',
    'closed',
    'POST /v1/agent/events HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /v1/fleet HTTP/1.1\r\n\r\n',
  ),
  says(
    'a header larger than all may be',
    'closed',
    `GET /v1/signed/head.json HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`,
  ),
  says('a request whose head never ends', 'closed', 'GET /v1/signed/head.json HTTP/1.1\r\nhost: x\r\n'),
  says(
    'a request whose body never comes',
    'closed',
    'POST /v1/agent/events HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{',
    wholeRequestSeconds,
  ),
  says('what is no HTTP', 'closed', '\u0016\u0003\u0001 hello\r\n\r\n'),
  {
    title: 'more handshakes begun and left than one address may have: all others are served',
    owns: ['network'],
    refusedBy: 'control plane',
    reason: 'closed before TLS, 404 not-found',
    async attempt(lab) {
      const port = lab.lab.controlPlane.port ?? 0;
      let closed = 0;
      const sockets = Array.from({ length: handshakesPerAddressMax + 40 }, () =>
        connectTcp({ host: '127.0.0.1', port, localAddress: '127.0.0.9' })
          .on('error', () => {})
          .on('close', () => closed++)
          .unref(),
      );
      await until('those beyond the bound are closed', () => closed >= 40);
      const answer = await ask(lab, 'host:canary', { path: '/v1/signed/no-such-file' });
      // The others stay open through the honest release that follows: its confirmations need handshakes of their own.
      return `${closed < sockets.length ? 'closed before TLS' : 'all closed'}, ${answer}`;
    },
  },
  {
    title:
      'more keys that nobody declared than are ever listed, each from an address of its own: all others are served',
    owns: ['nothing'],
    refusedBy: 'control plane',
    reason: `403, ${unknownKeysMax} listed, 404 not-found`,
    async attempt(lab) {
      const answers = new Set<string>();
      for (let first = 0; first < strangers; first += strangersAtOnce) {
        const some = Array.from({ length: strangersAtOnce }, (_, i) => strangerAsks(lab, first + i));
        for (const answer of await Promise.all(some)) answers.add(answer);
      }
      const { unknownKeys } = await lab.lab.controlPlane.view();
      const answer = await ask(lab, 'host:canary', { path: '/v1/signed/no-such-file' });
      return `${[...answers].join(' ')}, ${unknownKeys.length} listed, ${answer}`;
    },
  },
];
