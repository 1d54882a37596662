import {
  bodyBytesMax,
  CheckinReply,
  type CheckinRequest,
  EventReceipt,
  EvidenceReceipt,
  type EvidenceUpload,
  type JournalId,
  type JournalPosition,
  parseMessage,
  protocolHeader,
  protocolVersion,
  utf8,
  WireError,
  type WireErrorCode,
} from '@nixfleet/contracts';
import type { z } from 'zod';
import type { JournalEntry } from './journal-lines.ts';
import type { Transport, TransportRequest } from './transport.ts';

/** For a request that is answered at once, and on top of what a held one may wait, in milliseconds. */
const timeoutMs = 30_000;

/** An answer that is not success. `unreachable`: none came; `garbled`: one came that is not of the protocol; `undecided`: nothing could be decided yet. */
export interface NoAnswer {
  readonly ok: false;
  readonly code: WireErrorCode | 'unreachable' | 'garbled' | 'undecided';
  readonly detail: string;
  /** With `gap`. */
  readonly replayFrom?: { readonly journal: JournalId; readonly seq: number };
}

export type Answer<Value> = { readonly ok: true; readonly value: Value } | NoAnswer;

/** The agent's two requests, in and out of the wire format. */
export class ControlPlaneClient {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** `waitSeconds` above 0: held until something differs from `request.seen`. */
  checkin(request: CheckinRequest, waitSeconds: number, signal: AbortSignal): Promise<Answer<CheckinReply>> {
    return this.#post(CheckinReply, {
      path: '/v1/agent/checkin',
      body: request,
      timeoutMs: timeoutMs + waitSeconds * 1000,
      headers: waitSeconds > 0 ? { prefer: `wait=${waitSeconds}` } : {},
      signal,
    });
  }

  deliver(
    journal: JournalId,
    entries: readonly JournalEntry[],
    { isFresh, signal }: { readonly isFresh: boolean; readonly signal: AbortSignal },
  ): Promise<Answer<{ readonly stored: JournalPosition }>> {
    const body = { journal, events: entries.map(({ signed }) => signed) };
    return this.#post(EventReceipt, { path: '/v1/agent/events', body, timeoutMs, headers: {}, isFresh, signal });
  }

  deliverEvidence(upload: EvidenceUpload, signal: AbortSignal): Promise<Answer<EvidenceReceipt>> {
    return this.#post(EvidenceReceipt, { path: '/v1/agent/evidence', body: upload, timeoutMs, headers: {}, signal });
  }

  async #post<Value>(
    schema: z.ZodType<Value>,
    {
      body,
      headers,
      ...rest
    }: Omit<TransportRequest, 'method' | 'body' | 'replyBytesMax'> & { readonly body: unknown },
  ): Promise<Answer<Value>> {
    const result = await this.#transport.request({
      method: 'POST',
      ...rest,
      headers: { 'content-type': 'application/json', [protocolHeader]: String(protocolVersion), ...headers },
      body: utf8(JSON.stringify(body)),
      replyBytesMax: replyBytesMax,
    });
    if (!result.ok) return { ok: false, code: 'unreachable', detail: `${result.reason}: ${result.detail}` };
    const { status, body: reply, url } = result.reply;
    if (status === 200) {
      const parsed = parseMessage(schema, reply);
      if (parsed.ok) return { ok: true, value: parsed.value };
      return { ok: false, code: 'garbled', detail: `${url}: a reply that is not of the protocol` };
    }
    const error = parseMessage(WireError, reply);
    if (!error.ok) return { ok: false, code: 'garbled', detail: `${url}: status ${status}` };
    const { error: code, message, replayFrom } = error.value;
    return { ok: false, code, detail: `${url}: ${status}: ${message}`, ...(replayFrom ? { replayFrom } : {}) };
  }
}

/** A `go` may carry a receipt of every host of the earlier waves. */
const replyBytesMax = 16 * bodyBytesMax;
