import { HostName, type SignedEvent } from '@nixfleet/contracts';
import type { CommandContext } from '../command-context.ts';
import type { CommandValues } from '../command-values.ts';
import { type ControlPlaneReader, openReader } from '../control-plane-reader.ts';
import { parseTyped } from '../parse-typed.ts';
import { readEvents } from '../read-events.ts';

/** A host's journal as a control plane stored it, epoch by epoch and each in the order of its events. */
export async function fetchJournal(
  context: CommandContext,
  values: CommandValues,
  hostText: string,
): Promise<SignedEvent[]> {
  const host = parseTyped(HostName, hostText, '--from-control-plane');
  const reader = await openReader(context, values);
  try {
    return await journalFrom(reader, host);
  } finally {
    reader.close();
  }
}

/** As `fetchJournal`, of a control plane that is asked more. */
export async function journalFrom(reader: ControlPlaneReader, host: HostName): Promise<SignedEvent[]> {
  const epochs = new Map<string, { readonly seq: number; readonly signed: SignedEvent }[]>();
  for await (const { host: of, event, signature } of readEvents(reader, { host })) {
    if (of !== host) continue;
    const place = placeOf(event);
    const epoch = epochs.get(place.journal);
    const entry = { seq: place.seq, signed: { event, signature } };
    if (epoch) epoch.push(entry);
    else epochs.set(place.journal, [entry]);
  }
  // History may have been stored after what follows it: the control plane fills gaps backwards.
  return [...epochs.values()].flatMap((epoch) =>
    epoch.sort((left, right) => left.seq - right.seq).map(({ signed }) => signed),
  );
}

/** Only for ordering: the text is read strictly when it is verified. */
function placeOf(event: string): { readonly journal: string; readonly seq: number } {
  const journal = /"journal":"([0-9a-f]{32})"/.exec(event)?.[1] ?? '';
  return { journal, seq: Number(/"seq":(\d+)/.exec(event)?.[1] ?? 0) };
}
