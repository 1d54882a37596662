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

/** Most entries that one `read` returns. */
export const readEntriesMax = 10_000;

/** Under which leadership a decision was made, where several control planes share a store. */
export interface DecisionTerm {
  readonly epoch: number;
}

export type AppendOutcome =
  | { readonly ok: true /** Position of the last entry appended. */; readonly position: number }
  /** An event at this place of this journal is stored already: nothing was appended. */
  | { readonly ok: false; readonly reason: 'conflict' }
  /** Another control plane leads since: nothing was appended. */
  | { readonly ok: false; readonly reason: 'fenced' };

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

/** A newer head is genuine and names a brake that could not be had: until that head or a newer one is in force, nothing may start. */
export interface MissingBrake {
  /** When the head runs out that names it. */
  readonly until: Instant;
  /** That head's version. */
  readonly head: number;
}

/** The newest verified release and the floors under which nothing is accepted again. */
export interface StoredRelease {
  readonly trust: Floor;
  readonly release: Floor | null;
  readonly head: HeadFloor | null;
  /** Null: every brake that is known of could be had. */
  readonly missingBrake: MissingBrake | null;
  /** Path inside `releases/` to bytes. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /**
   * Number of the newest save that is known, 0 before the first: what others saved since is not overwritten unread. Always 0
   * where nobody shares the store.
   */
  readonly change: number;
}

/** One document of evidence as its host sent it: text and signatures untouched. */
export interface EvidenceEntry extends EvidencePlace {
  readonly host: HostName;
  readonly sha256: Sha256Hex;
  readonly receivedAt: Instant;
  readonly evidence: string;
  readonly sig: string;
  readonly sshsig: string;
}

/** Where it stands among those of its host. */
export interface EvidencePlace {
  readonly collectedAt: Instant;
  readonly chain: JournalId;
  readonly sequence: number;
}

export interface EvidenceQuery {
  readonly host: HostName;
  /** Collected from `from` on and before `to`. */
  readonly from: Instant;
  readonly to: Instant;
  /** Those after this one, whatever the order; null: all. */
  readonly after: EvidencePlace | null;
  readonly limit: number;
  /** Which come first. */
  readonly order: 'oldest' | 'newest';
}

/** What of a host is dropped when it sends more: collected before `keepFrom`, and the oldest beyond `hostBytesMax`, compressed. */
export interface EvidenceRetention {
  readonly keepFrom: Instant;
  readonly hostBytesMax: number;
}

/** `known`: the same is there. `conflict`: another one has its place, and stays. */
export type PutEvidence = 'stored' | 'known' | 'conflict';

/** What one control plane knows of all that share its store. */
export interface SharedStanding {
  /** Position of the last entry of the log. */
  readonly position: number;
  /** Grows by one with every change of leader. 0: nobody has led yet. */
  readonly epoch: number;
  /** The member that leads; null: it left, or nobody has led yet. */
  readonly leader: MemberId | null;
  readonly members: readonly MemberStanding[];
  /** Grows with each release that is stored; `writer` stored the newest. */
  readonly release: { readonly change: number; readonly writer: MemberId | null };
}

export interface MemberStanding {
  readonly id: MemberId;
  /** Grows while it is alive: whoever does not see it grow for long enough, by his own clock, takes it for gone. */
  readonly beat: number;
  /** Grows with each report of its contacts. */
  readonly version: number;
}

/** One running control plane: random, and new at every start. */
export type MemberId = string;

/** What several control planes on one store tell each other. No clock of any machine is compared with another's. */
export interface SharedState {
  readonly member: MemberId;
  /** This member is alive; with `contacts`, who is in contact with it, and the number of that report. */
  beat(contacts: { readonly version: number; readonly text: string } | null): Promise<void>;
  standing(): Promise<SharedStanding>;
  /** Their newest reports; those of members that are gone are left out. */
  contactsOf(members: readonly MemberId[]): Promise<ReadonlyMap<MemberId, string>>;
  /**
   * Leads from now on, if leadership is still as it was seen: the epoch, and the leader's last beat where it has one. Null
   * if it is not. From then on no decision of an earlier epoch is appended.
   */
  claim(
    seen: Pick<SharedStanding, 'epoch' | 'leader'> & { readonly beat: number | null },
  ): Promise<DecisionTerm | null>;
  /** Takes away a member that was seen with this beat last, unless it came back. */
  remove(member: MemberId, beat: number): Promise<void>;
  /** Gone on purpose: whoever is left need not wait. */
  leave(): Promise<void>;
  /**
   * Calls back when another member may have changed something: late, twice or never, for it is a hint. Resolves after
   * `signal`, and when it can hear no more. Throws nothing.
   */
  listen(onHint: () => void, signal: AbortSignal): Promise<void>;
}

/**
 * The durable state: one append-only log, checkpoints of its folds, and the newest release. Each method is one whole
 * transaction. Faults throw `ControlPlaneError` (`disk-full`, `store-failed`, `state-unreadable`) and leave nothing behind.
 */
export interface Store extends AsyncDisposable {
  /** Where other control planes may use the same store at the same time; absent where none can. */
  readonly shared?: SharedState;
  /**
   * All or nothing, in order; durable once it resolves. Concurrent appends may share a commit. With a term: only if
   * leadership is still that one, checked in the transaction itself.
   */
  append(entries: readonly LogEntry[], term?: DecisionTerm | null): Promise<AppendOutcome>;
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
  /** Replaces the rows of the given hosts and the position; other hosts' rows stay. False: a later one stands there already. */
  saveCheckpoint(checkpoint: ViewCheckpoint): Promise<boolean>;
  putEvidence(entry: EvidenceEntry, retention: EvidenceRetention): Promise<PutEvidence>;
  /** At most `limit`, in the order that is asked. */
  readEvidence(query: EvidenceQuery): Promise<readonly EvidenceEntry[]>;
  loadRelease(): Promise<StoredRelease | null>;
  /**
   * Replaces everything stored of a release; the save has the number after `change`. `overtaken`: what another control plane
   * stored is newer, or contradicts it. `behind`: another one saved since, so that it has to be read first.
   */
  saveRelease(release: StoredRelease): Promise<'saved' | 'overtaken' | 'behind'>;
}
