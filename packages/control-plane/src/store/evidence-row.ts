import { gunzipSync, gzipSync } from 'node:zlib';
import { documentBytesMax, HostName, Instant, JournalId, Sha256Hex } from '@nixfleet/contracts';
import { z } from 'zod';
import { ControlPlaneError } from '../errors.ts';
import type { EvidenceEntry } from './store.ts';

/** What is kept of one document: places in columns, the text and its signatures together, compressed. */
const Columns = z.object({
  host: HostName,
  chain: JournalId,
  sequence: z.coerce.number().int().min(1),
  sha256: Sha256Hex,
  collected_at: Instant,
  received_at: Instant,
  body: z.instanceof(Uint8Array),
});
const Body = z.object({ evidence: z.string(), sig: z.string(), sshsig: z.string() });
/** Larger than any body that was taken in, in bytes. */
const bodyBytesMax = 4 * documentBytesMax.evidence;

export function evidenceBody({ evidence, sig, sshsig }: EvidenceEntry): Uint8Array {
  return gzipSync(JSON.stringify({ evidence, sig, sshsig } satisfies z.infer<typeof Body>));
}

/** Throws `state-unreadable` for what this program did not write. */
export function evidenceEntry(row: unknown): EvidenceEntry {
  try {
    const { host, chain, sequence, sha256, collected_at, received_at, body } = Columns.parse(row);
    const text = gunzipSync(body, { maxOutputLength: bodyBytesMax }).toString('utf8');
    const place = { host, chain, sequence, sha256, collectedAt: collected_at, receivedAt: received_at };
    return { ...place, ...Body.parse(JSON.parse(text)) };
  } catch (error) {
    throw new ControlPlaneError('state-unreadable', 'a stored document of evidence cannot be read', { cause: error });
  }
}
