import { decodeBase64 } from './base64.ts';
import type { PublicKey } from './crypto.ts';
import { JournalEvent, journalStart, type SignedEvent } from './event.ts';
import { encodeHex } from './hex.ts';
import type { HostName, JournalId, Sha256Hex } from './names.ts';
import { readDocument } from './parse-document.ts';
import { accept, type Refusal, refuse, type Verified } from './refusal.ts';
import type { VerifyContext } from './signed-bytes.ts';
import type { JournalPosition } from './wire.ts';

/** Most events in one call. */
export const eventsMax = 10_000;

/** An event whose bytes are canonical and about the right fleet; `text` is to be stored and shown to others as it is. */
export interface VerifiedEvent {
  readonly event: JournalEvent;
  readonly sha256: Sha256Hex;
  readonly text: string;
  /** Raw signature by the host's key, in base64. */
  readonly signature: string;
}

export interface VerifiedEvents {
  readonly events: readonly VerifiedEvent[];
  /** Where the journal stands after them; `after` for an empty list. */
  readonly position: JournalPosition;
}

/**
 * A contiguous piece of one journal. For each event, in order: canonical form, type, fleet, schema version,
 * requirements, shape → `wrong-host` → `wrong-journal` → `chain-gap` (seq) → `chain-broken` (prevSha256);
 * then `bad-signature`: under `last` of the last event alone, which authenticates its predecessors through the chain,
 * under `every` of each (for events that are passed on one by one).
 *
 * `after` null means from the journal's first event. `claimed`, for a piece whose predecessors are not here: from the place
 * that the `seq` and `prevSha256` of its first event claim, which the signature covers.
 */
export async function verifyEvents(
  ctx: VerifyContext,
  input: {
    readonly host: HostName;
    /** The host's declared keys, any of which may have signed. */
    readonly keys: readonly PublicKey[];
    readonly journal: JournalId;
    readonly after: JournalPosition | null | 'claimed';
    readonly events: readonly SignedEvent[];
    readonly signatures: 'last' | 'every';
  },
): Promise<Verified<VerifiedEvents>> {
  const { host, keys, journal, events } = input;
  if (events.length > eventsMax) {
    return refuse('oversized', `events of ${host}: expected at most ${eventsMax}, got ${events.length}`);
  }
  // All are read before the first is judged, so that a batch is hashed at once: promises one by one cost more than hashes.
  const { parsed, refusal } = parseEvents(ctx, events);
  const after = input.after === 'claimed' ? claimedBy(parsed[0]?.event, journal) : input.after;
  let position: JournalPosition = after ?? { journal, seq: 0, sha256: journalStart };
  if (position.journal !== journal) {
    return refuse('wrong-journal', `events of ${host}: expected journal ${position.journal}, got ${journal}`);
  }
  const hashes = await Promise.all(parsed.map(({ bytes }) => ctx.crypto.sha256(bytes)));
  const verified: VerifiedEvent[] = [];
  for (const [i, { event, signed }] of parsed.entries()) {
    const misplaced = placeProblem(event, { host, position });
    if (misplaced) return misplaced;
    if (input.signatures === 'every' || i === events.length - 1) {
      if (!(await isSignedBy(ctx, keys, signed))) {
        return refuse('bad-signature', `event ${event.seq} of ${host}: not signed by a key that ${host} declares`);
      }
    }
    const sha256 = encodeHex(hashes[i] ?? new Uint8Array()) as Sha256Hex;
    verified.push({ event, sha256, text: signed.event, signature: signed.signature });
    position = { journal, seq: event.seq, sha256 };
  }
  if (refusal) return refuse(refusal.reason, `event ${position.seq + 1} of ${host}: ${refusal.detail}`);
  return accept({ events: verified, position });
}

/** The place before a journal's first event is not the event's to claim. */
function claimedBy(first: JournalEvent | undefined, journal: JournalId): JournalPosition | null {
  return first === undefined || first.seq === 1 ? null : { journal, seq: first.seq - 1, sha256: first.prevSha256 };
}

function placeProblem(
  event: JournalEvent,
  { host, position }: { readonly host: HostName; readonly position: JournalPosition },
) {
  const what = `event ${event.seq} of ${host}`;
  if (event.host !== host) return refuse('wrong-host', `${what}: written by ${event.host}`);
  if (event.journal !== position.journal) {
    return refuse('wrong-journal', `${what}: expected journal ${position.journal}, got ${event.journal}`);
  }
  if (event.seq !== position.seq + 1) return refuse('chain-gap', `${what}: expected event ${position.seq + 1}`);
  if (event.prevSha256 !== position.sha256) {
    return refuse('chain-broken', `${what}: expected ${position.sha256} before it, got ${event.prevSha256}`);
  }
  return null;
}

/** One event by itself: form, envelope and shape, neither place nor signature. */
export async function readEvent(ctx: VerifyContext, signed: SignedEvent): Promise<Verified<VerifiedEvent>> {
  const read = parseEvent(ctx, signed);
  if (!read.ok) return read;
  const { event, bytes } = read.value;
  const sha256 = encodeHex(await ctx.crypto.sha256(bytes)) as Sha256Hex;
  return accept({ event, sha256, text: signed.event, signature: signed.signature });
}

interface ParsedEvent {
  readonly event: JournalEvent;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly signed: SignedEvent;
}

/** Up to the first that is refused by itself. */
function parseEvents(
  ctx: VerifyContext,
  events: readonly SignedEvent[],
): { readonly parsed: readonly ParsedEvent[]; readonly refusal: Refusal | null } {
  const parsed: ParsedEvent[] = [];
  for (const signed of events) {
    const read = parseEvent(ctx, signed);
    if (!read.ok) return { parsed, refusal: read };
    parsed.push(read.value);
  }
  return { parsed, refusal: null };
}

const encoder = new TextEncoder();

function parseEvent(ctx: VerifyContext, signed: SignedEvent): Verified<ParsedEvent> {
  const bytes = encoder.encode(signed.event);
  const read = readDocument(ctx.fleet, { type: 'event', schema: JournalEvent }, bytes);
  if (!read.ok) return read;
  const { document: event, text } = read.value;
  // TextEncoder replaces lone surrogates: what was hashed and signed would not be what was sent.
  if (text !== signed.event) return refuse('malformed', 'lone surrogate in the text');
  return accept({ event, bytes, signed });
}

/** True when one of `keys` made the event's signature. */
export async function isSignedBy(
  ctx: VerifyContext,
  keys: readonly PublicKey[],
  signed: SignedEvent,
): Promise<boolean> {
  const signature = decodeBase64(signed.signature);
  if (signature?.length !== 64) return false;
  const message = encoder.encode(signed.event);
  for (const key of keys) {
    if (key.algorithm !== 'sk-ssh-ed25519' && (await ctx.crypto.verify(key, message, signature))) return true;
  }
  return false;
}
