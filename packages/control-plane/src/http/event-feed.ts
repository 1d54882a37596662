import type { Clock, EventView, HostName } from '@nixfleet/contracts';
import type { Store, StoredEntry } from '../store/store.ts';

/** Events read from the store for a stream at once: its whole queue, however slow the reader is. */
const pageEvents = 100;
/** A comment is sent after this long without an event, so that a dead connection is noticed. In milliseconds. */
const heartbeatMs = 15_000;

/** As `GET /v1/events` shows an entry; null for entries that are not a host's. */
export function eventViewOf(entry: StoredEntry): EventView | null {
  if (entry.kind !== 'event') return null;
  const { position, receivedAt, host, text, signature } = entry;
  return { position, receivedAt, host, event: text, signature };
}

/** Server-sent events (WHATWG HTML §9.2) from the log: each stream pulls pages at its own pace and holds no queue. */
export class EventFeed {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #waiting = new Set<() => void>();
  streams = 0;

  /** Streams that wait for news now; at most one entry each. */
  get waiting(): number {
    return this.#waiting.size;
  }

  constructor({ store, clock }: { readonly store: Store; readonly clock: Clock }) {
    this.#store = store;
    this.#clock = clock;
  }

  /** There is something new in the log. */
  notify(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }

  async *stream({
    after,
    host,
    signal,
  }: {
    after: number;
    host?: HostName;
    signal: AbortSignal;
  }): AsyncGenerator<string> {
    this.streams++;
    try {
      yield ': events\n\n';
      for (let position = after; !signal.aborted; ) {
        // Asked for before the log is read, so that nothing comes in between unnoticed.
        const news = this.#next();
        try {
          const entries = await this.#store.read({
            after: position,
            limit: pageEvents,
            events: true,
            ...(host && { host }),
          });
          for (const entry of entries) {
            position = entry.position;
            yield `id: ${position}\ndata: ${JSON.stringify(eventViewOf(entry))}\n\n`;
          }
          if (entries.length === 0 && !(await this.#wait(news.promise, signal)) && !signal.aborted) {
            yield ': still here\n\n';
          }
        } finally {
          this.#waiting.delete(news.wake);
        }
      }
    } finally {
      this.streams--;
    }
  }

  #next(): { readonly promise: Promise<true>; readonly wake: () => void } {
    const { promise, resolve } = Promise.withResolvers<true>();
    const wake = (): void => resolve(true);
    this.#waiting.add(wake);
    return { promise, wake };
  }

  /** False after a heartbeat's time, or once aborted. */
  async #wait(news: Promise<true>, signal: AbortSignal): Promise<boolean> {
    const over = new AbortController();
    const beat = this.#clock.sleep(heartbeatMs, AbortSignal.any([signal, over.signal])).then(
      () => false,
      () => false,
    );
    const isNews = await Promise.race([news, beat]);
    over.abort();
    return isNews;
  }
}
