import { ControlPlaneError } from '../errors.ts';
import type { MissingBrake, Store, StoredRelease } from '../store/store.ts';
import type { KnownHolds } from './known-holds.ts';
import { brakeNameOf } from './signed-files.ts';

/** Most times that a save is tried while other control planes save in between. */
const triesMax = 5;

/** What is written besides the holds that are known. */
type Saved = Omit<StoredRelease, 'change'>;
type Missed = Pick<StoredRelease, 'head' | 'missingBrake'>;

/**
 * What is stored of the release, its trust and its brakes. Every save replaces all of it, so each is made of everything that is
 * known here, and what other control planes saved since is read before.
 */
export class ReleaseSaves {
  readonly #store: Store;
  readonly #known: KnownHolds;
  /** Of the holds that were saved last. */
  #holds: string;
  /** The newest save of which everything is known here. */
  #change = 0;
  /** In that save: a brake that could not be had, which no other save lets go of. */
  #missed: MissingBrake | null = null;

  constructor(store: Store, known: KnownHolds) {
    this.#store = store;
    this.#known = known;
    this.#holds = known.fingerprint;
  }

  /** Whether the holds that are known are those that were saved last. */
  get hasHolds(): boolean {
    return this.#known.fingerprint === this.#holds;
  }

  /** Whether a brake that cannot be had is stored, or is stored no more, as it is now. */
  hasMissed(now: Missed): boolean {
    return this.#stillMissed(now)?.head === this.#missed?.head;
  }

  /** That save was read, and everything in it that counts is known here. */
  read({ change, missingBrake }: StoredRelease): void {
    this.#change = change;
    this.#missed = missingBrake;
  }

  /** Where this control plane starts from. */
  begin(stored: StoredRelease): void {
    this.read(stored);
    this.#holds = this.#known.fingerprint;
  }

  /**
   * Stores what is known here and is not stored, if there is such a hold, or one that could not be had. Only adds to what is
   * there, so that two control planes never undo each other's in turn.
   */
  async addTo({ files }: StoredRelease, saved: Saved, join: (stored: StoredRelease) => Promise<void>): Promise<void> {
    if (this.hasMissed(saved) && [...this.#known.files.keys()].every((path) => files.has(path))) {
      this.#holds = this.#known.fingerprint;
      return;
    }
    const brakes = [...files].filter(([path]) => brakeNameOf(path) !== null);
    await this.save({ ...saved, files: new Map([...brakes, ...saved.files]) }, join);
  }

  /**
   * `join`: takes in what another control plane stored in between, which would be overwritten. Throws `overtaken` where a newer
   * release is stored, or others stored each time.
   */
  async save(saved: Saved, join: (stored: StoredRelease) => Promise<void>): Promise<void> {
    for (let i = 0; i < triesMax; i++) {
      const files = new Map([...this.#known.files, ...saved.files]);
      const missingBrake = this.#stillMissed(saved);
      const outcome = await this.#store.saveRelease({ ...saved, missingBrake, files, change: this.#change });
      if (outcome === 'saved') {
        this.#missed = missingBrake;
        if (this.#store.shared) this.#change++;
        this.#holds = this.#known.fingerprint;
        return;
      }
      if (outcome === 'overtaken') {
        // Its floors are ours: what is older than them is not used, and what they contradict is not either.
        throw new ControlPlaneError(
          'overtaken',
          'another control plane has accepted a newer release than the source offers here',
        );
      }
      const stored = await this.#store.loadRelease();
      if (stored) await join(stored);
    }
    const text = `nothing could be stored in ${triesMax} tries: other control planes stored in between each time`;
    throw new ControlPlaneError('overtaken', text);
  }

  /** Of what is missing here and what is stored as missing: the newest, until a head as new as the one that names it is in force. */
  #stillMissed({ head, missingBrake }: Missed): MissingBrake | null {
    const [own, stored] = [missingBrake, this.#missed];
    const newest = (own?.head ?? 0) >= (stored?.head ?? 0) ? own : stored;
    return newest !== null && newest.head > (head?.version ?? 0) ? newest : null;
  }
}
