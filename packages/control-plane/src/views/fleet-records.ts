import { type HostName, Instant, JournalEvent } from '@nixfleet/contracts';
import type { Rebuild } from '@nixfleet/engine';
import { z } from 'zod';
import { ControlPlaneError } from '../errors.ts';
import { type DecisionTerm, readEntriesMax, type Store, type StoredEntry } from '../store/store.ts';
import {
  emptyRecord,
  GoEntry,
  type HostRecord,
  type PlacedEvent,
  recordFromJson,
  recordToJson,
  withEvent,
  withGo,
} from './host-record.ts';

/** Entries of the log after which the folds are written down, so that a restart reads few. */
export const checkpointEntries = 5000;

/** Text of a `rebuild` entry: the wait began, or everybody was heard. */
const RebuildEntry = z.union([
  z.object({ until: Instant, releaseVersion: z.int().min(1) }),
  z.object({ ended: z.literal(true) }),
]);

/** The folds of the log, in memory: one record a host. Everything here can be had again from the log alone. */
export class FleetRecords {
  readonly #store: Store;
  readonly #records = new Map<HostName, HostRecord>();
  #dirty = new Set<HostName>();
  #rebuild: Rebuild | null = null;
  #position = 0;
  /** First to last position of entries that were folded before others of the same commit. */
  readonly #early = new Map<number, number>();
  #checkpointAt = 0;
  #isNew = true;
  readonly #isShared: boolean;
  #following: Promise<void> | null = null;

  private constructor(store: Store) {
    this.#store = store;
    this.#isShared = store.shared !== undefined;
  }

  /** From the newest checkpoint and the log after it. */
  static async load(store: Store): Promise<FleetRecords> {
    const records = new FleetRecords(store);
    const end = await store.position();
    await records.#restore(end);
    return records;
  }

  async #restore(end: number): Promise<void> {
    const checkpoint = await this.#store.loadCheckpoint();
    const isWhole = checkpoint !== null && checkpoint.position <= end && this.#takeCheckpoint(checkpoint.hosts);
    if (!isWhole) this.#records.clear();
    this.#position = isWhole ? checkpoint.position : 0;
    this.#checkpointAt = this.#position;
    // What concerns the whole fleet is in no host's checkpoint: a handful of entries, found by their kind.
    await this.#restoreRebuild();
    while (this.#position < end) await this.#readOn(end);
  }

