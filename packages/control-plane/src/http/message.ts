import type { WireError, WireErrorCode } from '@nixfleet/contracts';

/** Who is asking, as the transport proved it. */
export interface Peer {
  /** SHA-256 of the SPKI of the client certificate whose key TLS proved; null without one. */
  readonly spkiSha256: string | null;
  /** IP address without port. */
  readonly address: string;
}

/** One request, free of any HTTP library. */
export interface ApiRequest {
  readonly method: string;
  /** Path with query, as received: `/v1/events?after=3`. */
  readonly path: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Uint8Array;
  /** Aborts when the client is gone: a held request is given up. */
  readonly signal: AbortSignal;
}

export interface ApiResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** An iterable is a stream that ends with the request's signal. */
  readonly body: string | Uint8Array | AsyncIterable<string>;
  /** The connection is closed after it. */
  readonly closes?: boolean;
}

/** HTTP status of each error: the one place that maps them. */
const statusOf: Readonly<Record<WireErrorCode, number>> = {
  malformed: 400,
  'too-large': 413,
  'unsupported-protocol': 426,
  unauthenticated: 401,
  'unknown-key': 403,
  'not-allowed': 403,
  'not-found': 404,
  'not-ready': 503,
  'rate-limited': 429,
  gap: 409,
  fork: 409,
  'bad-event': 422,
  'bad-evidence': 422,
  overloaded: 503,
  internal: 500,
};

const jsonHeaders = { 'content-type': 'application/json', 'cache-control': 'no-store' } as const;

/** `text` is JSON already. */
export function jsonResponse(text: string, status = 200): ApiResponse {
  return { status, headers: jsonHeaders, body: text };
}

export function errorResponse(
  error: WireErrorCode,
  message: string,
  more: { readonly replayFrom?: NonNullable<WireError['replayFrom']>; readonly retryAfterSeconds?: number } = {},
): ApiResponse {
  const { replayFrom, retryAfterSeconds } = more;
  const body: WireError = { error, message: message.slice(0, 2000), ...(replayFrom && { replayFrom }) };
  return {
    status: statusOf[error],
    headers:
      retryAfterSeconds === undefined ? jsonHeaders : { ...jsonHeaders, 'retry-after': String(retryAfterSeconds) },
    body: JSON.stringify(body),
    // A key that is not declared keeps no connection here.
    closes: error === 'unknown-key' || error === 'unauthenticated' || error === 'too-large',
  };
}
