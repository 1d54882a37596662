import { EventsView, type EventView } from '@nixfleet/contracts';
import type { ControlPlaneReader } from './control-plane-reader.ts';

/** Most pages of one read: with full pages more events than a control plane keeps of a fleet in a year. */
const pagesMax = 20_000;

/** Events asked for at once; a control plane may send fewer. */
const pageEvents = 500;

/** The newest events, oldest of them first: at most `count` entries of the log are looked at. */
export async function* readLastEvents(reader: ControlPlaneReader, count: number): AsyncGenerator<EventView> {
  const { events, next } = await reader.view(EventsView, `/v1/events?last=${count}&limit=${pageEvents}`);
  yield* events;
  if (next !== null) yield* readEvents(reader, { after: next });
}

/** Events in the order in which the control plane stored them, page by page. */
export async function* readEvents(
  reader: ControlPlaneReader,
  { host, after: from = 0 }: { readonly host?: string; readonly after?: number } = {},
): AsyncGenerator<EventView> {
  let after = from;
  for (let page = 0; page < pagesMax; page++) {
    const query = new URLSearchParams({
      ...(host === undefined ? {} : { host }),
      after: String(after),
      limit: String(pageEvents),
    });
    const { events, next } = await reader.view(EventsView, `/v1/events?${query}`);
    yield* events;
    // A position that does not go up would have us ask for ever.
    if (next === null || next <= after) return;
    after = next;
  }
}
