/** One request to a control plane. */
export interface TransportRequest {
  readonly method: 'GET' | 'POST';
  /** Absolute path with query, such as `/v1/agent/checkin`. */
  readonly path: string;
  /** Lower-case names. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** From the start of the request to the last byte of the reply, in milliseconds, connecting included. */
  readonly timeoutMs: number;
  /** A reply with a longer body is given up (`reply-too-large`). */
  readonly replyBytesMax: number;
  /** True: a new name look-up, connection and handshake, whatever is open; closed after the reply. */
  readonly isFresh?: boolean;
  readonly signal?: AbortSignal;
}

export interface TransportReply {
  readonly status: number;
  /** Lower-case names; repeated ones joined with a comma. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** Which of the configured URLs answered. */
  readonly url: string;
}

/**
 * Why no reply came. A pin mismatch is one of them: whoever answered is not the control plane, so that counts as silence.
 */
export type UnreachableReason =
  | 'name-not-resolved'
  | 'connect-failed'
  | 'connect-timeout'
  | 'handshake-failed'
  | 'handshake-timeout'
  | 'pin-mismatch'
  | 'reply-timeout'
  | 'reply-too-large'
  | 'reply-broken'
  | 'aborted';

export interface Unreachable {
  readonly ok: false;
  readonly reason: UnreachableReason;
  /** One line for people: which URL, what was expected, what came. */
  readonly detail: string;
}

export type TransportResult = { readonly ok: true; readonly reply: TransportReply } | Unreachable;

/** Port to the control planes. Never throws for what the network does. */
export interface Transport {
  request(request: TransportRequest): Promise<TransportResult>;
  /** Closes every open connection; requests under way end as `aborted`. The next request opens a new one. */
  close(): void;
}

export function unreachable(reason: UnreachableReason, detail: string): Unreachable {
  return { ok: false, reason, detail: detail.slice(0, 1000) };
}
