/** Keeps workers from using the network while the machine switches: connections are closed before, and stay so. */
export class Gate {
  #isClosed = false;
  #waiting: (() => void)[] = [];

  close(): void {
    this.#isClosed = true;
  }

  reopen(): void {
    this.#isClosed = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  /** Resolves once the gate is open; rejects when `signal` aborts. */
  async open(signal: AbortSignal): Promise<void> {
    while (this.#isClosed) {
      signal.throwIfAborted();
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
    }
    signal.throwIfAborted();
  }
}
