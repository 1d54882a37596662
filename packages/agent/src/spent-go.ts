import type { JournalPosition } from '@nixfleet/contracts';

/** Where in the journal the last switch ended: what was permitted before was for that one (decision 0026). */
export class SpentGo {
  #at: JournalPosition | null = null;

  endedAt(position: JournalPosition): void {
    this.#at = position;
  }

  /** Whether an answer to a question that was asked at `askedAt` was meant for the switch that has ended. */
  wasFor(askedAt: JournalPosition, current: JournalPosition): boolean {
    if (this.#at === null) return false;
    return askedAt.journal === this.#at.journal ? askedAt.seq < this.#at.seq : askedAt.journal !== current.journal;
  }
}
