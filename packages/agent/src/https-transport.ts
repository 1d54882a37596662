import type { ClientRequest, ClientRequestArgs, IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Clock } from '@nixfleet/contracts';
import { Agent, httpRequest } from './node-http.ts';
import { type ClientIdentity, connectPinned, peerProbeMs } from './pinned-connection.ts';
import {
  type Transport,
  type TransportRequest,
  type TransportResult,
  type Unreachable,
  unreachable,
} from './transport.ts';

/** Largest reply head, in bytes. */
export const replyHeadBytesMax = 16 * 1024;
/** Most connections kept to one control plane: a held check-in, a delivery of events, documents. */
export const connectionsMax = 4;
/** First wait before a URL that did not answer is tried again; doubles up to the maximum. */
export const urlRetryMs = 1000;
export const urlRetryMsMax = 60_000;

export interface HttpsTransportOptions {
  /** Base URLs `https://host[:port][/prefix]`, in order of preference. */
  readonly urls: readonly string[];
  readonly identity: ClientIdentity;
  /** The pins of the newest verified trust document. */
  readonly pins: () => ReadonlySet<string>;
  readonly clock: Clock;
}

interface Endpoint {
  readonly url: URL;
  agent: PinnedAgent;
  failures: number;
  /** Monotonic milliseconds before which the others are preferred. */
  retryAt: number;
}

/**
 * `Transport` over HTTP/1.1 and pinned TLS. The URLs are tried in order, those that lately did not answer last; a request
 * whose connection could not be made goes to the next one. A request that was sent is not repeated elsewhere, except on
 * a kept connection that the server closed meanwhile, and every route is idempotent.
 */
export class HttpsTransport implements Transport {
  readonly #options: HttpsTransportOptions;
  readonly #endpoints: readonly Endpoint[];
  #closing = new AbortController();

  /** Throws `TypeError` for a URL that is not https. */
  constructor(options: HttpsTransportOptions) {
    this.#options = options;
    this.#endpoints = options.urls.map((text) => {
      const url = new URL(text);
      if (url.protocol !== 'https:') throw new TypeError(`expected an https URL, got ${text}`);
      return { url, agent: this.#newAgent(url, true), failures: 0, retryAt: 0 };
    });
    if (this.#endpoints.length === 0) throw new TypeError('expected at least one URL');
  }

  async request(request: TransportRequest): Promise<TransportResult> {
    const { clock } = this.#options;
    const deadline = clock.monotonicMs() + request.timeoutMs;
    const closing = this.#closing.signal;
    const signal = request.signal ? AbortSignal.any([request.signal, closing]) : closing;
    let last: Unreachable = unreachable('aborted', 'given up');
    for (const endpoint of this.#inOrder()) {
      const leftMs = deadline - clock.monotonicMs();
      if (signal.aborted) return unreachable('aborted', `${endpoint.url.host}: given up`);
      if (leftMs <= 0) return last;
      const result = await this.#requestAt(endpoint, request, { timeoutMs: leftMs, signal });
      if (result.ok) {
        endpoint.failures = 0;
        endpoint.retryAt = 0;
        return result;
      }
      if (result.reason === 'aborted') return result;
      endpoint.failures++;
      endpoint.retryAt =
        clock.monotonicMs() + Math.min(urlRetryMs * 2 ** Math.min(endpoint.failures - 1, 10), urlRetryMsMax);
      last = result;
    }
    return last;
  }

  close(): void {
    this.#closing.abort();
    this.#closing = new AbortController();
    for (const endpoint of this.#endpoints) {
      endpoint.agent.destroy();
      endpoint.agent = this.#newAgent(endpoint.url, true);
    }
  }

  #inOrder(): readonly Endpoint[] {
    const now = this.#options.clock.monotonicMs();
    const rested = this.#endpoints.filter(({ retryAt }) => retryAt <= now);
    return [...rested, ...this.#endpoints.filter((endpoint) => !rested.includes(endpoint))];
  }

