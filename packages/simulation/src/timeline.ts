import { msToInstant } from '@nixfleet/contracts';

interface Moment {
  readonly atMs: number;
  readonly order: number;
  /** Null: about the whole fleet. */
  readonly host: string | null;
  readonly text: string;
}

/** Lines of a timeline that is shown. */
const shownMax = 60;

/** What happened, in the order in which it did: of each host and of the whole fleet as much as can be shown. */
export class Timeline {
  readonly #recent = new Map<string | null, { count: number; moments: Moment[] }>();
  readonly #startMs: number;
  readonly #nowMs: () => number;
  #count = 0;

  constructor(startMs: number, nowMs: () => number) {
    this.#startMs = startMs;
    this.#nowMs = nowMs;
  }

  note(host: string | null, text: string): void {
    const known = this.#recent.get(host) ?? { count: 0, moments: [] };
    this.#recent.set(host, known);
    known.count++;
    known.moments.push({ atMs: this.#nowMs(), order: this.#count++, host, text });
    if (known.moments.length >= 2 * shownMax) known.moments = known.moments.slice(-shownMax);
  }

  /** Everything that was noted, shown or not. */
  get count(): number {
    return this.#count;
  }

  /** The last lines that concern these hosts or the whole fleet, oldest first. */
  of(hosts: readonly string[]): string {
    const concerned = [...new Set([null, ...hosts])].flatMap((host) => this.#recent.get(host) ?? []);
    const shown = concerned
      .flatMap(({ moments }) => moments)
      .sort((left, right) => left.order - right.order)
      .slice(-shownMax);
    const left = concerned.reduce((sum, { count }) => sum + count, 0) - shown.length;
    const lines = shown.map(
      ({ atMs, host, text }) => `${msToInstant(this.#startMs + atMs).slice(11, 19)}  ${host ?? '·'}  ${text}`,
    );
    return [...(left > 0 ? [`(${left} earlier lines left out)`] : []), ...lines].join('\n');
  }
}
