import type { CheckinRequest, Clock } from '@nixfleet/contracts';
import type { Log } from './log.ts';
import type { FetchProgress } from './nix-log.ts';

/** Between two reports of a fetch, in milliseconds: one that is over before is not worth a word. */
const everyMs = 10_000;

/** Tells now and then how far a fetch is: in the log, and to the control plane, which shows it. */
export class FetchReport {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #tell: () => void;
  #toldMs: number | null = null;
  #current: CheckinRequest['fetching'];

  /** `tell`: a check-in now. */
  constructor({ clock, log, tell }: { readonly clock: Clock; readonly log: Log; readonly tell: () => void }) {
    this.#clock = clock;
    this.#log = log;
    this.#tell = tell;
  }

  /** What a check-in says of it. */
  get current(): CheckinRequest['fetching'] {
    return this.#current;
  }

  /** Null: no fetch is under way any more. */
  take(progress: FetchProgress | null): void {
    if (progress === null) {
      this.#current = undefined;
      this.#toldMs = null;
      return;
    }
    const nowMs = this.#clock.monotonicMs();
    this.#current = { done: progress.doneBytes, total: progress.totalBytes };
    this.#toldMs ??= nowMs;
    if (nowMs - this.#toldMs < everyMs) return;
    this.#toldMs = nowMs;
    this.#log('info', 'fetching', { ...progress });
    this.#tell();
  }
}
