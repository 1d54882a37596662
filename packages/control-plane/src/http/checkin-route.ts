import {
  type CheckinRequest,
  type HostName,
  type JournalPosition,
  undecided,
  type Withheld,
  waitSecondsMax,
} from '@nixfleet/contracts';
import type { Cluster } from '../cluster/cluster.ts';
import { knowledgeOf, notKnown } from '../planner/knowledge.ts';
import type { PlannerLoop } from '../planner/planner-loop.ts';
import type { ReleaseIntake } from '../release/release-intake.ts';
import type { Store } from '../store/store.ts';
import type { FleetRecords } from '../views/fleet-records.ts';
import type { Presence } from '../views/presence.ts';
import type { CheckinBodies } from './checkin-bodies.ts';
import type { HeldCheckins, HoldEnd, Seen } from './held-checkins.ts';
import { type ApiRequest, type ApiResponse, errorResponse, jsonResponse } from './message.ts';

/** How long an event that a host has written may be on its way beside the check-in that tells of it, in milliseconds. */
const deliveryMsMax = 2000;
/** Reasons sent with a reply that has no go. */
const withheldMax = 16;

export interface CheckinDeps {
  readonly intake: ReleaseIntake;
  readonly planner: PlannerLoop;
  readonly records: FleetRecords;
  readonly presence: Presence;
  readonly held: HeldCheckins;
  readonly bodies: CheckinBodies;
  readonly store: Store;
  /** Where several control planes share the store. */
  readonly cluster?: Pick<Cluster, 'isCurrent'>;
}

type Asked = Pick<CheckinRequest, 'journal' | 'seen'>;

type ReplayFrom = { readonly journal: JournalPosition['journal']; readonly seq: number };

/** Parse, compare, hold: whatever a reply says was decided by the planner before. */
export async function checkin(deps: CheckinDeps, host: HostName, request: ApiRequest): Promise<ApiResponse> {
  const parsed = deps.bodies.parse(host, request.body);
  if (!parsed.ok) return errorResponse('malformed', parsed.detail);
  const { presence, intake } = deps;
  const asked = parsed.value;
  presence.noteCheckin(host, asked);
  const seen: Seen = { ...asked.seen, journal: asked.journal, trustVersion: trustVersionOf(intake) };
  const { signal } = request;
  const waitMs = waitOf(request.headers.prefer) * 1000;
  let replayFrom = await missingFrom(deps, host, asked.journal);
  let how: HoldEnd = 'timeout';
  let deliveryMs = 0;
  if (replayFrom !== null && deps.records.of(host).journal?.journal === asked.journal.journal) {
    deliveryMs = Math.min(waitMs, deliveryMsMax);
    how = await hold(deps, host, { seen, waitMs: deliveryMs, signal });
    replayFrom = await missingFrom(deps, host, asked.journal);
  }
  // `changed`: there is news, or a newer one has come.
  if (how === 'timeout' && replayFrom === null) {
    how = await hold(deps, host, { seen, waitMs: waitMs - deliveryMs, signal });
  }
  if (how === 'timeout' && replayFrom === null) replayFrom = await leftBehind(deps, host, asked.journal);
  if (how === 'gone') return errorResponse('not-ready', 'the client is gone');
  return reply(deps, host, { asked, replayFrom });
}

/** Waits for something to tell, which may be there already. */
async function hold(
  deps: CheckinDeps,
  host: HostName,
  { seen, waitMs, signal }: { readonly seen: Seen; readonly waitMs: number; readonly signal: AbortSignal },
): Promise<HoldEnd> {
  const { presence, planner, held } = deps;
  if (waitMs === 0 || hasNews(deps, host, seen)) return 'changed';
  presence.hold(host);
  try {
    return await held.hold(host, seen, { waitMs, signal });
  } finally {
    presence.release(host);
    // It goes offline some time after this, unless it comes back.
    planner.wakeWithin(presence.offlineAfterMs + 1);
  }
}

/** Whether a reply would differ from what the agent has seen. */
export function hasNews(
  { intake, planner }: Pick<CheckinDeps, 'intake' | 'planner'>,
  host: HostName,
  seen: Seen,
): boolean {
  const { published } = planner;
  const head = intake.current?.head.sha256 ?? null;
  if (seen.head !== head || seen.trustVersion !== trustVersionOf(intake)) return true;
  const goId = published?.hosts.get(host)?.go?.goId ?? null;
  const knowledge = knowledgeOf(published, host, seen.journal);
  if (knowledge === 'all') return seen.go !== goId;
  // What was allowed before can be taken back at any time.
  const isAllowed = knowledge === 'part' && goId !== null;
  return !isAllowed && seen.go !== null && seen.go !== undecided;
}

