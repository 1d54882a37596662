// Many hosts in one process: a TLS connection each, under its own key, and just enough of HTTP/1.1.
import { connect, type TLSSocket } from 'node:tls';
import type { CheckinRequest } from '@nixfleet/contracts';
import { serveCommands } from './serve-commands.ts';
import { tlsIdentity } from './tls-identity.ts';

/** Connections that are made at once. */
const connectingMax = 16;
const askingMax = 8;
const headEnd = Buffer.from('\r\n\r\n');

export interface HostCheckin {
  readonly host: string;
  readonly body: CheckinRequest;
}

export interface HttpReply {
  readonly head: string;
  readonly body: string;
}

class HostConnection {
  readonly #socket: TLSSocket;
  readonly #body: string;
  #received: Buffer = Buffer.alloc(0);
  #waiting: { resolve: (reply: HttpReply) => void; reject: (error: Error) => void } | null = null;

  constructor(socket: TLSSocket, body: CheckinRequest) {
    this.#socket = socket;
    this.#body = JSON.stringify(body);
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.on('error', (error) => this.#waiting?.reject(error));
    socket.on('close', () => this.#waiting?.reject(new Error('the server closed the connection')));
  }

  get body(): CheckinRequest {
    return JSON.parse(this.#body);
  }

  checkin(waitSeconds: number, body = this.#body): Promise<HttpReply> {
    const head = [
      'POST /v1/agent/checkin HTTP/1.1',
      'host: 127.0.0.1',
      'x-nixfleet-protocol: 1',
      'content-type: application/json',
      `content-length: ${Buffer.byteLength(body)}`,
      `prefer: wait=${waitSeconds}`,
    ];
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#socket.write(`${head.join('\r\n')}\r\n\r\n${body}`);
    });
  }

  close(): void {
    this.#waiting = null;
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    const at = this.#received.indexOf(headEnd);
    if (at === -1) return;
    const head = this.#received.toString('latin1', 0, at);
    const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
    const start = at + headEnd.length;
    if (this.#received.length < start + length) return;
    const body = this.#received.toString('utf8', start, start + length);
    this.#received = this.#received.subarray(start + length);
    const waiting = this.#waiting;
    this.#waiting = null;
    if (head.startsWith('HTTP/1.1 200')) waiting?.resolve({ head, body });
    else waiting?.reject(new Error(`${head.split('\r\n')[0]}: ${body}`));
  }
}

const servers = new Map<string, HostConnection[]>();
let told: Promise<bigint[]> | null = null;

async function connectHosts({ server, port, checkins }: { server: string; port: number; checkins: HostCheckin[] }) {
  const connections: HostConnection[] = [];
  servers.set(server, connections);
  const left = [...checkins];
  await Promise.all(
    Array.from({ length: connectingMax }, async () => {
      for (let next = left.pop(); next; next = left.pop()) {
        const { key, cert } = await tlsIdentity(`host:${next.host}`, next.host);
        const socket = connect({
          host: '127.0.0.1',
          port,
          key,
          cert,
          minVersion: 'TLSv1.3',
          rejectUnauthorized: false,
        });
        await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
        socket.setNoDelay(true);
        connections.push(new HostConnection(socket, next.body));
      }
    }),
  );
}

function connectionsTo(server: string): HostConnection[] {
  return servers.get(server) ?? [];
}

/** Every host so many times, `askingMax` of them at once: a fleet's check-ins are spread, they do not come in one burst. */
async function checkinAll({ server, times }: { server: string; times: number }): Promise<void> {
  const connections = connectionsTo(server);
  const share = Math.ceil(connections.length / askingMax);
  await Promise.all(
    Array.from({ length: askingMax }, async (_, i) => {
      for (let n = 0; n < times; n++) {
        for (const connection of connections.slice(i * share, (i + 1) * share)) await connection.checkin(0);
      }
    }),
  );
}

/** Asks on until there is a `go`, as an agent does. Monotonic nanoseconds of its arrival. */
async function untilGo(connection: HostConnection): Promise<bigint> {
  let { body } = connection;
  for (;;) {
    const reply = JSON.parse((await connection.checkin(120, JSON.stringify(body))).body);
    if (reply.go) return process.hrtime.bigint();
    body = { ...body, seen: { head: reply.head, go: reply.goId } };
  }
}

serveCommands(
  {
    connect: connectHosts,
    first: async ({ server }: { server: string }) => connectionsTo(server)[0]?.checkin(0),
    checkinAll,
    /** Sends one check-in each that is held; resolves when all of them are on their way. */
    hold: ({ server, isFollowed }: { server: string; isFollowed: boolean }) => {
      const connections = connectionsTo(server);
      if (isFollowed) told = Promise.all(connections.map(untilGo));
      else for (const connection of connections) connection.checkin(120).catch(() => {});
    },
    /** Monotonic nanoseconds when the last host had its `go`, and the first. */
    told: async () => {
      const at = ((await told) ?? []).sort((a, b) => (a < b ? -1 : 1));
      return { first: String(at[0]), last: String(at.at(-1)), hosts: at.length };
    },
  },
  () => {
    told?.catch(() => {});
    for (const connections of servers.values()) for (const connection of connections) connection.close();
  },
);
