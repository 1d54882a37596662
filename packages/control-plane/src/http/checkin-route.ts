import { type HostName, type JournalPosition, type Withheld, waitSecondsMax } from '@nixfleet/contracts';
import type { Cluster } from '../cluster/cluster.ts';
import type { PlannerLoop } from '../planner/planner-loop.ts';
import type { ReleaseIntake } from '../release/release-intake.ts';
import type { Store } from '../store/store.ts';
import type { FleetRecords } from '../views/fleet-records.ts';
import type { Presence } from '../views/presence.ts';
import type { CheckinBodies } from './checkin-bodies.ts';
import type { HeldCheckins, Seen } from './held-checkins.ts';
import { type ApiRequest, type ApiResponse, errorResponse, jsonResponse } from './message.ts';

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

type ReplayFrom = { readonly journal: JournalPosition['journal']; readonly seq: number };

/** Parse, compare, hold: whatever a reply says was decided by the planner before. */
export async function checkin(deps: CheckinDeps, host: HostName, request: ApiRequest): Promise<ApiResponse> {
  const parsed = deps.bodies.parse(host, request.body);
  if (!parsed.ok) return errorResponse('malformed', parsed.detail);
  const { presence, planner, held, intake } = deps;
  presence.noteCheckin(host, parsed.value);
  const missing = missingFrom(deps, host, parsed.value.journal);
  const replayFrom = missing instanceof Promise ? await missing : missing;
  const seen = parsed.value.seen;
  const waitMs = waitOf(request.headers.prefer) * 1000;
  if (waitMs === 0 || replayFrom !== null || hasNews(deps, host, { ...seen, trustVersion: trustVersionOf(intake) })) {
    return reply(deps, host, { go: seen.go, replayFrom });
  }
  presence.hold(host);
  try {
    const trustVersion = trustVersionOf(intake);
    const how = await held.hold(host, { ...seen, trustVersion }, { waitMs, signal: request.signal });
    if (how === 'gone') return errorResponse('not-ready', 'the client is gone');
  } finally {
    presence.release(host);
    // It goes offline some time after this, unless it comes back.
    planner.wakeWithin(presence.offlineAfterMs + 1);
  }
  return reply(deps, host, { go: seen.go, replayFrom: null });
}

/** Whether a reply would differ from what the agent has seen. */
export function hasNews(
  { intake, planner }: Pick<CheckinDeps, 'intake' | 'planner'>,
  host: HostName,
  seen: Seen,
): boolean {
  const goId = planner.published?.hosts.get(host)?.go?.goId ?? null;
  const head = intake.current?.head.sha256 ?? null;
  return seen.head !== head || seen.go !== goId || seen.trustVersion !== trustVersionOf(intake);
}

/** What is allowed is said once this one knows all that any control plane had stored when it was asked, or not at all. */
function reply(
  deps: CheckinDeps,
  host: HostName,
  answer: { readonly go: string | null; readonly replayFrom: ReplayFrom | null },
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
    go: seenGo,
    replayFrom,
    isCurrent,
  }: { readonly go: string | null; readonly replayFrom: ReplayFrom | null; readonly isCurrent: boolean },
): ApiResponse {
  const published = planner.published?.hosts.get(host);
  const go = isCurrent ? (published?.go ?? null) : null;
  const head = intake.current?.head.sha256 ?? null;
  const decided: readonly Withheld[] = published ? published.decision.withheld : [{ code: 'no-release' }];
  const withheld = isCurrent ? decided : behind;
  let text = `{"head":${JSON.stringify(head)},"trustVersion":${trustVersionOf(intake)},"goId":${JSON.stringify(go?.goId ?? null)}`;
  if (go && go.goId !== seenGo) {
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

/** `Prefer: wait=N` in seconds (RFC 7240 §4.3), bounded; 0 without it. */
function waitOf(prefer: string | undefined): number {
  const seconds = /(?:^|[,;\s])wait=(\d{1,9})(?:$|[,;\s])/.exec(prefer ?? '')?.[1];
  return Math.min(Number(seconds ?? 0), waitSecondsMax);
}
