import {
  type EventBatch,
  type HostName,
  type Instant,
  isSignedBy,
  type JournalId,
  type JournalPosition,
  type PublicKey,
  type RolloutId,
  readEvent,
  type VerifiedEvent,
  type VerifyContext,
  verifyEvents,
} from '@nixfleet/contracts';
import { ControlPlaneError } from '../errors.ts';
import type { EventEntry, ForkEntry, JournalExtent, Store } from '../store/store.ts';
import type { FleetRecords } from '../views/fleet-records.ts';
import { isJournalStart } from '../views/host-record.ts';

/** Forks kept per host; further ones are refused all the same, and counted nowhere. */
export const forksPerHostMax = 16;
/** Batches of one host that may wait for each other. */
export const batchesWaitingMax = 4;

export type IntakeResult =
  /** Everything up to `stored` is durable; `appended` of it were new. */
  | { readonly ok: true; readonly stored: JournalPosition; readonly appended: number }
  | { readonly ok: false; readonly reason: 'gap'; readonly replayFrom: { journal: JournalId; seq: number } }
  | { readonly ok: false; readonly reason: 'fork' | 'bad-event' | 'overloaded'; readonly detail: string };

export interface EventSender {
  readonly host: HostName;
  /** Declared keys, any of which may have signed. */
  readonly keys: readonly PublicKey[];
  /** Whether the newest release names this rollout, so that its `converged` events are handed on as receipts. */
  readonly isCurrent: (rolloutId: RolloutId) => boolean;
}

/**
 * Takes batches of host-signed events into the log. The chain of a batch and the signature of its last event are
 * checked, which authenticates all of it; `converged` events of current rollouts are checked one by one, since they are
 * handed on to other hosts as receipts (those of earlier ones are not, and are most of a replayed journal). What is
 * stored is never changed: a second event for a stored place is a fork.
 */
export class EventIntake {
  readonly #store: Store;
  readonly #records: FleetRecords;
  readonly #ctx: VerifyContext;
  readonly #busy = new Map<HostName, { readonly last: Promise<unknown>; readonly waiting: number }>();

  constructor({ store, records, ctx }: { store: Store; records: FleetRecords; ctx: VerifyContext }) {
    this.#store = store;
    this.#records = records;
    this.#ctx = ctx;
  }

