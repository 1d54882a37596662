import type { SimulationOptions } from './simulate.ts';

/** Lines about many runs, at the most. */
const linesMax = 40;
/** A run of more than so many virtual hours tells how far it is, this often. */
const longHours = 24;

/** Says how far a number of runs is: now and then, whether somebody looks or not. */
export class Progress {
  readonly #runs: number;
  readonly #say: (line: string) => void;
  done = 0;
  held = 0;

  constructor(runs: number, say: (line: string) => void) {
    this.#runs = runs;
    this.#say = say;
  }

  /** A run is over. */
  ended(hasHeld: boolean): void {
    this.done++;
    if (hasHeld) this.held++;
    const every = Math.ceil(this.#runs / linesMax);
    if (this.#runs === 1 || (this.done % every !== 0 && this.done !== this.#runs)) return;
    const broken = this.done - this.held;
    this.#say(`${this.done} of ${this.#runs} runs${broken > 0 ? `, ${broken} broken` : ''}`);
  }

  /** A run has come to a virtual hour; only of a long one is it told. */
  hours({ seed, hosts, hours }: SimulationOptions, at: number): void {
    if (hours <= longHours || at % longHours !== 0) return;
    this.#say(`seed ${seed} with ${hosts} hosts: ${at} of ${hours} h`);
  }
}
