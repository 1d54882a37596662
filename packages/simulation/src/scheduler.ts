import { takeTurns } from './turn-clock.ts';

/** Something that will happen at an instant of virtual time. */
export interface Appointment {
  atMs: number;
  readonly order: number;
  /** A program's own, which time that is skipped puts off. */
  readonly isTimer: boolean;
  run: (() => void) | null;
}

/**
 * Virtual time: the only thing in a run that decides what happens next. Each appointment gets a turn of the event loop of
 * its own, after which every promise that can move has moved; only then does time go on.
 */
export class Scheduler {
  readonly #heap: Appointment[] = [];
  #nowMs = 0;
  #order = 0;
  #done = 0;
  /** Folded from every appointment kept: equal runs have equal ones. */
  #fingerprint = 0;

  get nowMs(): number {
    return this.#nowMs;
  }

  /** Appointments that were kept. */
  get done(): number {
    return this.#done;
  }

  get fingerprint(): number {
    return this.#fingerprint >>> 0;
  }

  after(ms: number, run: () => void, isTimer = false): Appointment {
    const appointment = { atMs: this.#nowMs + Math.max(0, ms), order: this.#order++, isTimer, run };
    this.#push(appointment);
    return appointment;
  }

  /** It stays in the heap, and nothing happens when its time comes. */
  cancel(appointment: Appointment): void {
    appointment.run = null;
  }

  /** When the next thing happens that is no timer of a program; infinite where there is none. */
  nextOfWorldMs(): number {
    let nextMs = Number.POSITIVE_INFINITY;
    for (const { atMs, isTimer, run } of this.#heap) if (!isTimer && run !== null && atMs < nextMs) nextMs = atMs;
    return nextMs;
  }

  /** Time passes in which no program runs: every timer is late by it. Throws where anything else is due before. */
  suspend(ms: number): void {
    const toMs = this.#nowMs + ms;
    if (this.nextOfWorldMs() < toMs) throw new RangeError(`something happens before ${toMs} ms`);
    this.#nowMs = toMs;
    this.#fingerprint = Math.imul(this.#fingerprint ^ ms, 0x01000193);
    for (const appointment of this.#heap.splice(0)) {
      if (appointment.run === null) continue;
      if (appointment.isTimer) appointment.atMs += ms;
      this.#push(appointment);
    }
  }

  /** Lets time pass up to `untilMs`. Rejects with what an appointment throws. */
  runUntil(untilMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      takeTurns(() => {
        try {
          const next = this.#next(untilMs);
          if (next) {
            this.#keep(next);
            return 'more';
          }
          this.#nowMs = untilMs;
          resolve();
        } catch (error) {
          reject(error);
        }
        return 'done';
      });
    });
  }

  #keep(appointment: Appointment): void {
    this.#nowMs = appointment.atMs;
    this.#done++;
    this.#fingerprint = Math.imul(this.#fingerprint ^ appointment.order, 0x01000193) ^ Math.floor(appointment.atMs);
    appointment.run?.();
  }

  /** The earliest one that was not cancelled, if it is due. */
  #next(untilMs: number): Appointment | null {
    for (let first = this.#heap[0]; first; first = this.#heap[0]) {
      if (first.run !== null && first.atMs > untilMs) return null;
      this.#pop();
      if (first.run !== null) return first;
    }
    return null;
  }

  #push(item: Appointment): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(item);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent] as Appointment;
      if (!isBefore(item, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = item;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as Appointment;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      const right = heap[child + 1];
      if (right && isBefore(right, heap[child] as Appointment)) child++;
      const below = heap[child] as Appointment;
      if (!isBefore(below, last)) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = last;
  }
}

function isBefore(a: Appointment, b: Appointment): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
