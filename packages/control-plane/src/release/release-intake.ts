import {
  type Clock,
  type Crypto,
  headFloorOf,
  type Instant,
  latest,
  type Memo,
  nearestInstant,
  pinTrust,
  releaseFloorOf,
  type TrustState,
  trustPath,
  type VerifiedHold,
  type VerifyContext,
} from '@nixfleet/contracts';
import { ControlPlaneError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { MissingBrake, Store, StoredRelease } from '../store/store.ts';
import { KnownHolds } from './known-holds.ts';
import { ReleaseSaves } from './release-saves.ts';
import { brakeNameOf, type ReleaseReader, storedReader } from './signed-files.ts';
import { fleetOf, readTrustHistory, walkTrustOf } from './trust-chain.ts';
import { type TreeRefusal, type VerifiedTree, verifyTree } from './verify-tree.ts';

export interface ReleaseIntakeOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly crypto: Crypto;
  readonly memo?: Memo;
  readonly log: Log;
  /** The trust document that the operator gave: where the chain starts. */
  readonly trust: Uint8Array;
}

/** What one look at the source came to. `unchanged` and `accepted` are good. */
export type IntakeOutcome = 'accepted' | 'unchanged' | 'refused';

/** Most problems of holds that are told one by one. */
const problemsToldMax = 3;

/** Where something is taken from. */
interface Taking {
  readonly reader: ReleaseReader;
  /** Null for the own source. */
  readonly stored: StoredRelease | null;
}

/**
 * The newest release that verified, and its floors. Whatever else the source offers is refused with a reason, and the
 * last good release stays.
 */
export class ReleaseIntake {
  readonly #options: ReleaseIntakeOptions;
  readonly #ctx: VerifyContext;
  #trust: TrustState;
  #floors: Pick<StoredRelease, 'release' | 'head'> = { release: null, head: null };
  #trustFiles: ReadonlyMap<string, Uint8Array>;
  #current: VerifiedTree | null = null;
  /** Of whatever was read, whether its head names them or not, and whether that tree verified or not. */
  readonly #known: KnownHolds;
  readonly #saves: ReleaseSaves;
  /**
   * Stored under the floors, and not in force since it does not verify now. Nobody is told of it; kept with every save, since it may
   * verify again: by a clock that is set right, or a newer program.
   */
  #unverified: ReadonlyMap<string, Uint8Array> = new Map();
  #previousFiles: ReadonlyMap<string, Uint8Array> = new Map();
  #missingBrake: MissingBrake | null = null;
  /** Of a newer head that could not be stored: it is not in force, and its brakes are. */
  #unstored: { readonly head: number; readonly holds: readonly VerifiedHold[] } | null = null;
  readonly #problems = new Map<Part, string>();
  #taking: Promise<unknown> = Promise.resolve();
  /** Called after the current release, its trust or its brakes changed. */
  onChange: () => void = () => {};

  private constructor(options: ReleaseIntakeOptions, ctx: VerifyContext, trust: TrustState) {
    this.#options = options;
    this.#ctx = ctx;
    this.#known = new KnownHolds(ctx);
    this.#saves = new ReleaseSaves(options.store, this.#known);
    this.#trust = trust;
    this.#trustFiles = new Map([[trustPath(trust.document.version), trust.bytes]]);
  }

  /**
   * From the operator's trust document and what is stored. Throws `bad-trust`, and `state-unreadable` where what is
   * stored does not lead to its own floor: a floor is never reset.
   */
  static async load(options: ReleaseIntakeOptions): Promise<ReleaseIntake> {
    const fleet = fleetOf(options.trust);
    const ctx: VerifyContext = { crypto: options.crypto, fleet, ...(options.memo && { memo: options.memo }) };
    const pinned = await pinTrust(ctx, options.trust);
    if (!pinned.ok) throw new ControlPlaneError('bad-trust', `the given trust document: ${pinned.detail}`);
    const intake = new ReleaseIntake(options, ctx, pinned.value);
    const stored = await options.store.loadRelease();
    if (stored) await intake.#restore(stored);
    return intake;
  }

  get ctx(): VerifyContext {
    return this.#ctx;
  }

  get trust(): TrustState {
    return this.#trust;
  }

  get current(): VerifiedTree | null {
    return this.#current;
  }

