import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { bodyBytesMax } from '@nixfleet/contracts';
import type { ControlPlane } from '../control-plane.ts';
import type { Log } from '../log.ts';
import { type ApiRequest, type ApiResponse, errorResponse, type Peer } from './message.ts';

/** Bodies over this go out piece by piece, as fast as the client reads, so that a slow one costs no memory. In bytes. */
const pieceBytes = 64 * 1024;
const noBody = new Uint8Array(0);

export interface ListenerOptions {
  readonly controlPlane: ControlPlane;
  readonly peerOf: (socket: unknown) => Peer | null;
  readonly log: Log;
}

/** The thin adapter between Node's HTTP and `handle`: bytes in, bytes out. Who may do what is decided in `handle` alone. */
export function requestListener({ controlPlane, peerOf, log }: ListenerOptions): RequestListener {
  async function answer(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const peer = peerOf(incoming.socket);
    if (!peer) return send(outgoing, errorResponse('unauthenticated', 'the connection is closing'));
    const body = hasBody(incoming) ? await readBody(incoming) : noBody;
    if (body === 'too-large') {
      controlPlane.metrics.countRequest('none', 413);
      return send(outgoing, errorResponse('too-large', `expected a body of at most ${bodyBytesMax} bytes`));
    }
    return send(outgoing, await controlPlane.handle(peer, new IncomingRequest(incoming, outgoing, body)));
  }
  return (incoming, outgoing) => {
    answer(incoming, outgoing).catch((error: unknown) => {
      // Its client is gone, in the midst of its request or of our answer: nobody is left to be told.
      if (!incoming.socket.destroyed) log.error({ err: error }, 'request failed');
      outgoing.destroy();
    });
  };
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/** Rejects when the client goes away before the end. */
function readBody(incoming: IncomingMessage): Promise<Uint8Array | 'too-large'> {
  if (Number(incoming.headers['content-length'] ?? 0) > bodyBytesMax) return Promise.resolve('too-large');
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    incoming.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > bodyBytesMax) return resolve('too-large');
      chunks.push(chunk);
    });
    incoming.on('end', () => {
      const [first = noBody] = chunks;
      resolve(chunks.length > 1 ? Buffer.concat(chunks) : first);
    });
    incoming.on('error', reject);
  });
}

class IncomingRequest implements ApiRequest {
  readonly body: Uint8Array;
  readonly #incoming: IncomingMessage;
  readonly #outgoing: ServerResponse;
  #signal: AbortSignal | null = null;

  constructor(incoming: IncomingMessage, outgoing: ServerResponse, body: Uint8Array) {
    this.#incoming = incoming;
    this.#outgoing = outgoing;
    this.body = body;
  }

  get method(): string {
    return this.#incoming.method ?? '';
  }

  get path(): string {
    return this.#incoming.url ?? '/';
  }

  get headers(): ApiRequest['headers'] {
    return this.#incoming.headers as ApiRequest['headers'];
  }

  /** Made only for a request that is held or streamed. */
  get signal(): AbortSignal {
    this.#signal ??= closedSignal(this.#outgoing);
    return this.#signal;
  }
}

/** Aborts when the answer is over: because it was given, or because the connection is gone. */
function closedSignal(outgoing: ServerResponse): AbortSignal {
  const closed = new AbortController();
  if (outgoing.destroyed) closed.abort();
  else outgoing.once('close', () => closed.abort());
  return closed.signal;
}

async function send(outgoing: ServerResponse, { status, headers, body, closes }: ApiResponse): Promise<void> {
  const all: Record<string, string | number> = closes ? { ...headers, connection: 'close' } : { ...headers };
  if (typeof body === 'string' || body instanceof Uint8Array) {
    const bytes = typeof body === 'string' ? Buffer.byteLength(body) : body.length;
    all['content-length'] = bytes;
    outgoing.writeHead(status, all);
    if (typeof body === 'string' || bytes <= pieceBytes) outgoing.end(body);
    else await pipeline(Readable.from(pieces(body), { highWaterMark: 1 }), outgoing);
  } else {
    outgoing.writeHead(status, all);
    await pipeline(Readable.from(body, { highWaterMark: 1 }), outgoing);
  }
}

function* pieces(body: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < body.length; at += pieceBytes) yield body.subarray(at, at + pieceBytes);
}
