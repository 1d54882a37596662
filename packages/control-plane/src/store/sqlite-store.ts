import { DatabaseSync } from 'node:sqlite';
import { Floor, type HostName, type JournalId, Sha256Hex } from '@nixfleet/contracts';
import { z } from 'zod';
import { ControlPlaneError } from '../errors.ts';
import { HostViewTable } from './host-view-table.ts';
import { LogTable } from './log-table.ts';
import { MarkTable } from './mark-table.ts';
import { ReleaseFileTable } from './release-file-table.ts';
import { sqliteFault } from './sqlite-fault.ts';
import { migrate } from './sqlite-migrations.ts';
import type { AppendOutcome, LogEntry, OwnEntry, Store, StoredRelease, ViewCheckpoint } from './store.ts';

/** Most entries in one commit; the rest goes into the next one. */
const commitEntriesMax = 20_000;
/** Most entries that one `read` returns. */
export const readEntriesMax = 10_000;

export interface SqliteStoreOptions {
  /** File name, or `:memory:`. */
  readonly path: string;
  /** Resolves when the appends that are ready now have been asked for: they share one commit. */
  readonly nextTurn: () => Promise<void>;
  /** Largest database, in bytes (write-ahead log aside); past it appends fail with `disk-full`. Default: no limit. */
  readonly bytesMax?: number;
}

interface PendingAppend {
  readonly entries: readonly LogEntry[];
  readonly resolve: (outcome: AppendOutcome) => void;
  readonly reject: (error: unknown) => void;
}

const Floors = z.object({
  trust: Floor,
  release: Floor.nullable(),
  head: z.object({ version: z.int().min(1), sha256: Sha256Hex, keyIds: z.array(z.string()) }).nullable(),
});

/**
 * Opens or creates the embedded store. WAL, so that readers do not wait; `synchronous = FULL`, because an agent forgets
 * what was acknowledged, so an acknowledged event must survive a power cut (NORMAL would sync only at WAL checkpoints);
 * group commit makes the price of that one fsync for all appends of a turn. `locking_mode = EXCLUSIVE` keeps a second
 * process out and lets the lock die with ours.
 */
export function openSqliteStore(options: SqliteStoreOptions): Store {
  let database: DatabaseSync | null = null;
  try {
    database = new DatabaseSync(options.path, { timeout: 0 });
    // Journals come in long pieces: with larger pages than SQLite's 4 KiB, storing them costs a third less.
    database.exec('PRAGMA page_size = 16384');
    database.exec(
      'PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;',
    );
    if (options.bytesMax !== undefined) database.exec(`PRAGMA max_page_count = ${pagesOf(database, options.bytesMax)}`);
    // Takes the lock now, so that a second process fails at its start and not at its first append.
    database.exec('BEGIN IMMEDIATE; COMMIT');
    migrate(database);
    return new SqliteStore(database, options);
  } catch (error) {
    if (database?.isOpen) database.close();
    throw sqliteFault(error, `opening ${options.path}`);
  }
}

function pagesOf(database: DatabaseSync, bytes: number): number {
  const size = Number(database.prepare('PRAGMA page_size').get()?.page_size);
  return Math.max(1, Math.floor(bytes / size));
}

class SqliteStore implements Store {
  readonly #database: DatabaseSync;
  readonly #options: SqliteStoreOptions;
  readonly #log: LogTable;
  readonly #views: HostViewTable;
  readonly #marks: MarkTable;
  readonly #files: ReleaseFileTable;
  #pending: PendingAppend[] = [];
  #flushing: Promise<void> | null = null;
  #isClosed = false;

  constructor(database: DatabaseSync, options: SqliteStoreOptions) {
    this.#database = database;
    this.#options = options;
    this.#log = new LogTable(database);
    this.#views = new HostViewTable(database);
    this.#marks = new MarkTable(database);
    this.#files = new ReleaseFileTable(database);
  }

  async append(entries: readonly LogEntry[]): Promise<AppendOutcome> {
    this.#requireOpen();
    const outcome = new Promise<AppendOutcome>((resolve, reject) => {
      this.#pending.push({ entries, resolve, reject });
    });
    this.#flushing ??= this.#flush();
    return outcome;
  }

  async #flush(): Promise<void> {
    await this.#options.nextTurn();
    while (this.#pending.length > 0) {
      this.#commit(this.#takeGroup());
      // Lets those answer who were waiting, before the disk is asked again.
      if (this.#pending.length > 0) await this.#options.nextTurn();
    }
    this.#flushing = null;
  }