  /** Set while the newest head names a hold that could not be had. */
  get missingBrake(): { readonly until: Instant } | null {
    return this.#missingBrake;
  }

  /** Everything that holds a channel now: what the head in force names, and what approvers signed since. */
  get holds(): readonly VerifiedHold[] {
    const named = [...(this.#current?.holds ?? []), ...(this.#unstored?.holds ?? [])];
    const hashes = new Set(named.map(({ sha256 }) => sha256));
    return [...named, ...this.#known.holds.filter(({ sha256 }) => !hashes.has(sha256))];
  }

  /** Whether holds were read in full, and none counts only later: else the same tree may have more to tell. */
  get isHoldsRead(): boolean {
    return !this.#problems.has('holds');
  }

  get problems(): readonly string[] {
    return [...this.#problems.values()];
  }

  /** Stored bytes of `releases/`, untouched; those of the release before too, for hosts that are still reading it. */
  file(path: string): Uint8Array | null {
    const current = this.#current?.files.get(path) ?? this.#known.files.get(path);
    return this.#trustFiles.get(path) ?? current ?? this.#previousFiles.get(path) ?? null;
  }

  /** max(wall clock, newest verified head): a clock that was set back does not bring expired things to life. */
  now(): Instant {
    const wall = this.#wall();
    const signedAt = this.#current?.head.document.signedAt;
    return signedAt === undefined ? wall : latest(wall, signedAt);
  }

  #wall(): Instant {
    return nearestInstant(this.#options.clock.now());
  }

  /**
   * Takes what `reader` has, if it verifies. Trust is applied and stored at once, before and whatever becomes of the
   * rest; floors and files of a release are stored together before it is used. Holds count even in a tree that does not
   * verify or could not be stored: they can only stop. Throws what reader and store throw, once every brake counts.
   */
  take(reader: ReleaseReader): Promise<IntakeOutcome> {
    return this.#inTurn(() => this.#take({ reader, stored: null }));
  }

  /**
   * Takes what another control plane stored, verified like what a source offers. Holds found there join those found here:
   * either may not have seen a brake yet that the other knows, and only a source that says otherwise lets one go. Stores
   * nothing but what is known here and was not stored: what of the rest is older than what is here is not to take its place.
   */
  adopt(): Promise<IntakeOutcome> {
    return this.#inTurn(async () => {
      const stored = await this.#options.store.loadRelease();
      if (!stored) return 'unchanged';
      const outcome = await this.#take({ reader: storedReader(stored.files), stored });
      if (outcome !== 'refused') await this.#saves.addTo(stored, this.#saved(), this.#join);
      return outcome;
    });
  }

  /** By what time it is now: holds that had not begun by this clock may have. Asks neither source nor store. */
  async lookAgain(): Promise<void> {
    await this.#inTurn(async () => {
      const before = this.#known.fingerprint;
      await this.#known.lookAgain({ trust: this.#trust, now: this.now() });
      this.#holdsMoved(before);
      return 'unchanged';
    });
  }

