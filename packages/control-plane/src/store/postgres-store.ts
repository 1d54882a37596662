import { HostName, type JournalId } from '@nixfleet/contracts';
import type { ClientBase } from 'pg';
import { z } from 'zod';
import { ControlPlaneError } from '../errors.ts';
import { type Floors, floorsOfText, floorsToText } from './floors-row.ts';
import { GroupCommit, type WantedAppend } from './group-commit.ts';
import { type DatabaseOptions, PostgresDatabase, requireDurable } from './postgres-database.ts';
import { putEvidenceInTurn, readEvidence } from './postgres-evidence.ts';
import { insertInTurn, PostgresLog, placeKey, positionInTurn, takenInTurn } from './postgres-log.ts';
import { migrate } from './postgres-migrations.ts';
import { epochInTurn, hint, PostgresShared } from './postgres-shared.ts';
import {
  type AppendOutcome,
  type DecisionTerm,
  type EvidenceEntry,
  type EvidenceQuery,
  type EvidenceRetention,
  type LogEntry,
  type MemberId,
  type OwnEntry,
  type PutEvidence,
  readEntriesMax,
  type SharedState,
  type Store,
  type StoredRelease,
  type ViewCheckpoint,
} from './store.ts';

export interface PostgresStoreOptions extends DatabaseOptions {
  readonly member: MemberId;
  /** Resolves when the appends that are ready now have been asked for: they share one commit. */
  readonly nextTurn: () => Promise<void>;
}

const ViewRow = z.object({ host: HostName, body: z.string() });
const FileRow = z.object({ path: z.string(), bytes: z.instanceof(Uint8Array) });

/**
 * Opens a database that several control planes may share, and brings its schema up to date. Whatever is written is written
 * in turns, under one advisory lock that ends with its transaction, so that positions grow in the order of the commits: who
 * has read up to a position has missed nothing before it. Throws `bad-config`, `state-unreadable` and `store-failed`.
 */
export async function openPostgresStore(options: PostgresStoreOptions): Promise<Store> {
  const database = new PostgresDatabase(options);
  try {
    await database.inTurn('opening the database', async (client) => {
      await requireDurable(client);
      await migrate(client);
    });
    return new PostgresStore(database, options);
  } catch (error) {
    await database[Symbol.asyncDispose]();
    throw error;
  }
}

class PostgresStore implements Store {
  readonly shared: SharedState;
  readonly #database: PostgresDatabase;
  readonly #member: MemberId;
  readonly #log: PostgresLog;
  readonly #appends: GroupCommit;
  #isClosed = false;

  constructor(database: PostgresDatabase, { member, nextTurn }: PostgresStoreOptions) {
    this.#database = database;
    this.#member = member;
    this.#log = new PostgresLog(database);
    this.#appends = new GroupCommit(nextTurn, (group) => this.#commit(group));
    this.shared = new PostgresShared(database, member);
  }

  async append(entries: readonly LogEntry[], term: DecisionTerm | null = null): Promise<AppendOutcome> {
    this.#requireOpen();
    return this.#appends.append(entries, term);
  }