  #takeGroup(): PendingAppend[] {
    let entries = 0;
    let taken = 0;
    for (const append of this.#pending) {
      entries += append.entries.length;
      if (taken > 0 && entries > commitEntriesMax) break;
      taken++;
    }
    return this.#pending.splice(0, taken);
  }

  /** One transaction for the group. A conflicting append is left out by itself; a fault fails all of them. */
  #commit(group: readonly PendingAppend[]): void {
    const outcomes: AppendOutcome[] = [];
    try {
      this.#transaction('appending to the log', () => {
        let position = this.#log.position();
        for (const { entries } of group) {
          if (this.#conflicts(entries)) {
            outcomes.push({ ok: false, reason: 'conflict' });
            continue;
          }
          for (const entry of entries) this.#log.insert(++position, entry);
          outcomes.push({ ok: true, position });
        }
      });
    } catch (error) {
      for (const { reject } of group) reject(error);
      return;
    }
    for (const [i, { resolve }] of group.entries()) resolve(outcomes[i] ?? { ok: false, reason: 'conflict' });
  }

  /** True if any of these places is taken: by an event, or by the very same fork. */
  #conflicts(entries: readonly LogEntry[]): boolean {
    const events = entries.filter((entry) => entry.kind === 'event');
    const [first] = events;
    const last = events.at(-1);
    if (first && last) {
      const taken = this.#log.places(first.host, first.journal, { from: first.seq, to: last.seq });
      if (taken.length > 0) {
        const seqs = new Set(events.map(({ seq }) => seq));
        if (taken.some(({ seq }) => seqs.has(seq))) return true;
      }
    }
    return entries.some((entry) => entry.kind === 'fork' && this.#log.hasFork(entry));
  }

  async read(query: { after: number; limit: number; host?: HostName; events?: boolean }) {
    const limit = Math.max(1, Math.min(query.limit, readEntriesMax));
    return this.#ask('reading the log', () => this.#log.read({ ...query, limit }));
  }

  async readAt(positions: readonly number[]) {
    return this.#ask('reading the log', () => this.#log.readAt(positions));
  }

  async position() {
    return this.#ask('reading the log', () => this.#log.position());
  }

  async journalExtent(host: HostName, journal: JournalId) {
    return this.#ask('reading a journal', () => this.#log.extent(host, journal));
  }

  async journalPlaces(host: HostName, journal: JournalId, range: { from: number; to: number }) {
    return this.#ask('reading a journal', () => this.#log.places(host, journal, range));
  }

  async journalEvent(host: HostName, journal: JournalId, seq: number) {
    const entry = this.#ask('reading a journal', () => this.#log.event(host, journal, seq));
    return entry?.kind === 'event' ? entry : null;
  }

  async forksOf(host: HostName) {
    return this.#ask('reading a journal', () => this.#log.forks(host));
  }

  async lastOwn(kind: OwnEntry['kind']) {
    return this.#ask('reading the log', () => this.#log.lastOwn(kind));
  }

  async loadCheckpoint(): Promise<ViewCheckpoint | null> {
    return this.#ask('reading the checkpoint', () => {
      const position = this.#marks.get('checkpoint');
      return position === null ? null : { position: Number(position), hosts: this.#views.all() };
    });
  }

  async saveCheckpoint({ position, hosts }: ViewCheckpoint): Promise<void> {
    this.#requireOpen();
    this.#transaction('writing a checkpoint', () => {
      for (const [host, body] of hosts) this.#views.save(host, body);
      this.#marks.set('checkpoint', String(position));
    });
  }

  async loadRelease(): Promise<StoredRelease | null> {
    return this.#ask('reading the stored release', () => {
      const text = this.#marks.get('floors');
      if (text === null) return null;
      const floors = Floors.safeParse(parseJson(text));
      if (!floors.success) {
        // Never a reset: without its floors a control plane would take an old release for the newest.
        throw new ControlPlaneError('state-unreadable', `the stored floors: ${floors.error.message}`);
      }
      return { ...floors.data, files: this.#files.all() };
    });
  }

  async saveRelease({ trust, release, head, files }: StoredRelease): Promise<void> {
    this.#requireOpen();
    this.#transaction('storing the release', () => {
      this.#files.replace(files);
      this.#marks.set('floors', JSON.stringify({ trust, release, head }));
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#flushing;
    this.#database.close();
  }

  #requireOpen(): void {
    if (this.#isClosed) throw new ControlPlaneError('closed', 'the store is closed');
  }

  #ask<Value>(doing: string, query: () => Value): Value {
    this.#requireOpen();
    try {
      return query();
    } catch (error) {
      throw sqliteFault(error, doing);
    }
  }

  #transaction(doing: string, change: () => void): void {
    try {
      this.#database.exec('BEGIN IMMEDIATE');
      change();
      this.#database.exec('COMMIT');
    } catch (error) {
      // SQLite ends the transaction itself on some faults, a full disk among them.
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      throw sqliteFault(error, doing);
    }
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
