import type { Server as HttpsServer } from 'node:https';
import { Readable } from 'node:stream';
import { bodyBytesMax } from '@nixfleet/contracts';
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import type { ControlPlane } from '../control-plane.ts';
import type { Log } from '../log.ts';
import { type ApiRequest, type ApiResponse, errorResponse, type Peer } from './message.ts';
import { pathCharactersMax } from './routes.ts';

/** Bodies over this go out piece by piece, as fast as the client reads, so that a slow one costs no memory. In bytes. */
const pieceBytes = 64 * 1024;
const noBody = new Uint8Array(0);

export interface AppOptions {
  readonly controlPlane: ControlPlane;
  readonly https: HttpsServer;
  readonly peerOf: (socket: unknown) => Peer | null;
  readonly log: Log;
}

/** The thin adapter: one route for everything, bytes in, bytes out. Who may do what is decided in `handle` alone. */
export async function createApp({ controlPlane, https, peerOf, log }: AppOptions): Promise<FastifyInstance> {
  const app = fastify({
    serverFactory: (handler) => https.on('request', handler),
    bodyLimit: bodyBytesMax,
    logger: false,
    exposeHeadRoutes: false,
    requestIdHeader: false,
    return503OnClosing: false,
    routerOptions: { maxParamLength: pathCharactersMax },
    // A header that is no header: the connection says nothing that could be answered.
    clientErrorHandler: (_error, socket) => socket.destroy(),
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  app.setErrorHandler((error: { readonly statusCode?: number }, _request, reply) => {
    const status = error.statusCode ?? 500;
    if (status >= 500) log.error({ err: error }, 'request failed');
    controlPlane.metrics.countRequest('none', status);
    const answer =
      status === 413
        ? errorResponse('too-large', `expected a body of at most ${bodyBytesMax} bytes`)
        : errorResponse(status >= 500 ? 'internal' : 'malformed', 'not a request this server can read');
    return send(reply, { ...answer, closes: true });
  });
  app.setNotFoundHandler((request, reply) => answer(request, reply));
  app.route({ method: ['GET', 'POST'], url: '/*', handler: (request, reply) => answer(request, reply) });

  async function answer(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const peer = peerOf(request.raw.socket);
    if (!peer) return send(reply, errorResponse('unauthenticated', 'the connection is closing'));
    return send(reply, await controlPlane.handle(peer, apiRequest(request)));
  }
  await app.ready();
  return app;
}

function apiRequest(request: FastifyRequest): ApiRequest {
  let controller: AbortController | null = null;
  return {
    method: request.method,
    path: request.raw.url ?? '/',
    headers: request.headers as ApiRequest['headers'],
    body: request.body instanceof Uint8Array ? request.body : noBody,
    // Made only for a request that is held or streamed.
    get signal() {
      if (controller) return controller.signal;
      const made = new AbortController();
      controller = made;
      const { socket } = request.raw;
      if (socket.destroyed) made.abort();
      else {
        const gone = (): void => made.abort();
        socket.once('close', gone);
        made.signal.addEventListener('abort', () => socket.off('close', gone), { once: true });
      }
      return made.signal;
    },
  };
}

function send(reply: FastifyReply, response: ApiResponse): FastifyReply {
  reply.code(response.status).headers(response.headers);
  if (response.closes) reply.header('connection', 'close');
  const { body } = response;
  if (typeof body === 'string') return reply.send(body);
  if (!(body instanceof Uint8Array)) return reply.send(Readable.from(body, { highWaterMark: 1 }));
  if (body.length <= pieceBytes) return reply.send(body);
  return reply.header('content-length', body.length).send(Readable.from(pieces(body), { highWaterMark: 1 }));
}

function* pieces(body: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < body.length; at += pieceBytes) yield body.subarray(at, at + pieceBytes);
}
