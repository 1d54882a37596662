import type { HostName, JournalPosition, Sha256Hex } from '@nixfleet/contracts';
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
  readonly seen: Seen;
  readonly end: (how: HoldEnd) => void;
}

/** Check-ins that wait for something to tell. One a host: a newer one ends the one before. */
export class HeldCheckins {
  readonly #deadlines: Deadlines;
  readonly #held = new Map<HostName, Hold>();
  #isStopped = false;

  constructor(deadlines: Deadlines) {
    this.#deadlines = deadlines;
  }

  get size(): number {
    return this.#held.size;
  }

  hold(host: HostName, seen: Seen, { waitMs, signal }: { waitMs: number; signal: AbortSignal }): Promise<HoldEnd> {
    if (this.#isStopped || signal.aborted) return Promise.resolve(signal.aborted ? 'gone' : 'changed');
    this.#held.get(host)?.end('changed');
    return new Promise((resolve) => {
      let deadline: Deadline | null = null;
      const gone = (): void => end('gone');
      const hold: Hold = { seen, end: (how) => end(how) };
      const end = (how: HoldEnd): void => {
        if (deadline) this.#deadlines.cancel(deadline);
        signal.removeEventListener('abort', gone);
        if (this.#held.get(host) === hold) this.#held.delete(host);
        resolve(how);
      };
      deadline = this.#deadlines.add(waitMs, () => end('timeout'));
      signal.addEventListener('abort', gone, { once: true });
      this.#held.set(host, hold);
    });
  }

  /** Ends those to whom there is something to tell. */
  wake(hasNews: (host: HostName, seen: Seen) => boolean): void {
    for (const [host, { seen, end }] of this.#held) if (hasNews(host, seen)) end('changed');
  }

  /** Answers everybody now, and holds nobody from now on. */
  stop(): void {
    this.#isStopped = true;
    this.wake(() => true);
  }
}