  /** One batch of a host at a time. Throws what the store throws: then nothing of the batch was stored. */
  async take(sender: EventSender, batch: EventBatch, now: Instant): Promise<IntakeResult> {
    const before = this.#busy.get(sender.host);
    if (before && before.waiting >= batchesWaitingMax) {
      return { ok: false, reason: 'overloaded', detail: 'earlier batches of this host are still being stored' };
    }
    const turn = (before?.last ?? Promise.resolve()).then(() => this.#takeNow(sender, batch, now));
    const entry = { last: turn.catch(() => {}), waiting: (before?.waiting ?? 0) + 1 };
    this.#busy.set(sender.host, entry);
    try {
      return await turn;
    } finally {
      const newest = this.#busy.get(sender.host);
      if (newest === entry) this.#busy.delete(sender.host);
      else if (newest) this.#busy.set(sender.host, { ...newest, waiting: newest.waiting - 1 });
    }
  }

  async #takeNow(sender: EventSender, batch: EventBatch, now: Instant): Promise<IntakeResult> {
    const { host } = sender;
    // From the place that the batch itself claims: its last signature covers it.
    const verified = await verifyEvents(this.#ctx, { ...sender, ...batch, after: 'claimed', signatures: 'last' });
    if (!verified.ok) return { ok: false, reason: 'bad-event', detail: `${verified.detail} (${verified.reason})` };
    const { events } = verified.value;
    const first = events[0]?.event;
    if (!first) return { ok: false, reason: 'bad-event', detail: 'expected at least one event' };
    const extent = await this.#store.journalExtent(host, batch.journal);
    const nextSeq = extent ? extent.last.seq + 1 : 1;
    if (first.seq > nextSeq && first.kind !== 'checkpoint') return gap(batch.journal, nextSeq);
    if (!extent && !isJournalStart(first)) return gap(batch.journal, 1);
    for (const event of events.slice(0, -1)) {
      if (event.event.kind !== 'converged' || !sender.isCurrent(event.event.body.target.rolloutId)) continue;
      if (await isSignedBy(this.#ctx, sender.keys, { event: event.text, signature: event.signature })) continue;
      return { ok: false, reason: 'bad-event', detail: `event ${event.event.seq}: not signed by a key of ${host}` };
    }
    return this.#place(host, { events, extent, prevSha256: first.prevSha256, now });
  }

  /** Where verified events belong: after what is stored, before it, on top of it, or against it. */
  async #place(host: HostName, { events, extent, prevSha256, now }: PlacedBatch): Promise<IntakeResult> {
    const [first] = events;
    const last = events.at(-1);
    if (!first || !last) return { ok: false, reason: 'bad-event', detail: 'expected at least one event' };
    const { journal } = first.event;
    // With the places on either side: what is put into a hole of the journal must fit both.
    const before = first.event.seq - 1;
    const after = last.event.seq + 1;
    const places = extent ? await this.#store.journalPlaces(host, journal, { from: before, to: after }) : [];
    const stored = new Map(places.map((place) => [place.seq, place.sha256]));
    if (extent && places.length === 0 && before < extent.last.seq) return gap(journal, extent.last.seq + 1);
    if (stored.has(before) && stored.get(before) !== prevSha256) return this.#fork(host, first, now);
    if (
      stored.has(after) &&
      !stored.has(last.event.seq) &&
      (await this.#prevOf(host, journal, after)) !== last.sha256
    ) {
      return this.#fork(host, last, now);
    }
    const other = events.find(({ event, sha256 }) => stored.has(event.seq) && stored.get(event.seq) !== sha256);
    if (other) return this.#fork(host, other, now);
    const fresh = events.filter(({ event }) => !stored.has(event.seq));
    if (fresh.length > 0) await this.#append(host, fresh, now);
    const tail =
      extent && extent.last.seq > last.event.seq ? extent.last : { seq: last.event.seq, sha256: last.sha256 };
    return { ok: true, stored: { journal, ...tail }, appended: fresh.length };
  }

  async #append(host: HostName, events: readonly VerifiedEvent[], now: Instant): Promise<void> {
    const outcome = await this.#store.append(events.map((event) => entryOf(host, event, now)));
    // Batches of a host take turns, so only another control plane on the same store can have come first.
    if (!outcome.ok) throw new ControlPlaneError('store-failed', `events of ${host} were stored meanwhile: send again`);
    const first = outcome.position - events.length + 1;
    await this.#records.applyEvents(
      host,
      events.map(({ event, sha256 }, i) => ({ event, sha256, position: first + i, receivedAt: now })),
    );
  }

  async #fork(host: HostName, event: VerifiedEvent, now: Instant): Promise<IntakeResult> {
    const { seq, journal } = event.event;
    if ((await this.#store.forksOf(host)) < forksPerHostMax) {
      const entry: ForkEntry = { ...entryOf(host, event, now), kind: 'fork' };
      const outcome = await this.#store.append([entry]);
      if (outcome.ok) await this.#records.applyFork(host, outcome.position);
    }
    const detail = `event ${seq} of journal ${journal} is stored with other content: both are kept`;
    return { ok: false, reason: 'fork', detail };
  }

  /** The hash that a stored event claims for the one before it. */
  async #prevOf(host: HostName, journal: JournalId, seq: number): Promise<string | null> {
    const stored = await this.#store.journalEvent(host, journal, seq);
    if (!stored) return null;
    const read = await readEvent(this.#ctx, { event: stored.text, signature: stored.signature });
    return read.ok ? read.value.event.prevSha256 : null;
  }
}

interface PlacedBatch {
  readonly events: readonly VerifiedEvent[];
  readonly extent: JournalExtent | null;
  readonly prevSha256: string;
  readonly now: Instant;
}

function gap(journal: JournalId, seq: number): IntakeResult {
  return { ok: false, reason: 'gap', replayFrom: { journal, seq } };
}

function entryOf(host: HostName, { event, sha256, text, signature }: VerifiedEvent, receivedAt: Instant): EventEntry {
  const { journal, seq } = event;
  return { kind: 'event', receivedAt, host, journal, seq, sha256, text, signature };
}
