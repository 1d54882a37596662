import { type Clock, woken } from '@nixfleet/contracts';

/** Width of one slot, in milliseconds: a deadline is met up to this much early, never late by more than a turn. */
const slotMs = 500;

/** One entry of `Deadlines`; kept by whoever wants to cancel it. */
export interface Deadline {
  readonly slot: number;
  readonly fire: () => void;
}

/**
 * Many deadlines on one sleeping task: a held check-in costs an entry in a set here, and no timer of its own.
 * Slots are half a second wide.
 */
export class Deadlines {
  readonly #clock: Clock;
  readonly #slots = new Map<number, Set<Deadline>>();
  #sleepingUntil: number | null = null;
  #nap = new AbortController();
  #isStopped = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(afterMs: number, fire: () => void): Deadline {
    const slot = Math.floor((this.#clock.monotonicMs() + afterMs) / slotMs);
    const deadline = { slot, fire };
    const entries = this.#slots.get(slot);
    if (entries) entries.add(deadline);
    else {
      this.#slots.set(slot, new Set([deadline]));
      this.#schedule();
    }
    return deadline;
  }

  cancel(deadline: Deadline): void {
    const entries = this.#slots.get(deadline.slot);
    entries?.delete(deadline);
    if (entries?.size === 0) this.#slots.delete(deadline.slot);
  }

  stop(): void {
    this.#isStopped = true;
    this.#slots.clear();
    this.#nap.abort(woken);
  }

  #schedule(): void {
    if (this.#isStopped || this.#slots.size === 0) return;
    const next = Math.min(...this.#slots.keys());
    if (this.#sleepingUntil !== null && this.#sleepingUntil <= next) return;
    this.#nap.abort(woken);
    this.#nap = new AbortController();
    this.#sleepingUntil = next;
    const nap = this.#nap.signal;
    this.#clock.sleep(next * slotMs - this.#clock.monotonicMs(), nap).then(
      () => {
        if (!nap.aborted) this.#fire();
      },
      () => {},
    );
  }

  #fire(): void {
    this.#sleepingUntil = null;
    const now = Math.floor(this.#clock.monotonicMs() / slotMs);
    for (const [slot, entries] of this.#slots) {
      if (slot > now) continue;
      this.#slots.delete(slot);
      for (const { fire } of entries) fire();
    }
    this.#schedule();
  }
}