  #commit(group: readonly WantedAppend[]): Promise<readonly AppendOutcome[]> {
    return this.#database.inTurn('appending to the log', async (client) => {
      const epoch = group.some(({ term }) => term !== null) ? await epochInTurn(client) : null;
      const taken = await takenInTurn(
        client,
        group.flatMap(({ entries }) => entries),
      );
      const first = (await positionInTurn(client)) + 1;
      const fresh: LogEntry[] = [];
      const outcomes = group.map(({ entries, term }): AppendOutcome => {
        if (term !== null && term.epoch !== epoch) return { ok: false, reason: 'fenced' };
        const places = entries.flatMap((entry) => placeKey(entry) ?? []);
        if (places.some((place) => taken.has(place))) return { ok: false, reason: 'conflict' };
        for (const place of places) taken.add(place);
        fresh.push(...entries);
        return { ok: true, position: first + fresh.length - 1 };
      });
      await insertInTurn(client, first, fresh);
      if (fresh.length > 0) await hint(client, this.#member);
      return outcomes;
    });
  }

  async position() {
    this.#requireOpen();
    return this.#log.position();
  }

  async read(query: { after: number; limit: number; host?: HostName; events?: boolean }) {
    this.#requireOpen();
    return this.#log.read({ ...query, limit: Math.max(1, Math.min(query.limit, readEntriesMax)) });
  }

  async readAt(positions: readonly number[]) {
    this.#requireOpen();
    return this.#log.readAt(positions);
  }

  async journalExtent(host: HostName, journal: JournalId) {
    this.#requireOpen();
    return this.#log.extent(host, journal);
  }

  async journalPlaces(host: HostName, journal: JournalId, range: { from: number; to: number }) {
    this.#requireOpen();
    return this.#log.places(host, journal, range);
  }

  async journalEvent(host: HostName, journal: JournalId, seq: number) {
    this.#requireOpen();
    const entry = await this.#log.event(host, journal, seq);
    return entry?.kind === 'event' ? entry : null;
  }

  async forksOf(host: HostName) {
    this.#requireOpen();
    return this.#log.forks(host);
  }

  async lastOwn(kind: OwnEntry['kind']) {
    this.#requireOpen();
    return this.#log.lastOwn(kind);
  }

  async loadCheckpoint(): Promise<ViewCheckpoint | null> {
    this.#requireOpen();
    return this.#database.atOneMoment('reading the checkpoint', async (client) => {
      const position = await markOf(client, 'checkpoint');
      if (position === null) return null;
      const { rows } = await client.query('SELECT host, body FROM host_views');
      const hosts = new Map(rows.map((row) => ViewRow.parse(row)).map(({ host, body }) => [host, body]));
      return { position: Number(position), hosts };
    });
  }

  async saveCheckpoint({ position, hosts }: ViewCheckpoint): Promise<boolean> {
    this.#requireOpen();
    return this.#database.inTurn('writing a checkpoint', async (client) => {
      const stored = await markOf(client, 'checkpoint');
      if (stored !== null && Number(stored) > position) return false;
      await client.query(
        `INSERT INTO host_views SELECT * FROM unnest($1::text[], $2::text[])
           ON CONFLICT (host) DO UPDATE SET body = excluded.body`,
        [[...hosts.keys()], [...hosts.values()]],
      );
      await setMark(client, 'checkpoint', String(position));
      return true;
    });
  }

  async putEvidence(entry: EvidenceEntry, retention: EvidenceRetention): Promise<PutEvidence> {
    this.#requireOpen();
    return this.#database.inTurn('storing evidence', (client) => putEvidenceInTurn(client, entry, retention));
  }

  async readEvidence(query: EvidenceQuery): Promise<readonly EvidenceEntry[]> {
    this.#requireOpen();
    return this.#database.atOneMoment('reading evidence', (client) => readEvidence(client, query));
  }

  async loadRelease(): Promise<StoredRelease | null> {
    this.#requireOpen();
    return this.#database.atOneMoment('reading the stored release', async (client) => {
      const text = await markOf(client, 'floors');
      if (text === null) return null;
      const { rows } = await client.query('SELECT path, bytes FROM release_files');
      // A plain view of the bytes: what pg returns is a Buffer, which compares unequal to what was stored.
      const files = rows
        .map((row) => FileRow.parse(row))
        .map(({ path, bytes }) => [path, new Uint8Array(bytes)] as const);
      return { ...floorsOfText(text), files: new Map(files), change: await releaseChangeOf(client) };
    });
  }

  async saveRelease({ files, change, ...floors }: StoredRelease): Promise<'saved' | 'overtaken' | 'behind'> {
    this.#requireOpen();
    return this.#database.inTurn('storing the release', async (client) => {
      const text = await markOf(client, 'floors');
      if (text !== null && !followsOn(floors, floorsOfText(text))) return 'overtaken';
      if (change !== (await releaseChangeOf(client))) return 'behind';
      await client.query('DELETE FROM release_files WHERE path <> ALL ($1::text[])', [[...files.keys()]]);
      for (const [path, bytes] of files) {
        await client.query(
          `INSERT INTO release_files VALUES ($1, $2)
             ON CONFLICT (path) DO UPDATE SET bytes = excluded.bytes WHERE release_files.bytes <> excluded.bytes`,
          [path, Buffer.from(bytes)],
        );
      }
      await setMark(client, 'floors', floorsToText(floors));
      await setMark(client, 'release-change', `${change + 1} ${this.#member}`);
      await hint(client, this.#member);
      return 'saved';
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#appends.idle();
    await this.#database[Symbol.asyncDispose]();
  }

  #requireOpen(): void {
    if (this.#isClosed) throw new ControlPlaneError('closed', 'the store is closed');
  }
}

async function markOf(client: ClientBase, name: string): Promise<string | null> {
  const { rows } = await client.query<{ value: string }>('SELECT value FROM marks WHERE name = $1', [name]);
  return rows[0]?.value ?? null;
}

async function setMark(client: ClientBase, name: string, value: string): Promise<void> {
  const sql = 'INSERT INTO marks VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value';
  await client.query(sql, [name, value]);
}

async function releaseChangeOf(client: ClientBase): Promise<number> {
  return Number((await markOf(client, 'release-change'))?.split(' ')[0] ?? 0);
}

/**
 * Whether floors may take the place of stored ones. Another control plane may have accepted more than this one has seen:
 * trust and release never go back, and what has the same version is the same. The head may, where trust went on or its keys
 * are others: whether that was right was verified before.
 */
export function followsOn(floors: Omit<Floors, 'missingBrake'>, stored: Omit<Floors, 'missingBrake'>): boolean {
  if (!isAtLeast(floors.trust, stored.trust) || !isAtLeast(floors.release, stored.release)) return false;
  if (floors.trust.version > stored.trust.version) return true;
  const keys = new Set(floors.head?.keyIds);
  const hasSameKeys = stored.head === null || stored.head.keyIds.some((keyId) => keys.has(keyId));
  return !hasSameKeys ? floors.head !== null : isAtLeast(floors.head, stored.head);
}

interface Versioned {
  readonly version: number;
  readonly sha256: string;
}

function isAtLeast(floor: Versioned | null, stored: Versioned | null): boolean {
  if (stored === null) return true;
  if (floor === null || floor.version < stored.version) return false;
  return floor.version > stored.version || floor.sha256 === stored.sha256;
}