  /**
   * Folds what others have appended, up to `position` at least. Only where the store is shared: there everything is folded in
   * the order of the log, since a host may tell one control plane this and another one that.
   */
  async follow(position: number): Promise<void> {
    while (this.#position < position) {
      this.#following ??= this.#readOn(position).finally(() => {
        this.#following = null;
      });
      await this.#following;
    }
  }

  async #readOn(end: number): Promise<void> {
    const entries = await this.#store.read({ after: this.#position, limit: readEntriesMax });
    if (entries.length === 0) throw new ControlPlaneError('state-unreadable', `the log ends before position ${end}`);
    for (const entry of entries) {
      // What was appended here meanwhile is folded already.
      if (entry.position <= this.#position) continue;
      if (this.#isShared && entry.position !== this.#position + 1) {
        throw new ControlPlaneError('state-unreadable', `the log has no entry at position ${this.#position + 1}`);
      }
      this.#fold(entry);
    }
  }

  #takeCheckpoint(hosts: ReadonlyMap<HostName, string>): boolean {
    for (const [host, text] of hosts) {
      const record = recordFromJson(text);
      if (!record) return false;
      this.#records.set(host, record);
    }
    return true;
  }

  async #restoreRebuild(): Promise<void> {
    const text = await this.#store.lastOwn('rebuild');
    this.#isNew = text === null;
    this.#rebuild = text === null ? null : rebuildOf(text);
  }

  #fold(entry: StoredEntry): void {
    const { position, receivedAt, kind, host } = entry;
    this.#position = position;
    if (kind === 'rebuild') {
      this.#isNew = false;
      this.#rebuild = rebuildOf(entry.text);
      return;
    }
    if (host === null) return;
    const record = this.of(host);
    switch (kind) {
      case 'event':
        this.#set(
          host,
          withEvent(record, { event: storedEvent(entry.text), sha256: entry.sha256, position, receivedAt }),
        );
        break;
      case 'fork':
        this.#set(host, { ...record, forks: record.forks + 1 });
        break;
      case 'go': {
        const go = GoEntry.safeParse(JSON.parse(entry.text));
        if (!go.success) throw new ControlPlaneError('state-unreadable', `a go in the log: ${go.error.message}`);
        this.#set(host, withGo(record, { ...go.data, at: receivedAt }));
        break;
      }
    }
  }

  /** True until a first `rebuild` entry: every log begins with one, because an empty log is a lost one until proven. */
  get isNew(): boolean {
    return this.#isNew;
  }

  get rebuild(): Rebuild | null {
    return this.#rebuild;
  }

  /** Every entry up to here is folded. */
  get position(): number {
    return this.#position;
  }

  of(host: HostName): HostRecord {
    return this.#records.get(host) ?? emptyRecord;
  }

  /** Events that have just become durable, oldest first. A promise only where others may have appended before them. */
  applyEvents(host: HostName, events: readonly PlacedEvent[]): void | Promise<void> {
    const last = events.at(-1)?.position;
    if (last === undefined) return;
    return this.#apply(last, events.length, () => {
      this.#set(host, events.reduce(withEvent, this.of(host)));
    });
  }

  applyFork(host: HostName, position: number): void | Promise<void> {
    return this.#apply(position, 1, () => {
      const record = this.of(host);
      this.#set(host, { ...record, forks: record.forks + 1 });
    });
  }

  /** The host's journal is complete here. True if that is new. */
  markReplayed(host: HostName): boolean {
    const record = this.of(host);
    if (record.isReplayed) return false;
    this.#set(host, { ...record, isReplayed: true });
    return true;
  }

  /**
   * Records gos before they are handed out. Throws what the store throws; then nothing was recorded. False: another control
   * plane decides since, and nothing was recorded either.
   */
  async recordGos(
    gos: ReadonlyMap<HostName, GoEntry>,
    at: Instant,
    term: DecisionTerm | null = null,
  ): Promise<boolean> {
    if (gos.size === 0) return true;
    const entries = [...gos].map(([host, go]) => ({
      kind: 'go' as const,
      receivedAt: at,
      host,
      text: JSON.stringify(GoEntry.parse(go)),
    }));
    const outcome = await this.#store.append(entries, term);
    if (!outcome.ok) {
      if (outcome.reason === 'fenced') return false;
      throw new ControlPlaneError('store-failed', 'a go could not be recorded');
    }
    await this.#apply(outcome.position, entries.length, () => {
      for (const [host, go] of gos) this.#set(host, withGo(this.of(host), { ...go, at }));
    });
    return true;
  }

  /** Begins the wait after an empty start, for good: a restart goes on with it. */
  async beginRebuild(rebuild: Rebuild, at: Instant, term: DecisionTerm | null = null): Promise<void> {
    await this.#recordRebuild(JSON.stringify(rebuild), at, term);
  }

  async endRebuild(at: Instant, term: DecisionTerm | null = null): Promise<void> {
    await this.#recordRebuild(JSON.stringify({ ended: true }), at, term);
  }

  async #recordRebuild(text: string, receivedAt: Instant, term: DecisionTerm | null): Promise<void> {
    const outcome = await this.#store.append([{ kind: 'rebuild', receivedAt, host: null, text }], term);
    if (!outcome.ok) return;
    await this.#apply(outcome.position, 1, () => {
      this.#isNew = false;
      this.#rebuild = rebuildOf(text);
    });
  }

  /** Writes a checkpoint if enough has happened since the last, or `isForced`. */
  async checkpoint(isForced = false): Promise<void> {
    const isDue = this.#position - this.#checkpointAt >= checkpointEntries;
    if (this.#dirty.size === 0 || !(isDue || isForced)) return;
    const dirty = this.#dirty;
    const hosts = new Map([...dirty].map((host) => [host, recordToJson(this.of(host))]));
    const position = this.#position;
    // What changes while it is written is for the next one.
    this.#dirty = new Set();
    let isWritten = false;
    try {
      // Not where a later one of another control plane stands: that one has all that was dirty here, but is not ours to count on.
      isWritten = await this.#store.saveCheckpoint({ position, hosts });
    } finally {
      if (isWritten) this.#checkpointAt = position;
      else this.#dirty = new Set([...dirty, ...this.#dirty]);
    }
  }

  /** `count` entries up to `last` have just been appended here; `fold` is what they change. */
  #apply(last: number, count: number, fold: () => void): void | Promise<void> {
    if (!this.#isShared) {
      fold();
      this.#settle(last, count);
      return;
    }
    if (last - count !== this.#position) return this.follow(last);
    fold();
    this.#position = last;
  }

  /** `count` entries up to `last` are folded. The position moves over what is folded without a hole. */
  #settle(last: number, count: number): void {
    this.#early.set(last - count + 1, last);
    for (let next = this.#early.get(this.#position + 1); next !== undefined; ) {
      this.#early.delete(this.#position + 1);
      this.#position = next;
      next = this.#early.get(this.#position + 1);
    }
  }

  #set(host: HostName, record: HostRecord): void {
    this.#records.set(host, record);
    this.#dirty.add(host);
  }
}

function rebuildOf(text: string): Rebuild | null {
  const entry = RebuildEntry.safeParse(JSON.parse(text));
  if (!entry.success) throw new ControlPlaneError('state-unreadable', `a rebuild in the log: ${entry.error.message}`);
  return 'ended' in entry.data ? null : entry.data;
}

/** Verified when it was stored; parsed again so that a changed file is noticed, not believed. */
function storedEvent(text: string): JournalEvent {
  const event = JournalEvent.safeParse(JSON.parse(text));
  if (!event.success) throw new ControlPlaneError('state-unreadable', `an event in the log: ${event.error.message}`);
  return event.data;
}
