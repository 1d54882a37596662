import { JournalEvent } from '@nixfleet/contracts';
import type { CommandContext } from '../command-context.ts';
import type { ExitCode } from '../command-definition.ts';
import type { CommandValues } from '../command-values.ts';
import { openReader } from '../control-plane-reader.ts';
import { readEvents } from '../read-events.ts';
import { eventText } from '../render/event-line.ts';
import { findRollout } from '../rollout-argument.ts';

export async function run(context: CommandContext, values: CommandValues): Promise<ExitCode> {
  const reader = await openReader(context, values);
  const { terminal } = context;
  try {
    const { rolloutId } = await findRollout(reader, values);
    for await (const view of readEvents(reader)) {
      const event = readJournalEvent(view.event);
      if (event?.rolloutId !== rolloutId) continue;
      if (values.flag('json')) terminal.result(JSON.stringify(view));
      else terminal.result(`${event.at} ${event.host} ${eventText(event)}`);
    }
    return 0;
  } finally {
    reader.close();
  }
}

/** For reading only: nothing is verified here. */
function readJournalEvent(text: string): JournalEvent | null {
  try {
    const parsed = JournalEvent.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}
