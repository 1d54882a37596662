import { addSeconds, type Instant, SignedEvent, utf8 } from '@nixfleet/contracts';
import { journalSkewSecondsMax } from '@nixfleet/evidence';
import { z } from 'zod';

const Told = z.object({ at: z.string() });

/** A host's journal as a packet has it. */
export interface PacketJournalPart {
  /** Null: nothing of it is of this period or before. */
  readonly bytes: Uint8Array | null;
  /** Of its first event; null where that cannot be read. */
  readonly from: Instant | null;
}

/**
 * A journal up to its last event of the period, for releases of later keep to what they themselves declare: a key of then is not
 * in this packet. Its beginning stays, since what a host ran when the period began is told there. A line that is no event stays
 * too, and verifying names it.
 */
export function journalUntil(journal: Uint8Array, to: Instant): PacketJournalPart {
  const end = addSeconds(to, journalSkewSecondsMax);
  const lines = new TextDecoder().decode(journal).split('\n');
  const times = lines.map(timeOf);
  const last = times.findLastIndex((at) => at !== null && at < end);
  const from = (times[0] ?? null) as Instant | null;
  const isWhole = times.slice(last + 1).every((at) => at === null);
  if (isWhole) return { bytes: journal, from };
  return { bytes: last < 0 ? null : utf8(`${lines.slice(0, last + 1).join('\n')}\n`), from };
}

function timeOf(line: string): string | null {
  try {
    const { event } = SignedEvent.parse(JSON.parse(line));
    return Told.parse(JSON.parse(event)).at;
  } catch {
    return null;
  }
}
