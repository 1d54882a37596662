import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { systemClock } from '@nixfleet/agent';

/**
 * What becomes of a reader's requests: its connection is closed, every path is unknown, a file ends half way, or comes in
 * small pieces with pauses between them.
 */
export type CacheFault = 'down' | 'missing' | 'truncating' | 'slow';

/** Of a slow cache: bytes of a piece, and milliseconds between two. */
const slowBytes = 2048;
const slowMs = 200;

/**
 * A binary cache over http, as a fleet's substituter is: the files of a directory. Can be made to keep its readers
 * waiting, or to fail one of them by its address.
 */
export class CacheServer implements Disposable {
  readonly #server: Server;
  /** Each is answered when released. */
  #waiting: (() => void)[] | null = null;
  directory: string;
  requests = 0;
  /** By the reader's address. */
  readonly faults = new Map<string, CacheFault>();
  /** Answers a file in its own way, or returns false. Null: every file is what lies in the directory. */
  answer: ((name: string, response: ServerResponse) => boolean) | null = null;

  private constructor(directory: string) {
    this.directory = directory;
    this.#server = createServer((request, response) => {
      this.requests++;
      const answer = async (): Promise<void> => {
        const fault = this.faults.get(request.socket.remoteAddress ?? '');
        if (fault === 'down') {
          request.socket.destroy();
          return;
        }
        const name = (request.url ?? '/').replace(/^\/+/, '');
        if (this.answer?.(name, response)) return;
        const file = join(this.directory, name);
        const found =
          /^[A-Za-z0-9./_-]*$/.test(name) && !name.includes('..') ? await stat(file).catch(() => null) : null;
        if (!found?.isFile() || fault === 'missing') {
          response.writeHead(404).end();
          return;
        }
        response.writeHead(200, { 'content-length': found.size });
        if (request.method === 'HEAD') response.end();
        else if (fault === 'truncating') truncate(file, found.size, response);
        else if (fault === 'slow') Readable.from(slowly(file)).pipe(response);
        else createReadStream(file).pipe(response);
      };
      if (this.#waiting) this.#waiting.push(() => void answer());
      else void answer();
    });
  }

  static async open(directory: string, { host = '127.0.0.1', port = 0 } = {}): Promise<CacheServer> {
    const server = new CacheServer(directory);
    server.#server.listen(port, host);
    await once(server.#server, 'listening');
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Requests from now on get no answer until `release`. */
  stall(): void {
    this.#waiting ??= [];
  }

  release(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = null;
    for (const answer of waiting) answer();
  }

  [Symbol.dispose](): void {
    this.release();
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

/** The first half, and then the end of the connection: less than was promised. */
function truncate(file: string, size: number, response: ServerResponse): void {
  createReadStream(file, { end: Math.floor(size / 2) })
    .on('end', () => response.destroy())
    .pipe(response, { end: false });
}

async function* slowly(file: string): AsyncGenerator<Buffer> {
  for await (const chunk of createReadStream(file, { highWaterMark: slowBytes })) {
    yield chunk as Buffer;
    await systemClock.sleep(slowMs);
  }
}
