import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import { HostName, Instant, type JournalId, JournalId as JournalIdSchema, Sha256Hex } from '@nixfleet/contracts';
import { z } from 'zod';
import { ControlPlaneError } from '../errors.ts';
import type { ForkEntry, JournalExtent, JournalPlace, LogEntry, OwnEntry, StoredEntry } from './store.ts';

const common = { position: z.int(), received_at: Instant, body: z.string() };
const Row = z.discriminatedUnion('kind', [
  z.object({
    ...common,
    kind: z.enum(['event', 'fork']),
    host: HostName,
    journal: JournalIdSchema,
    seq: z.int(),
    sha256: Sha256Hex,
    signature: z.string(),
  }),
  z.object({ ...common, kind: z.enum(['go', 'rebuild']), host: HostName.nullable() }),
]);
const Place = z.object({ seq: z.int(), sha256: Sha256Hex });

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
      .map(entryOf);
  }

  readAt(positions: readonly number[]): StoredEntry[] {
    return positions.flatMap((position) => {
      const row = this.#at.get(position);
      return row ? [entryOf(row)] : [];
    });
  }

  extent(host: HostName, journal: JournalId): JournalExtent | null {
    const first = this.#first.get(host, journal);
    const last = this.#newest.get(host, journal);
    return first && last ? { first: placeOf(first), last: placeOf(last) } : null;
  }

  places(host: HostName, journal: JournalId, range: { from: number; to: number }): JournalPlace[] {
    return this.#places.all(host, journal, range.from, range.to).map(placeOf);
  }

  event(host: HostName, journal: JournalId, seq: number): StoredEntry | null {
    const row = this.#event.get(host, journal, seq);
    return row ? entryOf(row) : null;
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

function entryOf(value: unknown): StoredEntry {
  const row = Row.safeParse(value);
  if (!row.success) throw new ControlPlaneError('state-unreadable', `a row of the log: ${row.error.message}`);
  const { position, received_at: receivedAt, body: text } = row.data;
  if (!('journal' in row.data)) return { position, receivedAt, kind: row.data.kind, host: row.data.host, text };
  const { kind, host, journal, seq, sha256, signature } = row.data;
  return { position, receivedAt, kind, host, journal, seq, sha256, text, signature };
}

function placeOf(value: unknown): JournalPlace {
  return Place.parse(value);
}
