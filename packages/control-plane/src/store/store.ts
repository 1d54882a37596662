import type { Floor, HeadFloor, HostName, Instant, JournalId, Sha256Hex } from '@nixfleet/contracts';

/** A host's signed event, as received. Contiguous and authenticated by intake before it comes here. */
export interface EventEntry {
  readonly kind: 'event';
  readonly receivedAt: Instant;
  readonly host: HostName;
  readonly journal: JournalId;
  readonly seq: number;
  readonly sha256: Sha256Hex;
  /** Canonical text, untouched. */
  readonly text: string;
  /** Base64 of the raw signature. */
  readonly signature: string;
}

/** A second event that the same host signed for the same place of the same journal: evidence, never folded. */
export interface ForkEntry extends Omit<EventEntry, 'kind'> {
  readonly kind: 'fork';
}

/** What this control plane itself did, as JSON. `host` is null where it is about the whole fleet. */
export interface OwnEntry {
  readonly kind: 'go' | 'rebuild';
  readonly receivedAt: Instant;
  readonly host: HostName | null;
  readonly text: string;
}

export type LogEntry = EventEntry | ForkEntry | OwnEntry;
/** Positions grow by one in commit order, from 1. */
export type StoredEntry = LogEntry & { readonly position: number };

export type AppendOutcome =
  | { readonly ok: true /** Position of the last entry appended. */; readonly position: number }
  /** An event at this place of this journal is stored already: nothing was appended. */
  | { readonly ok: false; readonly reason: 'conflict' };

/** One stored place of a journal. */
export interface JournalPlace {
  readonly seq: number;
  readonly sha256: Sha256Hex;
}

/** What is known of a journal: from where on it is stored, and its last event. */
export interface JournalExtent {
  readonly first: JournalPlace;
  readonly last: JournalPlace;
}

/** Folded views up to a position of the log, one JSON text a host. */
export interface ViewCheckpoint {
  readonly position: number;
  readonly hosts: ReadonlyMap<HostName, string>;
}

/** The newest verified release and the floors under which nothing is accepted again. */
export interface StoredRelease {
  readonly trust: Floor;
  readonly release: Floor | null;
  readonly head: HeadFloor | null;
  /** Path inside `releases/` to bytes. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/**
 * The durable state: one append-only log, checkpoints of its folds, and the newest release. Each method is one whole
 * transaction. Faults throw `ControlPlaneError` (`disk-full`, `store-failed`, `state-unreadable`) and leave nothing behind.
 */
export interface Store extends AsyncDisposable {
  /** All or nothing, in order; durable once it resolves. Concurrent appends may share a commit. */
  append(entries: readonly LogEntry[]): Promise<AppendOutcome>;
  /** Entries after a position, oldest first; at most `limit` (1 to 10,000). `events` leaves out all other kinds. */
  read(query: {
    readonly after: number;
    readonly limit: number;
    readonly host?: HostName;
    readonly events?: boolean;
  }): Promise<readonly StoredEntry[]>;
  /** Entries at these positions, in the order of the positions; those that do not exist are left out. */
  readAt(positions: readonly number[]): Promise<readonly StoredEntry[]>;
  /** Position of the last entry; 0 for an empty log. */
  position(): Promise<number>;
  journalExtent(host: HostName, journal: JournalId): Promise<JournalExtent | null>;
  /** Stored places of a journal from `from` to `to`, both included. */
  journalPlaces(
    host: HostName,
    journal: JournalId,
    range: { from: number; to: number },
  ): Promise<readonly JournalPlace[]>;
  journalEvent(host: HostName, journal: JournalId, seq: number): Promise<EventEntry | null>;
  forksOf(host: HostName): Promise<number>;
  /** Text of the newest entry of a kind of our own; null without one. */
  lastOwn(kind: OwnEntry['kind']): Promise<string | null>;
  /** Null before the first. */
  loadCheckpoint(): Promise<ViewCheckpoint | null>;
  /** Replaces the rows of the given hosts and the position; other hosts' rows stay. */
  saveCheckpoint(checkpoint: ViewCheckpoint): Promise<void>;
  loadRelease(): Promise<StoredRelease | null>;
  /** Replaces everything stored of a release. */
  saveRelease(release: StoredRelease): Promise<void>;
}
