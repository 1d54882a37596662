import { SeededRandom } from '@nixfleet/testkit';

/** Everything that chance decides in a run comes from here, each part of the world with dice of its own. */
export class Dice extends SeededRandom {
  readonly #seed: number;

  constructor(seed: number) {
    super(seed);
    this.#seed = seed;
  }

  /** Independent dice for a part of the world: what is thrown elsewhere does not change what falls here. */
  of(part: string): Dice {
    let mixed = this.#seed ^ 0x811c9dc5;
    for (let i = 0; i < part.length; i++) mixed = Math.imul(mixed ^ part.charCodeAt(i), 0x01000193);
    return new Dice(mixed >>> 0);
  }

  chance(probability: number): boolean {
    return this.uniform() < probability;
  }

  /** At least `from`, less than `to`. */
  between(from: number, to: number): number {
    return from + this.uniform() * (to - from);
  }

  /** A whole number from `from` to `to`, both included. */
  whole(from: number, to: number): number {
    return Math.floor(this.between(from, to + 1));
  }

  pick<Item>(items: readonly Item[]): Item {
    if (items.length === 0) throw new RangeError('nothing to pick from');
    return items[Math.floor(this.uniform() * items.length)] as Item;
  }
}