/** What is allowed is said once this one knows all that any control plane had stored when it was asked, or not at all. */
function reply(
  deps: CheckinDeps,
  host: HostName,
  answer: { readonly asked: Asked; readonly replayFrom: ReplayFrom | null },
): ApiResponse | Promise<ApiResponse> {
  const { cluster, planner } = deps;
  if (!cluster || !planner.published?.hosts.get(host)?.go) return replyNow(deps, host, { ...answer, isCurrent: true });
  return cluster.isCurrent().then((isCurrent) => replyNow(deps, host, { ...answer, isCurrent }));
}

const behind: readonly Withheld[] = [
  { code: 'no-go', reason: 'nothing can be allowed now: what the other control planes have stored could not be read' },
];

function replyNow(
  { intake, planner, presence }: CheckinDeps,
  host: HostName,
  {
    asked: { journal, seen },
    replayFrom,
    isCurrent,
  }: { readonly asked: Asked; readonly replayFrom: ReplayFrom | null; readonly isCurrent: boolean },
): ApiResponse {
  const published = planner.published?.hosts.get(host);
  const knowledge = knowledgeOf(planner.published, host, journal);
  const go = isCurrent && knowledge === 'all' ? (published?.go ?? null) : null;
  // What its last events change is decided in a moment; what is not allowed any more is so now.
  const isOpen = isCurrent && knowledge === 'part' && published?.go;
  const goId = isOpen ? seen.go : (go?.goId ?? null);
  const head = intake.current?.head.sha256 ?? null;
  const decided: readonly Withheld[] = published ? published.decision.withheld : [{ code: 'no-release' }];
  const withheld = !isCurrent ? behind : published?.go && !go ? [...decided, notKnown] : decided;
  let text = `{"head":${JSON.stringify(head)},"trustVersion":${trustVersionOf(intake)},"goId":${JSON.stringify(goId)}`;
  if (go && go.goId !== seen.go) {
    text += `,"go":${go.json}`;
    presence.noteTold(host);
  }
  if (replayFrom) text += `,"replayFrom":${JSON.stringify(replayFrom)}`;
  if (!go && withheld.length > 0) text += `,"withheld":${JSON.stringify(withheld.slice(0, withheldMax))}`;
  return jsonResponse(`${text}}`);
}

function trustVersionOf(intake: ReleaseIntake): number {
  return intake.trust.document.version;
}

/**
 * The first place of the host's journal that is not stored here; null if nothing is missing. A journal that ends before
 * what is stored is an old check-in that was overtaken, not a loss. A promise only for a journal that is not the newest.
 */
function missingFrom(
  { records, store, planner }: CheckinDeps,
  host: HostName,
  claimed: JournalPosition,
): ReplayFrom | null | Promise<ReplayFrom | null> {
  const { journal, seq } = claimed;
  const { journal: stored, forks } = records.of(host);
  const replayed = (): null => {
    if (records.markReplayed(host)) planner.changed();
    return null;
  };
  if (stored === null || stored.journal !== journal) {
    if (seq === 0) return replayed();
    return store.journalExtent(host, journal).then((extent) => {
      const last = extent?.last.seq ?? 0;
      return seq > last ? { journal, seq: last + 1 } : replayed();
    });
  }
  if (seq > stored.seq) return { journal, seq: stored.seq + 1 };
  // The same place with another hash: asked for once, so that the fork is kept as evidence.
  if (seq === stored.seq && claimed.sha256 !== stored.sha256) return forks === 0 ? { journal, seq } : null;
  return replayed();
}

/**
 * For a host that has gone on all the while in a journal which another one has followed here, as a clone or an old disk put back
 * makes one: nothing that it writes there moves its state. Asked for what it cannot have, it begins a new one.
 */
async function leftBehind(
  { records, store }: CheckinDeps,
  host: HostName,
  { journal, seq }: JournalPosition,
): Promise<ReplayFrom | null> {
  const newest = records.of(host).journal?.journal;
  if (newest === undefined || newest === journal || seq === 0) return null;
  const extent = await store.journalExtent(host, journal);
  return extent !== null && extent.last.seq >= seq ? { journal, seq: extent.last.seq + 2 } : null;
}

/** `Prefer: wait=N` in seconds (RFC 7240 §4.3), bounded; 0 without it. */
function waitOf(prefer: string | undefined): number {
  const seconds = /(?:^|[,;\s])wait=(\d{1,9})(?:$|[,;\s])/.exec(prefer ?? '')?.[1];
  return Math.min(Number(seconds ?? 0), waitSecondsMax);
}
