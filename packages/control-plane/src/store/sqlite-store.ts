import { DatabaseSync } from 'node:sqlite';
import type { HostName, JournalId } from '@nixfleet/contracts';
import { ControlPlaneError } from '../errors.ts';
import { EvidenceTable } from './evidence-table.ts';
import { floorsOfText, floorsToText } from './floors-row.ts';
import { GroupCommit, type WantedAppend } from './group-commit.ts';
import { HostViewTable } from './host-view-table.ts';
import { LogTable } from './log-table.ts';
import { MarkTable } from './mark-table.ts';
import { ReleaseFileTable } from './release-file-table.ts';
import { sqliteFault } from './sqlite-fault.ts';
import { migrate } from './sqlite-migrations.ts';
import {
  type AppendOutcome,
  type DecisionTerm,
  type EvidenceEntry,
  type EvidenceQuery,
  type EvidenceRetention,
  type LogEntry,
  type OwnEntry,
  type PutEvidence,
  readEntriesMax,
  type Store,
  type StoredRelease,
  type ViewCheckpoint,
} from './store.ts';

export interface SqliteStoreOptions {
  /** File name, or `:memory:`. */
  readonly path: string;
  /** Resolves when the appends that are ready now have been asked for: they share one commit. */
  readonly nextTurn: () => Promise<void>;
  /** Largest database, in bytes (write-ahead log aside); past it appends fail with `disk-full`. Default: no limit. */
  readonly bytesMax?: number;
}

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
  readonly #appends: GroupCommit;
  readonly #log: LogTable;
  readonly #views: HostViewTable;
  readonly #marks: MarkTable;
  readonly #files: ReleaseFileTable;
  readonly #evidence: EvidenceTable;
  #isClosed = false;

  constructor(database: DatabaseSync, options: SqliteStoreOptions) {
    this.#database = database;
    this.#appends = new GroupCommit(options.nextTurn, (group) => this.#commit(group));
    this.#log = new LogTable(database);
    this.#views = new HostViewTable(database);
    this.#marks = new MarkTable(database);
    this.#files = new ReleaseFileTable(database);
    this.#evidence = new EvidenceTable(database);
  }

  async append(entries: readonly LogEntry[], term: DecisionTerm | null = null): Promise<AppendOutcome> {
    this.#requireOpen();
    return this.#appends.append(entries, term);
  }

  /** One transaction for the group. A conflicting append is left out by itself; a fault fails all of them. */
  #commit(group: readonly WantedAppend[]): readonly AppendOutcome[] {
    const outcomes: AppendOutcome[] = [];
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
    return outcomes;
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

  async saveCheckpoint({ position, hosts }: ViewCheckpoint): Promise<boolean> {
    this.#requireOpen();
    this.#transaction('writing a checkpoint', () => {
      for (const [host, body] of hosts) this.#views.save(host, body);
      this.#marks.set('checkpoint', String(position));
    });
    return true;
  }

  async putEvidence(entry: EvidenceEntry, retention: EvidenceRetention): Promise<PutEvidence> {
    this.#requireOpen();
    let outcome: PutEvidence = 'known';
    this.#transaction('storing evidence', () => {
      outcome = this.#evidence.put(entry, retention);
    });
    return outcome;
  }

  async readEvidence(query: EvidenceQuery): Promise<readonly EvidenceEntry[]> {
    return this.#ask('reading evidence', () => this.#evidence.read(query));
  }

  async loadRelease(): Promise<StoredRelease | null> {
    return this.#ask('reading the stored release', () => {
      const text = this.#marks.get('floors');
      if (text === null) return null;
      return { ...floorsOfText(text), files: this.#files.all(), change: 0 };
    });
  }

  async saveRelease({ files, change: _, ...floors }: StoredRelease): Promise<'saved'> {
    this.#requireOpen();
    this.#transaction('storing the release', () => {
      this.#files.replace(files);
      this.#marks.set('floors', floorsToText(floors));
    });
    return 'saved';
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#appends.idle();
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
