import type { Scheduler } from './scheduler.ts';

/** A promise that never settles: what a dead program waits for. */
function never<Value>(): Promise<Value> {
  return new Promise<Value>(() => {});
}

/**
 * One incarnation of a program, from its start to its crash. Whatever it does to the world it does by crossing over to
 * it, and it can die at any crossing: before its effect or after it. Then no promise of it settles any more, and nothing
 * that it still says is heard.
 */
export class Life {
  readonly #scheduler: Scheduler;
  #crossings = 0;
  #endsAt: { readonly crossing: number; readonly isBefore: boolean; readonly end: () => void } | null = null;
  #isOver = false;

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  get crossings(): number {
    return this.#crossings;
  }

  /** It is to die, at some crossing. */
  get isDoomed(): boolean {
    return this.#endsAt !== null;
  }

  end(): void {
    this.#isOver = true;
  }

  /** Dies at the `count`th crossing from now; `end` is called then. */
  endAfter(count: number, isBefore: boolean, end: () => void): void {
    this.#endsAt = { crossing: this.#crossings + count, isBefore, end };
  }

  /**
   * Does something to the world, at once, and tells the program `delayMs` later. `cutShort` is what is left of it where the
   * program dies before its effect.
   */
  cross<Value>(perform: () => Value, delayMs = 0, cutShort?: () => void): Promise<Value> {
    if (this.#isOver) return never();
    const last = this.#dies() ? this.#endsAt : null;
    if (last?.isBefore) {
      cutShort?.();
      this.#die();
      return never();
    }
    let outcome: { readonly ok: true; readonly value: Value } | { readonly ok: false; readonly error: unknown };
    try {
      outcome = { ok: true, value: perform() };
    } catch (error) {
      outcome = { ok: false, error };
    }
    if (last) {
      // Nobody is there to hear how it ended.
      if (outcome.ok && outcome.value instanceof Promise) outcome.value.catch(() => {});
      this.#die();
      return never();
    }
    if (delayMs <= 0) return outcome.ok ? Promise.resolve(outcome.value) : Promise.reject(outcome.error);
    return new Promise((resolve, reject) => {
      this.#scheduler.after(delayMs, () => {
        if (this.#isOver) return;
        if (outcome.ok) resolve(outcome.value);
        else reject(outcome.error);
      });
    });
  }

  /**
   * Waits for something that takes its time: `start` begins it and returns how to give it up. Rejects with the signal's
   * reason when that aborts.
   */
  wait<Value>(start: (settle: (value: Value) => void) => () => void, signal?: AbortSignal): Promise<Value> {
    if (this.#isOver) return never();
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#dies()) {
      this.#die();
      return never();
    }
    return new Promise<Value>((resolve, reject) => {
      const giveUp = start((value) => {
        signal?.removeEventListener('abort', abort);
        if (!this.#isOver) resolve(value);
      });
      const abort = (): void => {
        giveUp();
        if (!this.#isOver) reject(signal?.reason);
      };
      signal?.addEventListener('abort', abort, { once: true });
    });
  }

  /** Waits so many milliseconds, for work that takes that long. */
  pass(ms: number, signal: AbortSignal): Promise<void> {
    return this.wait<void>((settle) => {
      const appointment = this.#scheduler.after(ms, () => settle());
      return () => this.#scheduler.cancel(appointment);
    }, signal);
  }

  #dies(): boolean {
    this.#crossings++;
    return this.#endsAt !== null && this.#crossings >= this.#endsAt.crossing;
  }

  #die(): void {
    const last = this.#endsAt;
    this.#endsAt = null;
    this.#isOver = true;
    last?.end();
  }
}
