/**
 * What was found out of documents before. Reading one is pure: the same bytes, in the same fleet and under the same trust,
 * give the same. Who reads the same documents many times, as a process with many agents does, hands one in.
 */
export interface Memo {
  /** `key` names everything that the value follows from. What `make` rejects with is not kept. */
  of<Value>(key: string, make: () => Promise<Value>): Promise<Value>;
}

/** Keeps the newest `entriesMax` results. */
export class BoundedMemo implements Memo {
  readonly #entriesMax: number;
  readonly #known = new Map<string, Promise<unknown>>();

  constructor(entriesMax: number) {
    this.#entriesMax = entriesMax;
  }

  get size(): number {
    return this.#known.size;
  }

  of<Value>(key: string, make: () => Promise<Value>): Promise<Value> {
    const known = this.#known.get(key);
    // A key is made in one place alone, and with it the type of its value.
    if (known) return known as Promise<Value>;
    const value = make();
    this.#known.set(key, value);
    value.catch(() => this.#known.delete(key));
    const [oldest] = this.#known.keys();
    if (this.#known.size > this.#entriesMax && oldest !== undefined) this.#known.delete(oldest);
    return value;
  }
}
