import { stat } from 'node:fs/promises';
import type { Clock } from '@nixfleet/contracts';
import type { Systemd } from './systemd.ts';

/** How long an answer of systemd-timedated is good, in milliseconds. */
const answerMs = 30_000;

/** Whether the machine's clock is synchronised: by a file that exists while it is, or by what systemd-timedated says. */
export class SynchronisedClock {
  readonly #file: string | null;
  readonly #clock: Clock;
  readonly #systemd: Systemd;
  #answer: { readonly isSynchronised: boolean; readonly atMs: number } | null = null;

  /** `clockSynchronisedFile`: null where systemd-timedated is asked. */
  constructor(options: {
    readonly clockSynchronisedFile: string | null;
    readonly clock: Clock;
    readonly systemd: Systemd;
  }) {
    this.#file = options.clockSynchronisedFile;
    this.#clock = options.clock;
    this.#systemd = options.systemd;
  }

  async isSynchronised(): Promise<boolean> {
    if (this.#file !== null) return (await stat(this.#file).catch(() => null)) !== null;
    const known = this.#answer;
    if (known !== null && this.#clock.monotonicMs() - known.atMs < answerMs) return known.isSynchronised;
    const asked = await this.#systemd.query(['timedatectl', 'show', '--property=NTPSynchronized', '--value']);
    const isSynchronised = asked.exitCode === 0 && asked.stdout.trim() === 'yes';
    this.#answer = { isSynchronised, atMs: this.#clock.monotonicMs() };
    return isSynchronised;
  }
}
