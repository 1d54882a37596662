import type { HostName, JournalId } from '@nixfleet/contracts';
import type { ClientBase } from 'pg';
import { entryOfRow, placeOfRow } from './log-row.ts';
import type { PostgresDatabase } from './postgres-database.ts';
import type { ForkEntry, JournalExtent, JournalPlace, LogEntry, OwnEntry, StoredEntry } from './store.ts';

/** Rows of one INSERT: nine parameters each, as arrays, so the bound is on the size of a message alone. */
const insertRowsMax = 5000;

const ofJournal = "FROM log WHERE kind = 'event' AND host = $1 AND journal = $2";

/** Queries of the append-only log outside any transaction of ours. */
export class PostgresLog {
  readonly #database: PostgresDatabase;

  constructor(database: PostgresDatabase) {
    this.#database = database;
  }

  async position(): Promise<number> {
    const [row] = await this.#database.query<{ position: number | null }>('reading the log', lastPosition);
    return row?.position ?? 0;
  }

  async read(query: { after: number; limit: number; host?: HostName; events?: boolean }): Promise<StoredEntry[]> {
    const where = ['position > $1'];
    const values: unknown[] = [query.after, query.limit];
    if (query.host !== undefined) where.push(`host = $${values.push(query.host)}`);
    if (query.events) where.push("kind = 'event'");
    const sql = `SELECT * FROM log WHERE ${where.join(' AND ')} ORDER BY position LIMIT $2`;
    return (await this.#database.query('reading the log', sql, values)).map(entryOfRow);
  }

  async readAt(positions: readonly number[]): Promise<StoredEntry[]> {
    const sql = 'SELECT * FROM log WHERE position = ANY ($1::bigint[])';
    const rows = await this.#database.query('reading the log', sql, [positions]);
    const found = new Map(rows.map(entryOfRow).map((entry) => [entry.position, entry]));
    return positions.flatMap((position) => found.get(position) ?? []);
  }

  async extent(host: HostName, journal: JournalId): Promise<JournalExtent | null> {
    const side = (order: string): string => `(SELECT seq, sha256 ${ofJournal} ORDER BY seq ${order} LIMIT 1)`;
    const sql = `${side('ASC')} UNION ALL ${side('DESC')}`;
    const [first, last] = await this.#database.query('reading a journal', sql, [host, journal]);
    return first && last ? { first: placeOfRow(first), last: placeOfRow(last) } : null;
  }

  async places(host: HostName, journal: JournalId, range: { from: number; to: number }): Promise<JournalPlace[]> {
    const sql = `SELECT seq, sha256 ${ofJournal} AND seq BETWEEN $3 AND $4 ORDER BY seq`;
    const rows = await this.#database.query('reading a journal', sql, [host, journal, range.from, range.to]);
    return rows.map(placeOfRow);
  }

  async event(host: HostName, journal: JournalId, seq: number): Promise<StoredEntry | null> {
    const [row] = await this.#database.query('reading a journal', `SELECT * ${ofJournal} AND seq = $3`, [
      host,
      journal,
      seq,
    ]);
    return row ? entryOfRow(row) : null;
  }

  async forks(host: HostName): Promise<number> {
    const sql = "SELECT count(*) AS forks FROM log WHERE kind = 'fork' AND host = $1";
    const [row] = await this.#database.query<{ forks: number }>('reading a journal', sql, [host]);
    return row?.forks ?? 0;
  }

  async lastOwn(kind: OwnEntry['kind']): Promise<string | null> {
    const sql = "SELECT body FROM log WHERE kind = $1 AND kind IN ('go', 'rebuild') ORDER BY position DESC LIMIT 1";
    const [row] = await this.#database.query<{ body: string }>('reading the log', sql, [kind]);
    return row?.body ?? null;
  }
}

const lastPosition = 'SELECT max(position) AS position FROM log';

/** Inside a turn. */
export async function positionInTurn(client: ClientBase): Promise<number> {
  const { rows } = await client.query<{ position: number | null }>(lastPosition);
  return rows[0]?.position ?? 0;
}

/** Inside a turn: appends entries from `first` on. */
export async function insertInTurn(client: ClientBase, first: number, entries: readonly LogEntry[]): Promise<void> {
  for (let from = 0; from < entries.length; from += insertRowsMax) {
    const rows = entries.slice(from, from + insertRowsMax).map(columnsOf);
    const columns = Array.from({ length: 8 }, (_, column) => rows.map((row) => row[column] ?? null));
    await client.query(
      `INSERT INTO log SELECT $1::bigint + row - 1, received_at, kind, host, journal, seq, sha256, body, signature
         FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::text[], $8::text[], $9::text[])
           WITH ORDINALITY AS entry (received_at, kind, host, journal, seq, sha256, body, signature, row)`,
      [first + from, ...columns],
    );
  }
}

function columnsOf(entry: LogEntry): readonly (string | number | null)[] {
  const { receivedAt, kind, host, text } = entry;
  if (kind !== 'event' && kind !== 'fork') return [receivedAt, kind, host, null, null, null, text, null];
  const { journal, seq, sha256, signature } = entry;
  return [receivedAt, kind, host, journal, seq, sha256, text, signature];
}

type Place = Pick<ForkEntry, 'host' | 'journal' | 'seq' | 'sha256'>;

const takenEvents = `
  SELECT host, journal, seq, log.sha256 FROM log
    JOIN unnest($1::text[], $2::text[], $3::bigint[], $4::text[]) AS wanted (host, journal, seq, sha256) USING (host, journal, seq)
   WHERE kind = 'event'`;
const takenForks = `
  SELECT host, journal, seq, sha256 FROM log
    JOIN unnest($1::text[], $2::text[], $3::bigint[], $4::text[]) AS wanted (host, journal, seq, sha256)
   USING (host, journal, seq, sha256)
   WHERE kind = 'fork'`;

/** What an entry takes up: the place of an event, or the very fork. Null for what we did ourselves. */
export function placeKey(entry: LogEntry): string | null {
  if (entry.kind === 'event') return eventKey(entry);
  return entry.kind === 'fork' ? forkKey(entry) : null;
}

function eventKey({ host, journal, seq }: Place): string {
  return `event ${host} ${journal} ${seq}`;
}

function forkKey({ host, journal, seq, sha256 }: Place): string {
  return `fork ${host} ${journal} ${seq} ${sha256}`;
}

/** Inside a turn: which places of these entries are taken, as `placeKey` names them. */
export async function takenInTurn(client: ClientBase, entries: readonly LogEntry[]): Promise<Set<string>> {
  const places = async (sql: string, wanted: readonly Place[]): Promise<Place[]> => {
    if (wanted.length === 0) return [];
    const column = <Key extends keyof Place>(key: Key) => wanted.map((place) => place[key]);
    return (await client.query<Place>(sql, [column('host'), column('journal'), column('seq'), column('sha256')])).rows;
  };
  const events = await places(
    takenEvents,
    entries.filter((entry) => entry.kind === 'event'),
  );
  const forks = await places(
    takenForks,
    entries.filter((entry) => entry.kind === 'fork'),
  );
  return new Set([...events.map(eventKey), ...forks.map(forkKey)]);
}
