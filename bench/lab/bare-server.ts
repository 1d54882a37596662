// What every control plane in Node would cost at the least: TLS 1.3 that asks for a client certificate, the body read to its end, a
// prepared reply, and nothing looked at.
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { serveCommands } from './serve-commands.ts';

let server: Server | null = null;
let reply = '{}';
let headers: Record<string, string> = {};
let isHeld = false;

function listen({ key, cert }: { readonly key: string; readonly cert: string }): Promise<number> {
  const made = createServer(
    {
      key,
      cert,
      minVersion: 'TLSv1.3',
      requestCert: true,
      rejectUnauthorized: false,
      ALPNProtocols: ['http/1.1'],
      keepAliveTimeout: 75_000,
      noDelay: true,
    },
    (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        if (isHeld) return;
        const body = Buffer.concat(chunks);
        response.writeHead(body.length === 0 ? 400 : 200, { ...headers, 'content-length': Buffer.byteLength(reply) });
        response.end(reply);
      });
    },
  );
  server = made;
  return new Promise((resolve) =>
    made.listen(0, '127.0.0.1', () => {
      resolve((made.address() as AddressInfo).port);
    }),
  );
}

serveCommands(
  {
    listen,
    replyWith: (next: { readonly text: string; readonly headers: Record<string, string> }) => {
      ({ text: reply, headers } = next);
    },
    hold: () => {
      isHeld = true;
    },
  },
  () => {
    server?.closeAllConnections();
    server?.close();
  },
);
