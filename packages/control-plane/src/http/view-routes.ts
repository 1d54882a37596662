import { bodyBytesMax, type EventsView, type EventView, HostName, type RolloutsView } from '@nixfleet/contracts';
import type { Store } from '../store/store.ts';
import { fleetView, hostView, rolloutView, type ViewSources, whyView } from '../views/render-views.ts';
import { type EventFeed, eventViewOf } from './event-feed.ts';
import { type ApiRequest, type ApiResponse, errorResponse, jsonResponse } from './message.ts';

/** Most events of one page. */
const pageEventsMax = 500;
/** Room kept for the frame of a page, in bytes. */
const frameBytes = 4096;
/** Streams open at once. */
export const streamsMax = 64;

export interface ViewDeps {
  readonly sources: () => ViewSources;
  readonly store: Store;
  readonly feed: EventFeed;
  /** Aborts when the control plane stops. */
  readonly stopping: AbortSignal;
}

export function getFleet({ sources }: ViewDeps): ApiResponse {
  return jsonResponse(JSON.stringify(fleetView(sources())));
}

export function getHost({ sources }: ViewDeps, name: string): ApiResponse {
  return found(hostView(sources(), name), `host ${name}`);
}

export function getWhy({ sources }: ViewDeps, name: string): ApiResponse {
  return found(whyView(sources(), name), `host ${name}`);
}

export function getRollouts({ sources }: ViewDeps): ApiResponse {
  const view: RolloutsView = { rollouts: [...(sources().published?.plan.rollouts ?? [])] };
  return jsonResponse(JSON.stringify(view));
}

export function getRollout({ sources }: ViewDeps, id: string): ApiResponse {
  return found(rolloutView(sources(), id), `rollout ${id}`);
}

function found(view: unknown, what: string): ApiResponse {
  return view === null ? errorResponse('not-found', `there is no ${what}`) : jsonResponse(JSON.stringify(view));
}

/**
 * `?after=<position>&limit=<n>&host=<name>`, or `last=<n>` instead of `after`: from so many entries before the end of the
 * log on; a stream with `Accept: text/event-stream`, resumed by `Last-Event-ID`.
 */
export async function getEvents(deps: ViewDeps, queryText: string, request: ApiRequest): Promise<ApiResponse> {
  const query = new URLSearchParams(queryText);
  const isStream = request.headers.accept?.includes('text/event-stream') ?? false;
  const resumed = isStream ? request.headers['last-event-id'] : undefined;
  const last = wholeNumber(query.get('last') ?? '0');
  const from = query.has('last') && last !== null ? String(Math.max(0, (await deps.store.position()) - last)) : '0';
  const after = last === null ? null : wholeNumber(resumed ?? query.get('after') ?? from);
  const limit = wholeNumber(query.get('limit') ?? '100');
  const name = query.get('host');
  const host = name === null ? undefined : HostName.safeParse(name).data;
  if (after === null || limit === null || limit === 0 || (name !== null && host === undefined)) {
    return errorResponse('malformed', 'expected after, last and limit to be whole numbers, and host to be a name');
  }
  if (isStream) return stream(deps, { after, host, signal: request.signal });
  const filter = { after, limit: Math.min(limit, pageEventsMax), events: true, ...(host && { host }) };
  const entries = await deps.store.read(filter);
  const events: EventView[] = [];
  let bytes = frameBytes;
  for (const entry of entries) {
    const view = eventViewOf(entry);
    if (!view) continue;
    bytes += Buffer.byteLength(JSON.stringify(view)) + 1;
    // One event always goes out, or a reader would never come past a large one.
    if (events.length > 0 && bytes > bodyBytesMax) break;
    events.push(view);
  }
  const isMore = events.length < entries.length || entries.length === filter.limit;
  const view: EventsView = { events, next: isMore ? (events.at(-1)?.position ?? null) : null };
  return jsonResponse(JSON.stringify(view));
}

function stream(
  { feed, stopping }: ViewDeps,
  {
    after,
    host,
    signal,
  }: { readonly after: number; readonly host: HostName | undefined; readonly signal: AbortSignal },
): ApiResponse {
  if (feed.streams >= streamsMax) {
    return errorResponse('rate-limited', `${streamsMax} streams are open already`, { retryAfterSeconds: 30 });
  }
  return {
    status: 200,
    headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-store' },
    body: feed.stream({ after, ...(host && { host }), signal: AbortSignal.any([signal, stopping]) }),
  };
}

function wholeNumber(text: string): number | null {
  return /^\d{1,15}$/.test(text) ? Number(text) : null;
}
