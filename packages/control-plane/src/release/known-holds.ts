import type { Instant, TrustState, VerifiedHold, VerifyContext } from '@nixfleet/contracts';
import { brakeNameOf, type ReleaseReader, storedReader } from './signed-files.ts';
import { type HoldsFound, listHolds, noHolds, readUnnamedHolds } from './unnamed-holds.ts';

/** What is current while holds are read. */
export interface HoldsMoment {
  readonly trust: TrustState;
  readonly now: Instant;
}

/** While what was stored is read. */
export interface StoredMoment extends HoldsMoment {
  /** Of the head in force: they count by it, and end with the head that drops them. */
  readonly named: readonly string[];
}

/**
 * Holds that are known, whether a head names them or not. Each ends by its own time or by a resume, whoever has read it. That
 * it is gone without either counts only from the source that has shown it here before: another control plane's hold may be
 * newer than what this source shows.
 */
export class KnownHolds {
  readonly #ctx: VerifyContext;
  #found: HoldsFound = noHolds;
  /** Of those that this control plane's own source has shown. */
  readonly #shown = new Set<string>();

  constructor(ctx: VerifyContext) {
    this.#ctx = ctx;
  }

  get holds(): readonly VerifiedHold[] {
    return this.#found.holds;
  }

  get files(): ReadonlyMap<string, Uint8Array> {
    return this.#found.files;
  }

  /** Equal where the same holds are known, and the same of them have ended. */
  get fingerprint(): string {
    const { holds, ended, waiting } = this.#found;
    return JSON.stringify([holds.map(({ sha256 }) => sha256).sort(), [...ended].sort(), [...waiting].sort()]);
  }

  /** From what was stored; `isOwn` where nobody else can have stored it. */
  async restore(stored: ReleaseReader, { isOwn, ...at }: StoredMoment & { readonly isOwn: boolean }): Promise<void> {
    this.#found = union(
      noHolds,
      only(await this.#readAll(stored, at), (hash) => !at.named.includes(hash)),
    );
    if (isOwn) for (const hash of hashesOf(this.#found)) this.#shown.add(hash);
  }

  /**
   * What the source shows now. Returns what it did not give or what counts only later, which is to be looked at again: that lets
   * nothing go.
   */
  async take(reader: ReleaseReader, at: HoldsMoment): Promise<readonly string[]> {
    const before = this.#found;
    const ours = storedReader(before.files);
    const input = { ...at, resumes: [reader, ours] };
    const { names, isListed, ...listed } = await listHolds(reader);
    const read = await readUnnamedHolds(this.#ctx, { ...input, reader, names });
    const unread = new Set([...listed.unread, ...read.unread]);
    for (const hash of hashesOf(read)) this.#shown.add(hash);
    const isKept = (hash: string): boolean => !isListed || unread.has(hash) || !this.#shown.has(hash);
    // What has ended is kept to its time: its file may come back without the resume.
    const rest = [...new Set([...hashesOf(before).filter(isKept), ...before.ended])];
    const kept = await readUnnamedHolds(this.#ctx, { ...input, reader: ours, names: rest });
    this.#found = union(read, kept);
    return [...listed.problems, ...read.problems, ...kept.problems];
  }

  /** By what time it is now: what waited may have begun. */
  async lookAgain(at: HoldsMoment): Promise<void> {
    if (this.#found.waiting.size > 0) this.#found = await this.#readAll(storedReader(this.#found.files), at);
  }

  /** What another control plane has stored joins what is known: only what our own source has had its say about does not. */
  async join(stored: ReleaseReader, at: StoredMoment): Promise<void> {
    const known = new Set(hashesOf(this.#found));
    const read = await this.#readAll(stored, at);
    const isJoined = (hash: string): boolean => known.has(hash) || !(this.#shown.has(hash) || at.named.includes(hash));
    this.#found = union(this.#found, only(read, isJoined));
  }

  /** However many: all that was stored was read once within the bound of a source. */
  async #readAll(stored: ReleaseReader, { trust, now }: HoldsMoment): Promise<HoldsFound> {
    const names = (await stored.holds?.()) ?? [];
    return readUnnamedHolds(this.#ctx, { reader: stored, names, trust, now });
  }
}

function hashesOf({ holds, ended, waiting }: HoldsFound): string[] {
  return [...holds.map(({ sha256 }) => sha256), ...ended, ...waiting];
}

/** Without holds of other hashes; what has ended stays so. */
function only(found: HoldsFound, isWanted: (hash: string) => boolean): HoldsFound {
  const holds = found.holds.filter(({ sha256 }) => isWanted(sha256));
  return { ...found, holds, waiting: new Set([...found.waiting].filter(isWanted)) };
}

/** What one of them knows to have ended has ended, and what one of them takes for begun has begun. */
function union(first: HoldsFound, second: HoldsFound): HoldsFound {
  const ended = new Set([...first.ended, ...second.ended]);
  const begun = [...second.holds, ...first.holds].filter(({ sha256 }) => !ended.has(sha256));
  const holds = new Map(begun.map((hold) => [hold.sha256, hold]));
  const others = [...first.waiting, ...second.waiting].filter((hash) => !ended.has(hash) && !holds.has(hash));
  const known = new Set<string>([...holds.keys(), ...ended, ...others]);
  const files = [...second.files, ...first.files].filter(([path]) => known.has(brakeNameOf(path) ?? ''));
  return { ...first, holds: [...holds.values()], ended, waiting: new Set(others), files: new Map(files) };
}
