import type { JournalPosition } from '@nixfleet/contracts';
import type { HostInput } from '@nixfleet/engine';

/** An input that waits for room in the journal: a permission of now is none by then. */
export function outdated(input: HostInput): HostInput {
  if (input.type !== 'rechecked' || input.intent === null) return input;
  return { ...input, intent: { ...input.intent, hasGo: false, mayReboot: false } };
}

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
