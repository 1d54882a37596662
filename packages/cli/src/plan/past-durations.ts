import { JournalEvent } from '@nixfleet/contracts';
import { type MeasuredSwitches, measureSwitches, nothingMeasured } from '@nixfleet/engine';
import type { ControlPlaneReader } from '../control-plane-reader.ts';
import { readLastEvents } from '../read-events.ts';
import { readJournalFile } from '../verification/journal-lines.ts';

/** Newest events of a control plane that are read: some weeks of a fleet of 200. */
const eventsReadMax = 20_000;

/** How long switches took lately, and who told. Hosts sign what they say; it is not checked, since only a forecast rests on it. */
export interface PastDurations {
  readonly from: 'control-plane' | 'journal' | 'default';
  readonly measured: MeasuredSwitches;
}

export async function pastDurations(
  reader: ControlPlaneReader | null,
  journals: readonly string[],
): Promise<PastDurations> {
  if (journals.length > 0) {
    const events: JournalEvent[] = [];
    for (const path of journals) for (const { event } of await readJournalFile(path)) events.push(...eventIn(event));
    return told('journal', events);
  }
  if (!reader) return { from: 'default', measured: nothingMeasured };
  const events: JournalEvent[] = [];
  for await (const { event } of readLastEvents(reader, eventsReadMax)) events.push(...eventIn(event));
  return told('control-plane', events);
}

function told(from: 'control-plane' | 'journal', events: readonly JournalEvent[]): PastDurations {
  const measured = measureSwitches(events);
  return measured.hosts.size === 0 ? { from: 'default', measured } : { from, measured };
}

/** Kinds of events that this version does not know say nothing of durations. */
function eventIn(text: string): JournalEvent[] {
  try {
    const parsed = JournalEvent.safeParse(JSON.parse(text));
    return parsed.success ? [parsed.data] : [];
  } catch {
    return [];
  }
}