  /** One at a time: each compares with what the one before left. */
  #inTurn(take: () => Promise<IntakeOutcome>): Promise<IntakeOutcome> {
    const turn = this.#taking.then(take);
    this.#taking = turn.catch(() => {});
    return turn;
  }

  async #take(taking: Taking): Promise<IntakeOutcome> {
    const { reader, stored } = taking;
    const [trust, trustFiles] = [this.#trust, this.#trustFiles];
    await this.#takeTrust(reader);
    const trustMoved = this.#trust.sha256 !== trust.sha256;
    const holdsMoved = stored ? false : await this.#takeHolds(reader);
    const isNew = trustMoved || this.#trustFiles.size !== trustFiles.size || !this.#saves.hasHolds;
    const unsaved =
      !stored && isNew ? await this.#saves.save(this.#saved(), this.#join).then(() => null, faultOf) : null;
    if (trustMoved && !unsaved) this.#options.log.info({ version: this.#trust.document.version }, 'trust advanced');
    try {
      return await this.#takeTree(taking, { trustMoved, holdsMoved, unsaved });
    } finally {
      // It told which brakes count; beyond that nothing is verified by what a restart would forget.
      if (unsaved) [this.#trust, this.#trustFiles] = [trust, trustFiles];
    }
  }

  readonly #files = (): ReadonlyMap<string, Uint8Array> => this.#current?.files ?? new Map();

  async #takeTree({ reader, stored }: Taking, { trustMoved, unsaved, ...before }: Before): Promise<IntakeOutcome> {
    const tree = await verifyTree(this.#ctx, {
      reader,
      trust: this.#trust,
      floors: this.#floors,
      now: this.now(),
      wall: this.#wall(),
      known: this.#files(),
    });
    const named = tree.ok ? tree.value.head.document.holds : [];
    const holdsMoved = stored ? await this.#joinHolds(stored, named) : before.holdsMoved;
    if (!tree.ok) {
      this.#refuse(tree);
      if (trustMoved || holdsMoved || tree.missingBrake) this.onChange();
      if (unsaved) throw unsaved.error;
      // A restart must not forget a brake that only the refused head names.
      if (!stored && !this.#hasMissed(this.#floors)) await this.#saves.save(this.#saved(), this.#join);
      return 'refused';
    }
    const isSame = this.#current?.head.sha256 === tree.value.head.sha256;
    const head = tree.value.head.document.version;
    // What a newer head names is not let go by an older one, whoever offers that.
    const missing = this.#missingBrake && head < this.#missingBrake.head ? this.#missingBrake : null;
    const hadMissingBrake = this.#missingBrake !== missing;
    if (!missing && !(stored && isSame)) this.#problems.delete('release');
    this.#missingBrake = missing;
    const floors = { release: releaseFloorOf(tree.value.release), head: headFloorOf(tree.value.head) };
    try {
      if (unsaved) throw unsaved.error;
      if (!stored && (!isSame || trustMoved || !this.#hasMissed(floors)))
        await this.#saves.save(this.#saved(floors, tree.value.files), this.#join);
    } catch (error) {
      if (!isSame) this.#unstored = { head, holds: tree.value.holds };
      this.onChange();
      throw error;
    }
    const hadUnstored = this.#unstored !== null && head >= this.#unstored.head;
    if (hadUnstored) this.#unstored = null;
    if (isSame && !trustMoved && !holdsMoved && !hadMissingBrake && !hadUnstored) return 'unchanged';
    if (!isSame) this.#previousFiles = this.#files();
    this.#floors = floors;
    this.#current = tree.value;
    const { version } = tree.value.release.document;
    this.#options.log.info({ version, head, trust: this.#trust.document.version }, 'release accepted');
    this.onChange();
    return isSame ? 'unchanged' : 'accepted';
  }

  async #takeTrust(reader: ReleaseReader): Promise<void> {
    const before = this.#trust;
    const firstPath = trustPath(1);
    const isHistoryKnown = before.document.version === 1 || this.#trustFiles.has(firstPath);
    const history = isHistoryKnown ? new Map<string, Uint8Array>() : await readTrustHistory(this.#ctx, reader, before);
    const walk = await walkTrustOf(this.#ctx, reader, before);
    if (walk.stoppedBy) {
      this.#problem('trust', `trust chain: ${walk.stoppedBy.detail} (${walk.stoppedBy.reason})`);
    } else this.#problems.delete('trust');
    this.#trustFiles = new Map([...history, ...this.#trustFiles, ...walk.files]);
    this.#trust = walk.reached;
  }

  /** What the source did not give keeps what was found before: a brake is not let go by a failure. */
  async #takeHolds(reader: ReleaseReader): Promise<boolean> {
    const before = this.#known.fingerprint;
    const problems = await this.#known.take(reader, { trust: this.#trust, now: this.now() });
    if (problems.length === 0) this.#problems.delete('holds');
    else this.#problem('holds', shortened(problems));
    return this.#holdsMoved(before);
  }

  async #joinHolds(stored: StoredRelease, named: readonly string[]): Promise<boolean> {
    const before = this.#known.fingerprint;
    await this.#known.join(storedReader(stored.files), { trust: this.#trust, now: this.now(), named });
    this.#saves.read(stored);
    return this.#holdsMoved(before);
  }

  #holdsMoved(before: string): boolean {
    if (this.#known.fingerprint === before) return false;
    this.#options.log.info({ holds: this.#known.holds.length }, 'holds changed');
    this.onChange();
    return true;
  }

  #refuse(refusal: TreeRefusal): void {
    const keeps = this.#current ? `release ${this.#current.release.document.version} stays` : 'there is none yet';
    const { missingBrake } = refusal;
    if (missingBrake && missingBrake.head >= (this.#missingBrake?.head ?? 0)) this.#missingBrake = missingBrake;
    this.#problem('release', `the offered release was refused: ${refusal.detail} (${refusal.reason}); ${keeps}`);
  }

  #hasMissed({ head }: Pick<StoredRelease, 'head'>): boolean {
    return this.#saves.hasMissed({ head, missingBrake: this.#missingBrake });
  }

  #problem(part: Part, text: string): void {
    if (this.#problems.get(part) !== text) this.#options.log.warn({ problem: text }, 'release source');
    this.#problems.set(part, text);
  }

  /** What a save writes: with a release that was just verified, or what is stored already. */
  #saved(floors = this.#floors, files = this.#current?.files ?? this.#unverified) {
    const { document, sha256 } = this.#trust;
    const trust = { version: document.version, sha256 };
    return { trust, ...floors, missingBrake: this.#missingBrake, files: new Map([...this.#trustFiles, ...files]) };
  }

  readonly #join = async (stored: StoredRelease): Promise<void> => {
    const current = stored.head?.sha256 === this.#current?.head.sha256 ? this.#current : null;
    await this.#joinHolds(stored, current?.head.document.holds ?? []);
  };

  async #restore(stored: StoredRelease): Promise<void> {
    const reader = storedReader(stored.files);
    const given = this.#trust;
    const walk = await walkTrustOf(this.#ctx, reader, given);
    const reached = walk.reached.document.version;
    if (reached < stored.trust.version) {
      const detail = walk.stoppedBy?.detail ?? 'a document is missing';
      const text = `trust ${stored.trust.version} was accepted, but from trust ${given.document.version} only ${reached} is reached: ${detail}`;
      throw new ControlPlaneError('state-unreadable', text);
    }
    if (reached === stored.trust.version && walk.reached.sha256 !== stored.trust.sha256) {
      throw new ControlPlaneError(
        'bad-trust',
        `trust ${reached}: the given document is not the one that was accepted before; one of the two is forged`,
      );
    }
    this.#trust = walk.reached;
    this.#trustFiles = new Map([
      ...[...stored.files].filter(([path]) => path.startsWith('trust/')),
      ...this.#trustFiles,
      ...walk.files,
    ]);
    this.#floors = { release: stored.release, head: stored.head };
    this.#missingBrake = stored.missingBrake;
    if (stored.missingBrake)
      this.#problem(
        'release',
        `head ${stored.missingBrake.head} names a hold that could not be had; publish it, or a newer head`,
      );
    if (stored.head) {
      const { now, wall } = { now: this.now(), wall: this.#wall() };
      const input = { reader, trust: this.#trust, floors: this.#floors, now, wall, known: new Map() };
      const tree = await verifyTree(this.#ctx, input);
      if (tree.ok) this.#current = tree.value;
      else {
        const isOther = (path: string): boolean => brakeNameOf(path) === null && !path.startsWith('trust/');
        this.#unverified = new Map([...stored.files].filter(([path]) => isOther(path)));
        this.#problem('release', `the stored release no longer verifies: ${tree.detail} (${tree.reason})`);
      }
    }
    const named = this.#current?.head.document.holds ?? [];
    const isOwn = this.#options.store.shared === undefined;
    await this.#known.restore(reader, { trust: this.#trust, now: this.now(), named, isOwn });
    this.#saves.begin(stored);
  }
}

/** What was found before the tree itself is looked at. */
interface Before {
  readonly trustMoved: boolean;
  readonly holdsMoved: boolean;
  /** Why it could not be stored; null where it was. */
  readonly unsaved: { readonly error: unknown } | null;
}

const faultOf = (error: unknown) => ({ error });

/** What a problem is about; each has at most one. */
type Part = 'trust' | 'release' | 'holds';

function shortened(problems: readonly string[]): string {
  const rest = problems.length - problemsToldMax;
  return [...problems.slice(0, problemsToldMax), ...(rest > 0 ? [`and ${rest} more`] : [])].join('; ');
}
