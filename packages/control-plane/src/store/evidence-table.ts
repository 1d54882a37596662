import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { evidenceBody, evidenceEntry } from './evidence-row.ts';
import type { EvidenceEntry, EvidenceQuery, EvidenceRetention, PutEvidence } from './store.ts';

/** The evidence that hosts sent, as received. */
export class EvidenceTable {
  readonly #insert: StatementSync;
  readonly #at: StatementSync;
  readonly #read: Readonly<Record<EvidenceQuery['order'], StatementSync>>;
  readonly #expire: StatementSync;
  readonly #bytes: StatementSync;
  readonly #oldest: StatementSync;
  readonly #remove: StatementSync;

  constructor(database: DatabaseSync) {
    this.#insert = database.prepare('INSERT INTO evidence VALUES (?, ?, ?, ?, ?, ?, ?)');
    this.#at = database.prepare('SELECT sha256 FROM evidence WHERE host = ? AND chain = ? AND sequence = ?');
    const read = (direction: 'ASC' | 'DESC') =>
      database.prepare(
        `SELECT * FROM evidence
           WHERE host = ?1 AND collected_at >= ?2 AND collected_at < ?3 AND (collected_at, chain, sequence) > (?4, ?5, ?6)
           ORDER BY collected_at ${direction}, chain ${direction}, sequence ${direction} LIMIT ?7`,
      );
    this.#read = { oldest: read('ASC'), newest: read('DESC') };
    this.#expire = database.prepare('DELETE FROM evidence WHERE host = ? AND collected_at < ?');
    this.#bytes = database.prepare('SELECT total(length(body)) AS bytes FROM evidence WHERE host = ?');
    this.#oldest = database.prepare(
      'SELECT chain, sequence, length(body) AS bytes FROM evidence WHERE host = ? ORDER BY collected_at, chain, sequence',
    );
    this.#remove = database.prepare('DELETE FROM evidence WHERE host = ? AND chain = ? AND sequence = ?');
  }

  put(entry: EvidenceEntry, { keepFrom, hostBytesMax }: EvidenceRetention): PutEvidence {
    const { host, chain, sequence, sha256, collectedAt, receivedAt } = entry;
    const there = this.#at.get(host, chain, sequence);
    if (there) return there.sha256 === sha256 ? 'known' : 'conflict';
    this.#insert.run(host, chain, sequence, sha256, collectedAt, receivedAt, evidenceBody(entry));
    this.#expire.run(host, keepFrom);
    let bytes = Number(this.#bytes.get(host)?.bytes ?? 0);
    if (bytes <= hostBytesMax) return 'stored';
    for (const oldest of this.#oldest.all(host)) {
      if (bytes <= hostBytesMax) break;
      bytes -= Number(oldest.bytes);
      this.#remove.run(host, oldest.chain ?? null, oldest.sequence ?? null);
    }
    return 'stored';
  }

  read({ host, from, to, after, limit, order }: EvidenceQuery): EvidenceEntry[] {
    const { collectedAt = '', chain = '', sequence = 0 } = after ?? {};
    return this.#read[order].all(host, from, to, collectedAt, chain, sequence, limit).map(evidenceEntry);
  }
}
