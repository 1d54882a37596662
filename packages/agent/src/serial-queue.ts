import { type Clock, woken } from '@nixfleet/contracts';

/** Tasks one after the other, each with its own time. One that fails keeps none of the others from running. */
export class SerialQueue {
  readonly #clock: Clock;
  readonly #taskMsMax: number;
  #last: Promise<unknown> = Promise.resolve();
  #pending = 0;

  /** `taskMsMax`: when a task is told to give up, by its signal, in milliseconds from its own start. */
  constructor(clock: Clock, taskMsMax: number) {
    this.#clock = clock;
    this.#taskMsMax = taskMsMax;
  }

  /** Nothing runs or waits. */
  get isIdle(): boolean {
    return this.#pending === 0;
  }

  run<Value>(task: (signal: AbortSignal) => Promise<Value>, signal: AbortSignal): Promise<Value> {
    this.#pending++;
    const result = this.#last.then(async () => {
      const over = new AbortController();
      const limit = AbortSignal.any([signal, over.signal]);
      this.#clock.sleep(this.#taskMsMax, limit).then(
        () => over.abort(),
        () => {},
      );
      return task(limit).finally(() => over.abort(woken));
    });
    this.#last = result.catch(() => {}).finally(() => this.#pending--);
    return result;
  }
}
