import type { ClientBase } from 'pg';
import { evidenceBody, evidenceEntry } from './evidence-row.ts';
import type { EvidenceEntry, EvidenceQuery, EvidenceRetention, PutEvidence } from './store.ts';

/** Inside a turn: two control planes never store one host's evidence at once. */
export async function putEvidenceInTurn(
  client: ClientBase,
  entry: EvidenceEntry,
  { keepFrom, hostBytesMax }: EvidenceRetention,
): Promise<PutEvidence> {
  const { host, chain, sequence, sha256, collectedAt, receivedAt } = entry;
  const { rows } = await client.query<{ sha256: string }>(
    'SELECT sha256 FROM evidence WHERE host = $1 AND chain = $2 AND sequence = $3',
    [host, chain, sequence],
  );
  const [there] = rows;
  if (there) return there.sha256 === sha256 ? 'known' : 'conflict';
  const body = Buffer.from(evidenceBody(entry));
  const values = [host, chain, sequence, sha256, collectedAt, receivedAt, body];
  await client.query('INSERT INTO evidence VALUES ($1, $2, $3, $4, $5, $6, $7)', values);
  await client.query('DELETE FROM evidence WHERE host = $1 AND collected_at < $2', [host, keepFrom]);
  // Newest first, what they take together: whatever lies beyond the bound goes.
  await client.query(
    `DELETE FROM evidence WHERE (host, chain, sequence) IN (
       SELECT host, chain, sequence FROM (
         SELECT host, chain, sequence,
                sum(length(body)) OVER (ORDER BY collected_at DESC, chain DESC, sequence DESC) AS bytes
           FROM evidence WHERE host = $1) AS kept
       WHERE bytes > $2)`,
    [host, hostBytesMax],
  );
  return 'stored';
}

export async function readEvidence(
  client: ClientBase,
  { host, from, to, after, limit, order }: EvidenceQuery,
): Promise<EvidenceEntry[]> {
  const { collectedAt = '', chain = '', sequence = 0 } = after ?? {};
  const direction = order === 'oldest' ? 'ASC' : 'DESC';
  const { rows } = await client.query(
    `SELECT * FROM evidence
       WHERE host = $1 AND collected_at >= $2 AND collected_at < $3 AND (collected_at, chain, sequence) > ($4, $5, $6)
       ORDER BY collected_at ${direction}, chain ${direction}, sequence ${direction} LIMIT $7`,
    [host, from, to, collectedAt, chain, sequence, limit],
  );
  return rows.map(evidenceEntry);
}
