import { fileSystem } from '@nixfleet/agent';
import { type HostState, JournalEvent, type JournalPosition, SignedEvent, sha256Hex } from '@nixfleet/contracts';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import { applyEvent, initialHostState } from '@nixfleet/engine';
import { CliError } from '../cli-error.ts';

/** Largest journal an agent keeps, in bytes. */
const journalBytesMax = 64 * 1024 * 1024;

export interface JournalState {
  readonly state: HostState;
  readonly position: JournalPosition | null;
  readonly lastEventAt: string | null;
}

/** The agent's own journal, folded as the agent folds it. A last line that is still being written is left out. */
export async function readAgentJournal(stateDirectory: string): Promise<JournalState> {
  const path = `${stateDirectory}/journal/journal.jsonl`;
  const bytes = await fileSystem.read(path, journalBytesMax);
  let state = initialHostState;
  let last: { readonly event: JournalEvent; readonly text: string } | null = null;
  const text = new TextDecoder().decode(bytes ?? new Uint8Array());
  const lines = text.slice(0, text.lastIndexOf('\n') + 1).split('\n');
  for (const [i, line] of lines.entries()) {
    if (line === '') continue;
    const event = parseLine(line);
    if (!event) throw new CliError('failed', `${path}: line ${i + 1}: not an event`, 'see the log of the agent');
    state = applyEvent(state, event.event);
    last = event;
  }
  if (!last) return { state, position: null, lastEventAt: null };
  const { journal, seq, at } = last.event;
  const sha256 = await sha256Hex(nodeCrypto, new TextEncoder().encode(last.text));
  return { state, position: { journal, seq, sha256 }, lastEventAt: at };
}

function parseLine(line: string): { readonly event: JournalEvent; readonly text: string } | null {
  try {
    const { event: text } = SignedEvent.parse(JSON.parse(line));
    return { event: JournalEvent.parse(JSON.parse(text)), text };
  } catch {
    return null;
  }
}
