import { type HostName, type JournalPosition, type Sha256Hex, undecided } from '@nixfleet/contracts';
import type { Deadline, Deadlines } from '../deadlines.ts';

/** What an agent has seen; its check-in is held while nothing here differs. */
export interface Seen {
  readonly head: Sha256Hex | null;
  readonly go: Sha256Hex | null;
  readonly trustVersion: number;
  /** How far its journal went. */
  readonly journal: JournalPosition;
}

/** `changed`: answer now, something may differ. `gone`: nobody is there any more. */
export type HoldEnd = 'changed' | 'timeout' | 'gone';

interface Hold {
  readonly host: HostName;
  readonly seen: Seen;
  readonly end: (how: HoldEnd) => void;
}

/** Check-ins that wait for something to tell. One a host, and one more that waits for a decision: a newer one of either ends the one before. */
export class HeldCheckins {
  readonly #deadlines: Deadlines;
  readonly #held = new Map<string, Hold>();
  #isStopped = false;

  constructor(deadlines: Deadlines) {
    this.#deadlines = deadlines;
  }

  get size(): number {
    return this.#held.size;
  }

  hold(host: HostName, seen: Seen, { waitMs, signal }: { waitMs: number; signal: AbortSignal }): Promise<HoldEnd> {
    if (this.#isStopped || signal.aborted) return Promise.resolve(signal.aborted ? 'gone' : 'changed');
    const place = seen.go === undecided ? `${host} decides` : host;
    this.#held.get(place)?.end('changed');
    return new Promise((resolve) => {
      let deadline: Deadline | null = null;
      const gone = (): void => end('gone');
      const hold: Hold = { host, seen, end: (how) => end(how) };
      const end = (how: HoldEnd): void => {
        if (deadline) this.#deadlines.cancel(deadline);
        signal.removeEventListener('abort', gone);
        if (this.#held.get(place) === hold) this.#held.delete(place);
        resolve(how);
      };
      deadline = this.#deadlines.add(waitMs, () => end('timeout'));
      signal.addEventListener('abort', gone, { once: true });
      this.#held.set(place, hold);
    });
  }

  /** Ends those to whom there is something to tell. */
  wake(hasNews: (host: HostName, seen: Seen) => boolean): void {
    for (const { host, seen, end } of this.#held.values()) if (hasNews(host, seen)) end('changed');
  }

  /** Answers everybody now, and holds nobody from now on. */
  stop(): void {
    this.#isStopped = true;
    this.wake(() => true);
  }
}
