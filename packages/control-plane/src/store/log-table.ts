import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import type { HostName, JournalId } from '@nixfleet/contracts';
import { entryOfRow, placeOfRow } from './log-row.ts';
import type { ForkEntry, JournalExtent, JournalPlace, LogEntry, OwnEntry, StoredEntry } from './store.ts';

/** Queries of the append-only log. Synchronous: a transaction is a block without `await`. */
export class LogTable {
  readonly #insert: StatementSync;
  readonly #last: StatementSync;
  readonly #at: StatementSync;
  readonly #first: StatementSync;
  readonly #newest: StatementSync;
  readonly #places: StatementSync;
  readonly #forks: StatementSync;
  readonly #event: StatementSync;
  readonly #fork: StatementSync;
  readonly #database: DatabaseSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#insert = database.prepare('INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)');
    this.#last = database.prepare('SELECT max(position) AS position FROM log');
    this.#at = database.prepare('SELECT * FROM log WHERE position = ?');
    const ofJournal = "SELECT seq, sha256 FROM log WHERE kind = 'event' AND host = ? AND journal = ?";
    this.#first = database.prepare(`${ofJournal} ORDER BY seq LIMIT 1`);
    this.#newest = database.prepare(`${ofJournal} ORDER BY seq DESC LIMIT 1`);
    this.#places = database.prepare(`${ofJournal} AND seq BETWEEN ? AND ? ORDER BY seq`);
    this.#event = database.prepare("SELECT * FROM log WHERE kind = 'event' AND host = ? AND journal = ? AND seq = ?");
    this.#fork = database.prepare(
      "SELECT 1 FROM log WHERE kind = 'fork' AND host = ? AND journal = ? AND seq = ? AND sha256 = ?",
    );
    this.#forks = database.prepare("SELECT count(*) AS forks FROM log WHERE kind = 'fork' AND host = ?");
  }

  insert(position: number, entry: LogEntry): void {
    const { receivedAt, kind, host, text } = entry;
    if (kind === 'event' || kind === 'fork') {
      const { journal, seq, sha256, signature } = entry;
      this.#insert.run(position, receivedAt, kind, host, journal, seq, sha256, text, signature);
    } else {
      this.#insert.run(position, receivedAt, kind, host, null, null, null, text, null);
    }
  }

  position(): number {
    const row = this.#last.get();
    return typeof row?.position === 'number' ? row.position : 0;
  }

  read(query: { after: number; limit: number; host?: HostName; events?: boolean }): StoredEntry[] {
    const where = ['position > ?'];
    const values: SQLInputValue[] = [query.after];
    if (query.host !== undefined) {
      where.push('host = ?');
      values.push(query.host);
    }
    if (query.events) where.push("kind = 'event'");
    const sql = `SELECT * FROM log WHERE ${where.join(' AND ')} ORDER BY position LIMIT ?`;
    return this.#database
      .prepare(sql)
      .all(...values, query.limit)
      .map(entryOfRow);
  }

  readAt(positions: readonly number[]): StoredEntry[] {
    return positions.flatMap((position) => {
      const row = this.#at.get(position);
      return row ? [entryOfRow(row)] : [];
    });
  }

  extent(host: HostName, journal: JournalId): JournalExtent | null {
    const first = this.#first.get(host, journal);
    const last = this.#newest.get(host, journal);
    return first && last ? { first: placeOfRow(first), last: placeOfRow(last) } : null;
  }

  places(host: HostName, journal: JournalId, range: { from: number; to: number }): JournalPlace[] {
    return this.#places.all(host, journal, range.from, range.to).map(placeOfRow);
  }

  event(host: HostName, journal: JournalId, seq: number): StoredEntry | null {
    const row = this.#event.get(host, journal, seq);
    return row ? entryOfRow(row) : null;
  }

  lastOwn(kind: OwnEntry['kind']): string | null {
    const sql = "SELECT body FROM log INDEXED BY log_own WHERE kind = ? AND kind IN ('go', 'rebuild')";
    const body = this.#database.prepare(`${sql} ORDER BY position DESC LIMIT 1`).get(kind)?.body;
    return typeof body === 'string' ? body : null;
  }

  hasFork({ host, journal, seq, sha256 }: ForkEntry): boolean {
    return this.#fork.get(host, journal, seq, sha256) !== undefined;
  }

  forks(host: HostName): number {
    return Number(this.#forks.get(host)?.forks ?? 0);
  }
}
