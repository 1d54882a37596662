import { HostState, Instant, type JournalEvent, JournalPosition, RolloutId, type Sha256Hex } from '@nixfleet/contracts';
import { foldEvent, givesUp, type HostFold } from '@nixfleet/engine';
import { z } from 'zod';

/** Receipts kept per host: those of the newest rollouts it converged on. */
export const receiptsPerHostMax = 32;

export interface IssuedGo {
  readonly rolloutId: RolloutId;
  readonly wave: number;
  readonly attempt: number;
  readonly reboot?: true;
  readonly at: Instant;
}

/** All that the log says of one host, folded. */
export interface HostRecord {
  readonly fold: HostFold | null;
  /** Last stored event of the journal that the host writes now; null before a first event. */
  readonly journal: JournalPosition | null;
  readonly agentVersion: string | null;
  readonly lastEventAt: Instant | null;
  /** Position in the log of its `converged` event of each rollout. */
  readonly receipts: ReadonlyMap<RolloutId, number>;
  /** The newest go recorded for it. */
  readonly lastGo: IssuedGo | null;
  /** The same while its journal does not show what became of it. */
  readonly issued: IssuedGo | null;
  /** Its journal was complete here at least once. */
  readonly isReplayed: boolean;
  readonly forks: number;
  /** It writes to a journal that it had left: restored from an image, or two machines with one key. */
  readonly hasSecondWriter: boolean;
}

export const emptyRecord: HostRecord = {
  fold: null,
  journal: null,
  agentVersion: null,
  lastEventAt: null,
  receipts: new Map(),
  lastGo: null,
  issued: null,
  isReplayed: false,
  forks: 0,
  hasSecondWriter: false,
};

/** Kinds that a journal, or our part of one, may begin with: each tells the whole state. */
export function isJournalStart(event: JournalEvent): boolean {
  return event.seq === 1 || event.kind === 'checkpoint' || event.kind === 'journal-started';
}

export interface PlacedEvent {
  readonly event: JournalEvent;
  readonly sha256: Sha256Hex;
  readonly position: number;
  readonly receivedAt: Instant;
}

/**
 * The record after one more event of the log. An event that neither continues the current journal nor begins a new one
 * (older history that was backfilled, or a second writer) changes no state.
 */
export function withEvent(record: HostRecord, { event, sha256, position, receivedAt }: PlacedEvent): HostRecord {
  const { journal } = record;
  const isNext = journal !== null && event.journal === journal.journal && event.seq > journal.seq;
  const isNew = (journal === null || event.journal !== journal.journal) && isJournalStart(event);
  const receipts =
    event.kind === 'converged' ? withReceipt(record.receipts, event.body.target.rolloutId, position) : record.receipts;
  if (!isNext && !isNew) {
    const isForeign = journal !== null && event.journal !== journal.journal;
    return { ...record, receipts, hasSecondWriter: record.hasSecondWriter || isForeign };
  }
  const { issued } = record;
  return {
    ...record,
    fold: foldEvent(record.fold, event),
    journal: { journal: event.journal, seq: event.seq, sha256 },
    agentVersion: 'agentVersion' in event.body ? event.body.agentVersion : record.agentVersion,
    lastEventAt: receivedAt,
    receipts,
    issued: issued !== null && tellsOf(event, issued) ? null : issued,
  };
}

/** The event shows what became of a go: it is about the same rollout and attempt, or gives up what was permitted. */
function tellsOf(event: JournalEvent, go: IssuedGo): boolean {
  if (givesUp(event)) return true;
  if (!('target' in event.body)) return false;
  const { target } = event.body;
  return target.rolloutId === go.rolloutId && target.attempt >= go.attempt;
}

function withReceipt(receipts: HostRecord['receipts'], rolloutId: RolloutId, position: number): HostRecord['receipts'] {
  const changed = new Map(receipts);
  changed.delete(rolloutId);
  changed.set(rolloutId, position);
  for (const oldest of changed.keys()) {
    if (changed.size <= receiptsPerHostMax) break;
    changed.delete(oldest);
  }
  return changed;
}

/** Text of a go in the control plane's own log. */
export const GoEntry = z.object({
  rolloutId: RolloutId,
  wave: z.int().min(0),
  attempt: z.int().min(1),
  reboot: z.literal(true).exactOptional(),
});
export type GoEntry = z.infer<typeof GoEntry>;

export function withGo(record: HostRecord, go: IssuedGo): HostRecord {
  return { ...record, lastGo: go, issued: go };
}

const Go = z.object({ ...GoEntry.shape, at: Instant });
const Outcome = z.object({ started: z.boolean(), converged: z.boolean(), failed: z.boolean() });
const StoredRecord = z.object({
  version: z.literal(1),
  fold: z.object({ state: HostState, outcomes: z.array(z.tuple([RolloutId, Outcome])) }).nullable(),
  journal: JournalPosition.nullable(),
  agentVersion: z.string().nullable(),
  lastEventAt: Instant.nullable(),
  receipts: z.array(z.tuple([RolloutId, z.int()])),
  lastGo: Go.nullable(),
  issued: Go.nullable(),
  isReplayed: z.boolean(),
  forks: z.int(),
  hasSecondWriter: z.boolean(),
});

export function recordToJson(record: HostRecord): string {
  const { fold, receipts } = record;
  const stored: z.input<typeof StoredRecord> = {
    version: 1,
    ...record,
    fold: fold && { state: fold.state, outcomes: [...fold.outcomes] },
    receipts: [...receipts],
  };
  return JSON.stringify(stored);
}

/** Null for what another version of this program wrote: the log is folded again instead. */
export function recordFromJson(text: string): HostRecord | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  const parsed = StoredRecord.safeParse(value);
  if (!parsed.success) return null;
  const { version: _, ...record } = parsed.data;
  return {
    ...record,
    fold: record.fold && { state: record.fold.state, outcomes: new Map(record.fold.outcomes) },
    receipts: new Map(record.receipts),
  };
}
