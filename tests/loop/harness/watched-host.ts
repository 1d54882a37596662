import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type EventKind, type EventOf, JournalEvent, SignedEvent } from '@nixfleet/contracts';
import { until } from './until.ts';

/** An event of a journal, which is pruned at its beginning: counting from there would lead elsewhere a moment later. */
export type Mark = Pick<JournalEvent, 'journal' | 'seq'>;

/** A host whose journal a test reads from outside. */
export abstract class WatchedHost {
  abstract readonly name: string;
  /** The agent's, as this process sees it. */
  abstract get stateDirectory(): string;
  /** What its agent said last, for a failing test. */
  abstract get log(): string;

  /** What lies in its journal, oldest first; a last line that is not whole is left out. */
  signedJournal(): SignedEvent[] {
    const lines = readJournal(this.stateDirectory).split('\n').slice(0, -1);
    return lines.map((line) => SignedEvent.parse(JSON.parse(line)));
  }

  journal(): JournalEvent[] {
    return this.signedJournal().map(({ event }) => JournalEvent.parse(JSON.parse(event)));
  }

  /** A place in the journal, from which `since` reads on. Null: its beginning. */
  get mark(): Mark | null {
    const last = this.journal().at(-1);
    return last ? { journal: last.journal, seq: last.seq } : null;
  }

  /** What was journalled after `mark`; everything, where what was there then was pruned since or put aside. */
  since(mark: Mark | null): JournalEvent[] {
    const events = this.journal();
    const isBefore = ({ journal, seq }: Mark): boolean => mark !== null && journal === mark.journal && seq <= mark.seq;
    return events.slice(events.findLastIndex(isBefore) + 1);
  }

  kinds(mark: Mark | null = null): EventKind[] {
    return this.since(mark).map(({ kind }) => kind);
  }

  /** Waits for an event after `mark`, and returns it. */
  async until<Kind extends EventKind>(
    kind: Kind,
    options: { mark?: Mark | null; seconds?: number; where?: (event: EventOf<Kind>) => boolean } = {},
  ): Promise<EventOf<Kind>> {
    const { mark = null, seconds, where = () => true } = options;
    const isIt = (event: JournalEvent): event is EventOf<Kind> => event.kind === kind && where(event as EventOf<Kind>);
    return until(`${kind} in the journal of ${this.name}`, () => this.since(mark).find(isIt), {
      ...(seconds === undefined ? {} : { seconds }),
      explain: () => `${this.kinds(mark).join(' ')}\n${this.log}`,
    });
  }
}

function readJournal(stateDirectory: string): string {
  try {
    return readFileSync(join(stateDirectory, 'journal/journal.jsonl'), 'utf8');
  } catch {
    return '';
  }
}