  #newAgent(url: URL, keepAlive: boolean): PinnedAgent {
    return new PinnedAgent({ ...this.#options, url, keepAlive });
  }

  async #requestAt(
    endpoint: Endpoint,
    request: TransportRequest,
    limits: { readonly timeoutMs: number; readonly signal: AbortSignal },
  ): Promise<TransportResult> {
    if (!request.isFresh) {
      const first = await send(endpoint, endpoint.agent, request, { ...limits, ...this.#options });
      // A kept connection that the server closed meanwhile says nothing of the server: once more on a new one.
      if (first.ok || !first.wasReused || first.reason !== 'reply-broken') return first;
    }
    const agent = this.#newAgent(endpoint.url, false);
    try {
      return await send(endpoint, agent, request, { ...limits, ...this.#options });
    } finally {
      agent.destroy();
    }
  }
}

/** Carries a typed reason through Node's HTTP client, which knows only errors. */
class UnreachableError extends Error {
  readonly outcome: Unreachable;

  constructor(outcome: Unreachable) {
    super(outcome.detail);
    this.outcome = outcome;
  }
}

/** Node's connection pool, its connections made by `connectPinned` alone. */
class PinnedAgent extends Agent {
  readonly #options: HttpsTransportOptions & { readonly url: URL };
  readonly #connecting = new AbortController();

  constructor(options: HttpsTransportOptions & { readonly url: URL; readonly keepAlive: boolean }) {
    super({
      keepAlive: options.keepAlive,
      // A connection that is kept is probed at this pace from then on; by default it would be once a second.
      keepAliveMsecs: peerProbeMs,
      maxSockets: connectionsMax,
      maxFreeSockets: connectionsMax,
    });
    this.#options = options;
  }

  override createConnection(
    _args: ClientRequestArgs,
    callback: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    const { url, identity, clock } = this.#options;
    connectPinned({
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: url.port === '' ? 443 : Number(url.port),
      identity,
      pins: this.#options.pins(),
      clock,
      signal: this.#connecting.signal,
    }).then(
      (connection) => {
        if (connection.ok) callback(null, connection.socket);
        else callback(new UnreachableError(connection), undefined as never);
      },
      (error: unknown) => callback(error as Error, undefined as never),
    );
    return undefined;
  }

  override destroy(): void {
    this.#connecting.abort();
    super.destroy();
  }
}

type Sent = (TransportResult & { readonly ok: true }) | (Unreachable & { readonly wasReused: boolean });

function send(
  { url }: Endpoint,
  agent: PinnedAgent,
  request: TransportRequest,
  limits: { readonly timeoutMs: number; readonly signal: AbortSignal; readonly clock: Clock },
): Promise<Sent> {
  return new Promise((resolve) => {
    const timer = new AbortController();
    let sent: ClientRequest | null = null;
    let isOver = false;
    const finish = (result: TransportResult): void => {
      if (isOver) return;
      isOver = true;
      timer.abort();
      limits.signal.removeEventListener('abort', abort);
      const wasReused = sent?.reusedSocket ?? false;
      if (!result.ok) sent?.destroy();
      resolve(result.ok ? result : { ...result, wasReused });
    };
    const fail = (reason: Unreachable['reason'], detail: string): void =>
      finish(unreachable(reason, `${url.host}: ${detail}`));
    const abort = (): void => fail('aborted', 'given up');
    limits.signal.addEventListener('abort', abort, { once: true });
    limits.clock.sleep(limits.timeoutMs, timer.signal).then(
      () => fail('reply-timeout', `no whole reply within ${Math.round(limits.timeoutMs)} ms`),
      () => {},
    );
    sent = httpRequest({
      agent,
      method: request.method,
      // The agent's pool is keyed by these; the connection itself is made from the URL.
      host: url.hostname,
      port: url.port === '' ? 443 : Number(url.port),
      path: `${url.pathname.replace(/\/$/, '')}${request.path}`,
      headers: {
        host: url.host,
        ...request.headers,
        ...(request.body ? { 'content-length': String(request.body.length) } : {}),
      },
      maxHeaderSize: replyHeadBytesMax,
    });
    sent.on('error', (error: Error) => {
      if (error instanceof UnreachableError) finish(error.outcome);
      else fail('reply-broken', error.message);
    });
    sent.on('response', (response) => collect(response, { url, bytesMax: request.replyBytesMax, finish }));
    sent.end(request.body);
  });
}

function collect(
  response: IncomingMessage,
  {
    url,
    bytesMax,
    finish,
  }: { readonly url: URL; readonly bytesMax: number; readonly finish: (result: TransportResult) => void },
): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const tooLarge = (): void =>
    finish(unreachable('reply-too-large', `${url.host}: expected a reply of at most ${bytesMax} bytes`));
  if (Number(response.headers['content-length'] ?? 0) > bytesMax) tooLarge();
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > bytesMax) tooLarge();
    else chunks.push(chunk);
  });
  response.on('error', (error) => finish(unreachable('reply-broken', `${url.host}: ${error.message}`)));
  response.on('close', () => finish(unreachable('reply-broken', `${url.host}: closed before the end of the reply`)));
  response.on('end', () => {
    if (!response.complete) return;
    const headers: Record<string, string> = {};
    for (const [name, value] of Object.entries(response.headers)) {
      if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value;
    }
    const body = new Uint8Array(Buffer.concat(chunks));
    finish({ ok: true, reply: { status: response.statusCode ?? 0, headers, body, url: url.href } });
  });
}
