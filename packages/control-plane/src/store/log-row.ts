import { HostName, Instant, JournalId, Sha256Hex } from '@nixfleet/contracts';
import { z } from 'zod';
import { ControlPlaneError } from '../errors.ts';
import type { JournalPlace, StoredEntry } from './store.ts';

const common = { position: z.int(), received_at: Instant, body: z.string() };
const Row = z.discriminatedUnion('kind', [
  z.object({
    ...common,
    kind: z.enum(['event', 'fork']),
    host: HostName,
    journal: JournalId,
    seq: z.int(),
    sha256: Sha256Hex,
    signature: z.string(),
  }),
  z.object({ ...common, kind: z.enum(['go', 'rebuild']), host: HostName.nullable() }),
]);
const Place = z.object({ seq: z.int(), sha256: Sha256Hex });

/** A row of `log`, of either dialect. Throws `state-unreadable`. */
export function entryOfRow(value: unknown): StoredEntry {
  const row = Row.safeParse(value);
  if (!row.success) throw new ControlPlaneError('state-unreadable', `a row of the log: ${row.error.message}`);
  const { position, received_at: receivedAt, body: text } = row.data;
  if (!('journal' in row.data)) return { position, receivedAt, kind: row.data.kind, host: row.data.host, text };
  const { kind, host, journal, seq, sha256, signature } = row.data;
  return { position, receivedAt, kind, host, journal, seq, sha256, text, signature };
}

export function placeOfRow(value: unknown): JournalPlace {
  return Place.parse(value);
}
