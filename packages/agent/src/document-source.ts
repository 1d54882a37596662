import type { TransportResult } from './transport.ts';

/** `unreachable`: nothing can be said; `missing`: the source has no such file. */
export type Fetched =
  | { readonly ok: true; readonly bytes: Uint8Array }
  | { readonly ok: false; readonly reason: 'missing' | 'unreachable' | 'oversized'; readonly detail: string };

/** A copy of `releases/`, believed in nothing: a control plane, a mirror, or what this host keeps itself. */
export interface DocumentSource {
  /** For logs and refusals. */
  readonly name: string;
  /** Makes what follows consistent: a git mirror fetches here. False: skip this source for now. */
  refresh(signal: AbortSignal): Promise<boolean>;
  /** `path` as in design §4, relative to `releases/`. */
  get(path: string, bytesMax: number, signal: AbortSignal): Promise<Fetched>;
}

/** What an HTTP reply says of a document. */
export function documentOf(result: TransportResult): Fetched {
  if (!result.ok) {
    const reason = result.reason === 'reply-too-large' ? 'oversized' : 'unreachable';
    return { ok: false, reason, detail: result.detail };
  }
  const { status, body, url } = result.reply;
  if (status === 200) return { ok: true, bytes: body };
  const reason = status === 404 || status === 410 ? 'missing' : 'unreachable';
  return { ok: false, reason, detail: `${url}: status ${status}` };
}
