import {
  type Clock,
  type Crypto,
  FleetName,
  headFloorOf,
  holdPath,
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
import { ControlPlaneError, messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Store, StoredRelease } from '../store/store.ts';
import { type ReleaseReader, storedReader } from './signed-files.ts';
import { readTrustHistory, walkTrustOf } from './trust-chain.ts';
import { type HoldsFound, noHolds, readUnnamedHolds } from './unnamed-holds.ts';
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
  /** Holds of the newest tree that was read, whether its head names them or not, and whether that tree verified or not. */
  #found: HoldsFound = noHolds;
  #previousFiles: ReadonlyMap<string, Uint8Array> = new Map();
  #missingBrake: TreeRefusal['missingBrake'] | null = null;
  readonly #problems = new Map<Part, string>();
  #taking: Promise<unknown> = Promise.resolve();
  /** Called after the current release, its trust or its brakes changed. */
  onChange: () => void = () => {};

  private constructor(options: ReleaseIntakeOptions, ctx: VerifyContext, trust: TrustState) {
    this.#options = options;
    this.#ctx = ctx;
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
    return this.#missingBrake ?? null;
  }

  /** Everything that holds a channel now: what the head in force names, and what approvers signed since. */
  get holds(): readonly VerifiedHold[] {
    const named = this.#current?.holds ?? [];
    const hashes = new Set(named.map(({ sha256 }) => sha256));
    return [...named, ...this.#found.holds.filter(({ sha256 }) => !hashes.has(sha256))];
  }

  get problems(): readonly string[] {
    return [...this.#problems.values()];
  }

  /** Stored bytes of `releases/`, untouched; those of the release before too, for hosts that are still reading it. */
  file(path: string): Uint8Array | null {
    const current = this.#current?.files.get(path) ?? this.#found.files.get(path);
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
   * verify: they can only stop. Throws what reader and store throw.
   */
  take(reader: ReleaseReader): Promise<IntakeOutcome> {
    return this.#inTurn(() => this.#take(reader, (from) => this.#takeHolds(from)));
  }

  /**
   * Takes what another control plane stored, verified like what a source offers. Holds found there join those found here:
   * either may not have seen a brake yet that the other knows, and only a source that says otherwise lets one go.
   */
  adopt(): Promise<IntakeOutcome> {
    return this.#inTurn(async () => {
      const stored = await this.#options.store.loadRelease();
      return stored ? this.#take(storedReader(stored.files), (from) => this.#joinHolds(from)) : 'unchanged';
    });
  }

  /** One at a time: each compares with what the one before left. */
  #inTurn(take: () => Promise<IntakeOutcome>): Promise<IntakeOutcome> {
    const turn = this.#taking.then(take);
    this.#taking = turn.catch(() => {});
    return turn;
  }

  async #take(reader: ReleaseReader, takeHolds: (reader: ReleaseReader) => Promise<boolean>): Promise<IntakeOutcome> {
    const trustMoved = await this.#takeTrust(reader);
    const holdsMoved = await takeHolds(reader);
    const known = this.#current?.files ?? new Map<string, Uint8Array>();
    const tree = await verifyTree(this.#ctx, {
      reader,
      trust: this.#trust,
      floors: this.#floors,
      now: this.now(),
      wall: this.#wall(),
      known,
    });
    if (!tree.ok) {
      this.#refuse(tree);
      if (trustMoved || holdsMoved || tree.missingBrake) this.onChange();
      return 'refused';
    }
    this.#problems.delete('release');
    const isSame = this.#current?.head.sha256 === tree.value.head.sha256;
    const hadMissingBrake = this.#missingBrake !== null;
    this.#missingBrake = null;
    if (isSame && !trustMoved && !holdsMoved && !hadMissingBrake) return 'unchanged';
    const floors = { release: releaseFloorOf(tree.value.release), head: headFloorOf(tree.value.head) };
    await this.#persist(floors, tree.value.files);
    if (!isSame) this.#previousFiles = this.#current?.files ?? new Map();
    this.#floors = floors;
    this.#current = tree.value;
    const { version } = tree.value.release.document;
    const head = tree.value.head.document.version;
    this.#options.log.info({ version, head, trust: this.#trust.document.version }, 'release accepted');
    this.onChange();
    return isSame ? 'unchanged' : 'accepted';
  }

  async #takeTrust(reader: ReleaseReader): Promise<boolean> {
    const before = this.#trust;
    const firstPath = trustPath(1);
    const isHistoryKnown = before.document.version === 1 || this.#trustFiles.has(firstPath);
    const history = isHistoryKnown ? new Map<string, Uint8Array>() : await readTrustHistory(this.#ctx, reader, before);
    const walk = await walkTrustOf(this.#ctx, reader, before);
    if (walk.stoppedBy) {
      this.#problem('trust', `trust chain: ${walk.stoppedBy.detail} (${walk.stoppedBy.reason})`);
    } else this.#problems.delete('trust');
    const files = new Map([...history, ...this.#trustFiles, ...walk.files]);
    const isMoved = walk.reached.sha256 !== before.sha256;
    if (!isMoved && files.size === this.#trustFiles.size) return false;
    const kept = this.#trustFiles;
    this.#trust = walk.reached;
    this.#trustFiles = files;
    try {
      await this.#persist(this.#floors, this.#current?.files ?? new Map());
    } catch (error) {
      this.#trust = before;
      this.#trustFiles = kept;
      throw error;
    }
    if (isMoved) this.#options.log.info({ version: walk.reached.document.version }, 'trust advanced');
    return isMoved;
  }

  /** A source that cannot be asked keeps what was found before: a brake is not let go by a failure. */
  async #takeHolds(reader: ReleaseReader): Promise<boolean> {
    const before = this.#found;
    const read = await readUnnamedHolds(this.#ctx, { reader, trust: this.#trust, now: this.now() });
    if (read.problem !== null) {
      this.#problem('holds', read.problem);
      return false;
    }
    this.#problems.delete('holds');
    const kept = before.holds.filter(({ sha256 }) => read.unread.has(sha256));
    const keptFiles = [...before.files].filter(([path]) =>
      kept.some(({ sha256 }) => path.startsWith(holdPath(sha256))),
    );
    return this.#findHolds({ ...read, holds: [...read.holds, ...kept], files: new Map([...keptFiles, ...read.files]) });
  }

  async #joinHolds(reader: ReleaseReader): Promise<boolean> {
    const before = this.#found;
    const read = await readUnnamedHolds(this.#ctx, { reader, trust: this.#trust, now: this.now() });
    const known = new Set(before.holds.map(({ sha256 }) => sha256));
    const fresh = read.holds.filter(({ sha256 }) => !known.has(sha256));
    if (fresh.length === 0) return false;
    // They are stored, and the floors of the release that they came with are not ours yet: nothing is to be written.
    this.#found = { ...before, holds: [...before.holds, ...fresh], files: new Map([...read.files, ...before.files]) };
    this.#options.log.info({ holds: this.#found.holds.length }, 'holds changed');
    return true;
  }

  async #findHolds(found: HoldsFound): Promise<boolean> {
    const before = this.#found;
    if (hashesOf(found) === hashesOf(before)) return false;
    this.#found = found;
    try {
      await this.#persist(this.#floors, this.#current?.files ?? new Map());
    } catch (error) {
      this.#found = before;
      throw error;
    }
    this.#options.log.info({ holds: found.holds.length }, 'holds changed');
    return true;
  }

  #refuse(refusal: TreeRefusal): void {
    const keeps = this.#current ? `release ${this.#current.release.document.version} stays` : 'there is none yet';
    this.#missingBrake = refusal.missingBrake ?? this.#missingBrake;
    this.#problem('release', `the offered release was refused: ${refusal.detail} (${refusal.reason}); ${keeps}`);
  }

  #problem(part: Part, text: string): void {
    if (this.#problems.get(part) !== text) this.#options.log.warn({ problem: text }, 'release source');
    this.#problems.set(part, text);
  }

  async #persist(
    floors: Pick<StoredRelease, 'release' | 'head'>,
    files: ReadonlyMap<string, Uint8Array>,
  ): Promise<void> {
    const outcome = await this.#options.store.saveRelease({
      trust: { version: this.#trust.document.version, sha256: this.#trust.sha256 },
      ...floors,
      files: new Map([...this.#found.files, ...this.#trustFiles, ...files]),
    });
    if (outcome === 'saved') return;
    // Its floors are ours: what is older than them is not used, and what they contradict is not either.
    throw new ControlPlaneError(
      'overtaken',
      'another control plane has accepted a newer release than the source offers here',
    );
  }

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
    this.#found = await readUnnamedHolds(this.#ctx, { reader, trust: this.#trust, now: this.now() });
    if (!stored.head) return;
    const tree = await verifyTree(this.#ctx, {
      reader,
      trust: this.#trust,
      floors: this.#floors,
      now: this.now(),
      wall: this.#wall(),
      known: new Map(),
    });
    if (tree.ok) this.#current = tree.value;
    else this.#problem('release', `the stored release no longer verifies: ${tree.detail} (${tree.reason})`);
  }
}

/** What a problem is about; each has at most one. */
type Part = 'trust' | 'release' | 'holds';

function hashesOf({ holds }: HoldsFound): string {
  return holds.map(({ sha256 }) => sha256).join();
}

/** The fleet's name comes from the operator's own trust document. */
function fleetOf(trust: Uint8Array): FleetName {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(trust));
    return FleetName.parse(typeof value === 'object' && value !== null && 'fleet' in value ? value.fleet : null);
  } catch (error) {
    throw new ControlPlaneError('bad-trust', `expected a trust document: ${messageOf(error)}`, { cause: error });
  }
}
