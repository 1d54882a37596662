import {
  type HostName,
  type JournalEvent,
  JournalId,
  type JournalPosition,
  type PublicKey,
  type Sha256Hex,
  SignedEvent,
  type VerifyContext,
  verifyEvents,
} from '@nixfleet/contracts';
import { z } from 'zod';

/** Events verified in one call. */
const chunkEvents = 5000;

/** One event as it lies in the file. */
export interface JournalEntry {
  readonly signed: SignedEvent;
  readonly event: JournalEvent;
  readonly sha256: Sha256Hex;
}

export type ReadJournal =
  | { readonly ok: true; readonly journal: JournalId; readonly entries: JournalEntry[] }
  | { readonly ok: false; readonly detail: string };

/** The file of a journal: a signed event a line, each line ended. */
export function journalLines(entries: readonly JournalEntry[]): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(entries.map(({ signed }) => `${JSON.stringify(signed)}\n`).join(''));
}

/** Whole lines, at least one, that must be one chain of one host, its last event signed with `key`. */
export async function readJournalLines(
  ctx: VerifyContext,
  { host, key, lines }: { readonly host: HostName; readonly key: PublicKey; readonly lines: Uint8Array },
): Promise<ReadJournal> {
  const events: SignedEvent[] = [];
  for (const [i, line] of new TextDecoder().decode(lines).split('\n').slice(0, -1).entries()) {
    const parsed = SignedEvent.safeParse(parseJson(line));
    if (!parsed.success) return { ok: false, detail: `line ${i + 1} is not a signed event` };
    events.push(parsed.data);
  }
  const first = placeOf(events[0]);
  if (first === null) return { ok: false, detail: 'the first line is not an event' };
  const { journal } = first;
  const entries: JournalEntry[] = [];
  let after: JournalPosition = { journal, seq: first.seq - 1, sha256: first.prevSha256 };
  for (let at = 0; at < events.length; at += chunkEvents) {
    const chunk = events.slice(at, at + chunkEvents);
    const verified = await verifyEvents(ctx, { host, keys: [key], journal, after, events: chunk, signatures: 'last' });
    if (!verified.ok) return { ok: false, detail: verified.detail };
    for (const { event, sha256, text, signature } of verified.value.events) {
      entries.push({ signed: { event: text, signature }, event, sha256 });
    }
    after = verified.value.position;
  }
  return { ok: true, journal, entries };
}

const Place = z.object({ journal: JournalId, seq: z.int().min(1), prevSha256: z.string() });

function placeOf(signed: SignedEvent | undefined) {
  const parsed = Place.safeParse(signed ? parseJson(signed.event) : undefined);
  return parsed.success ? { ...parsed.data, prevSha256: parsed.data.prevSha256 as Sha256Hex } : null;
}

/** Undefined for what is no JSON. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
