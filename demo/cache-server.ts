import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';

/** The signed binary cache: a static file server over the folder that `nix copy` writes. */
export class CacheServer implements AsyncDisposable {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async open(folder: string): Promise<CacheServer> {
    const server = createServer((request, response) => {
      const path = new URL(request.url ?? '/', 'http://cache').pathname;
      // Only what a binary cache holds; in particular nothing with a parent folder in it.
      if (!/^\/(?:nix-cache-info|[0-9a-z]{32}\.narinfo|nar\/[0-9a-z.]+)$/.test(path)) {
        response.writeHead(404).end();
        return;
      }
      const file = join(folder, path);
      stat(file).then(
        ({ size }) => {
          response.writeHead(200, { 'content-length': size });
          createReadStream(file)
            .on('error', () => response.destroy())
            .pipe(response);
        },
        () => response.writeHead(404).end(),
      );
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, '127.0.0.1', resolve);
    });
    return new CacheServer(server);
  }

  get url(): string {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the cache is closed');
    return `http://127.0.0.1:${address.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}
