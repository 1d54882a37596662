import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

/** A binary cache over http, as a fleet's substituter is: the files of a directory. Can be made to keep its readers waiting. */
export class CacheServer implements Disposable {
  readonly #server: Server;
  /** Each is answered when released. */
  #waiting: (() => void)[] | null = null;
  directory: string;
  requests = 0;

  private constructor(directory: string) {
    this.directory = directory;
    this.#server = createServer((request, response) => {
      this.requests++;
      const answer = async (): Promise<void> => {
        const name = (request.url ?? '/').replace(/^\/+/, '');
        const file = join(this.directory, name);
        const found =
          /^[A-Za-z0-9./_-]*$/.test(name) && !name.includes('..') ? await stat(file).catch(() => null) : null;
        if (!found?.isFile()) {
          response.writeHead(404).end();
          return;
        }
        response.writeHead(200, { 'content-length': found.size });
        if (request.method === 'HEAD') response.end();
        else createReadStream(file).pipe(response);
      };
      if (this.#waiting) this.#waiting.push(() => void answer());
      else void answer();
    });
  }

  static async open(directory: string): Promise<CacheServer> {
    const server = new CacheServer(directory);
    server.#server.listen(0, '127.0.0.1');
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
