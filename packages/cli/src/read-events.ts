import { EventsView, type EventView } from '@nixfleet/contracts';
import type { ControlPlaneReader } from './control-plane-reader.ts';

/** Most pages of one read: with full pages more events than a control plane keeps of a fleet in a year. */
const pagesMax = 20_000;

/** Events asked for at once; a control plane may send fewer. */
const pageEvents = 500;

/** Events in the order in which the control plane stored them, page by page. */
export async function* readEvents(
  reader: ControlPlaneReader,
  filter: { readonly host?: string } = {},
): AsyncGenerator<EventView> {
  let after = 0;
  for (let page = 0; page < pagesMax; page++) {
    const query = new URLSearchParams({ ...filter, after: String(after), limit: String(pageEvents) });
    const { events, next } = await reader.view(EventsView, `/v1/events?${query}`);
    yield* events;
    // A position that does not go up would have us ask for ever.
    if (next === null || next <= after) return;
    after = next;
  }
}
