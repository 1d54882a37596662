import { EventBatch, type EventReceipt, type HostName, parseMessage, type RolloutId } from '@nixfleet/contracts';
import type { EventIntake } from '../intake/event-intake.ts';
import type { Log } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import type { PlannerLoop } from '../planner/planner-loop.ts';
import type { ReleaseIntake } from '../release/release-intake.ts';
import type { FleetRecords } from '../views/fleet-records.ts';
import type { Presence } from '../views/presence.ts';
import type { EventFeed } from './event-feed.ts';
import { type ApiRequest, type ApiResponse, errorResponse, jsonResponse } from './message.ts';
import type { TokenBuckets } from './token-buckets.ts';

export interface EventsDeps {
  readonly intake: ReleaseIntake;
  readonly events: EventIntake;
  readonly records: FleetRecords;
  readonly presence: Presence;
  readonly planner: PlannerLoop;
  readonly feed: EventFeed;
  readonly metrics: Metrics;
  readonly log: Log;
  /** Tokens are events. */
  readonly eventRate: TokenBuckets;
  /** Tokens are bytes of request bodies. */
  readonly eventBytesRate: TokenBuckets;
}

/** A host's own events, and nobody else's: the sender is the TLS key, and every event names and is signed by it. */
export async function postEvents(deps: EventsDeps, host: HostName, request: ApiRequest): Promise<ApiResponse> {
  const parsed = parseMessage(EventBatch, request.body);
  if (!parsed.ok) return errorResponse('malformed', parsed.detail);
  const { intake, events, records, presence, planner, feed, metrics, log } = deps;
  const isWithinRate =
    deps.eventRate.take(host, parsed.value.events.length) && deps.eventBytesRate.take(host, request.body.length);
  if (!isWithinRate) {
    return errorResponse('rate-limited', 'too many events: send the rest later', { retryAfterSeconds: 10 });
  }
  const tree = intake.current;
  const keys = tree?.fleet.hostKeys(host) ?? [];
  const isCurrent = (rolloutId: RolloutId): boolean => tree?.manifests.has(rolloutId) ?? true;
  const result = await events.take({ host, keys, isCurrent }, parsed.value, intake.now());
  if (result.ok) {
    metrics.eventsStored.inc(result.appended);
    const claimed = presence.claimed(host);
    const { journal } = records.of(host);
    if (claimed && journal?.journal === claimed.journal && journal.seq >= claimed.seq) records.markReplayed(host);
    if (result.appended > 0) {
      planner.changed();
      feed.notify();
    }
    const receipt: EventReceipt = { stored: result.stored };
    return jsonResponse(JSON.stringify(receipt));
  }
  metrics.batchesRefused.inc({ reason: result.reason });
  if (result.reason === 'gap') {
    const { replayFrom } = result;
    return errorResponse('gap', `expected events from ${replayFrom.seq} on`, { replayFrom });
  }
  log.warn({ host, reason: result.reason, detail: result.detail }, 'events refused');
  return errorResponse(result.reason, result.detail);
}
