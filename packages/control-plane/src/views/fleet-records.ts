import { type HostName, Instant, JournalEvent } from '@nixfleet/contracts';
import type { Rebuild } from '@nixfleet/engine';
import { z } from 'zod';
import { ControlPlaneError } from '../errors.ts';
import { readEntriesMax } from '../store/sqlite-store.ts';
import type { Store, StoredEntry } from '../store/store.ts';
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
  readonly #dirty = new Set<HostName>();
  #rebuild: Rebuild | null = null;
  #position = 0;
  /** First to last position of entries that were folded before others of the same commit. */
  readonly #early = new Map<number, number>();
  #checkpointAt = 0;
  #isNew = true;

  private constructor(store: Store) {
    this.#store = store;
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
    while (this.#position < end) {
      const entries = await this.#store.read({ after: this.#position, limit: readEntriesMax });
      if (entries.length === 0) throw new ControlPlaneError('state-unreadable', `the log ends before position ${end}`);
      for (const entry of entries) this.#fold(entry);
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
      case 'rebuild':
        break;
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

  /** Events that have just become durable, oldest first. */
  applyEvents(host: HostName, events: readonly PlacedEvent[]): void {
    let record = this.of(host);
    for (const event of events) {
      record = withEvent(record, event);
      this.#settle(event.position, 1);
    }
    this.#set(host, record);
  }

  applyFork(host: HostName, position: number): void {
    const record = this.of(host);
    this.#set(host, { ...record, forks: record.forks + 1 });
    this.#settle(position, 1);
  }

  /** The host's journal is complete here. True if that is new. */
  markReplayed(host: HostName): boolean {
    const record = this.of(host);
    if (record.isReplayed) return false;
    this.#set(host, { ...record, isReplayed: true });
    return true;
  }

  /** Records gos before they are handed out. Throws what the store throws; then nothing was recorded. */
  async recordGos(gos: ReadonlyMap<HostName, GoEntry>, at: Instant): Promise<void> {
    if (gos.size === 0) return;
    const entries = [...gos].map(([host, go]) => ({
      kind: 'go' as const,
      receivedAt: at,
      host,
      text: JSON.stringify(GoEntry.parse(go)),
    }));
    const outcome = await this.#store.append(entries);
    if (!outcome.ok) throw new ControlPlaneError('store-failed', 'a go could not be recorded');
    for (const [host, go] of gos) this.#set(host, withGo(this.of(host), { ...go, at }));
    this.#settle(outcome.position, entries.length);
  }

  /** Begins the wait after an empty start, for good: a restart goes on with it. */
  async beginRebuild(rebuild: Rebuild, at: Instant): Promise<void> {
    await this.#recordRebuild(JSON.stringify(rebuild), at);
    this.#rebuild = rebuild;
    this.#isNew = false;
  }

  async endRebuild(at: Instant): Promise<void> {
    await this.#recordRebuild(JSON.stringify({ ended: true }), at);
    this.#rebuild = null;
  }

  async #recordRebuild(text: string, receivedAt: Instant): Promise<void> {
    const outcome = await this.#store.append([{ kind: 'rebuild', receivedAt, host: null, text }]);
    if (outcome.ok) this.#settle(outcome.position, 1);
  }

  /** Writes a checkpoint if enough has happened since the last, or `isForced`. */
  async checkpoint(isForced = false): Promise<void> {
    const isDue = this.#position - this.#checkpointAt >= checkpointEntries;
    if (this.#dirty.size === 0 || !(isDue || isForced)) return;
    const hosts = new Map([...this.#dirty].map((host) => [host, recordToJson(this.of(host))]));
    const position = this.#position;
    await this.#store.saveCheckpoint({ position, hosts });
    this.#dirty.clear();
    this.#checkpointAt = position;
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
