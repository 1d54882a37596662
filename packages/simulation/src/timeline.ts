import { msToInstant } from '@nixfleet/contracts';

export interface Moment {
  readonly atMs: number;
  /** Null: about the whole fleet. */
  readonly host: string | null;
  readonly text: string;
}

/** Lines of a timeline that is shown. */
const shownMax = 60;

/** What happened, in the order in which it did. */
export class Timeline {
  readonly #moments: Moment[] = [];
  readonly #startMs: number;
  readonly #nowMs: () => number;

  constructor(startMs: number, nowMs: () => number) {
    this.#startMs = startMs;
    this.#nowMs = nowMs;
  }

  note(host: string | null, text: string): void {
    this.#moments.push({ atMs: this.#nowMs(), host, text });
  }

  get moments(): readonly Moment[] {
    return this.#moments;
  }

  /** The last lines that concern these hosts or the whole fleet, oldest first. */
  of(hosts: readonly string[]): string {
    const concerned = this.#moments.filter(({ host }) => host === null || hosts.includes(host));
    const left = concerned.length - shownMax;
    const lines = concerned
      .slice(-shownMax)
      .map(({ atMs, host, text }) => `${msToInstant(this.#startMs + atMs).slice(11, 19)}  ${host ?? '·'}  ${text}`);
    return [...(left > 0 ? [`(${left} earlier lines left out)`] : []), ...lines].join('\n');
  }
}
