import type { Clock, HostName } from '@nixfleet/contracts';
import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Leadership } from '../planner/planner-loop.ts';
import type { ReleaseIntake } from '../release/release-intake.ts';
import type { DecisionTerm, MemberId, MemberStanding, SharedStanding, SharedState } from '../store/store.ts';
import type { FleetRecords } from '../views/fleet-records.ts';
import type { Presence } from '../views/presence.ts';
import { coalesced } from './coalesced.ts';
import { reportFromText, reportToText } from './contacts-report.ts';

/** Between two looks at the database, in milliseconds; hints only make them come sooner. */
export const lookMs = 1000;
/** Shortest time between two looks, in milliseconds, however many hints come. */
const lookMsMin = 50;
/** Between two signs of life, in milliseconds. */
export const beatMs = 2000;
/** Without a sign of life for so long, by the clock of whoever waits for it, a control plane is gone. In milliseconds. */
export const goneAfterMs = 10_000;
/** Longest wait until what the others have stored is read and planned with, in milliseconds: then nothing is allowed. */
export const catchUpMsMax = 5000;
/** Before a release that could not be taken over is read again, in milliseconds: a clock that is behind catches up. */
const adoptAgainMs = 10_000;
/** Before another connection for hints is opened, in milliseconds. */
const listenAgainMs = 5000;

export interface ClusterOptions {
  readonly shared: SharedState;
  readonly clock: Clock;
  readonly log: Log;
  readonly intake: ReleaseIntake;
  readonly records: FleetRecords;
  readonly presence: Presence;
  /** Something that `plan` reads has changed, or who decides has. */
  readonly onChange: () => void;
  /** The log has grown. */
  readonly onEntries: () => void;
  /** Resolves once a pass has planned with everything that `onChange` has told of. */
  readonly settled: () => Promise<void>;
}

/** Shown in `/readyz`. */
export interface ClusterStanding {
  readonly member: MemberId;
  readonly leads: boolean;
  readonly epoch: number;
  readonly members: readonly MemberId[];
}

interface SeenMember {
  readonly beat: number;
  /** Of the report that was read last; null once it was taken for gone. */
  readonly version: number | null;
  /** When its beat was seen to have grown, by our monotonic clock. */
  readonly aliveAtMs: number;
}

/**
 * One of several control planes on a store. All of them answer, verify and plan; the one that leads records what is allowed.
 * Leadership is an epoch in the store: it goes on when its holder left or gave no sign of life, and a decision of an earlier
 * epoch is refused in its own transaction, so that one which only seemed to be gone decides nothing more.
 */
export class Cluster implements Leadership {
  readonly #options: ClusterOptions;
  readonly #members = new Map<MemberId, SeenMember>();
  #standing: SharedStanding | null = null;
  #term: DecisionTerm | null = null;
  #report = { version: 0, text: '' };
  #beatAtMs = Number.NEGATIVE_INFINITY;
  #lookedAtMs: number;
  #releaseChange = 0;
  /** What another one stored and this one refused. */
  #refused = { change: 0, atMs: Number.NEGATIVE_INFINITY };
  #failure: string | null = null;
  #isProblemTold = false;
  #isHinted = false;
  #nap = new AbortController();
  readonly #stopping = new AbortController();
  #running: Promise<unknown> = Promise.resolve();

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.#lookedAtMs = options.clock.monotonicMs();
  }

  get term(): DecisionTerm | null {
    return this.#term;
  }

  /** Set once the database did not answer for so long that others may take this control plane for gone. */
  get problem(): string | null {
    if (this.#options.clock.monotonicMs() - this.#lookedAtMs < goneAfterMs) return null;
    return `the database that the control planes share does not answer: ${this.#failure ?? 'no reply yet'}`;
  }

  /** Null before the first look. */
  get standing(): ClusterStanding | null {
    if (!this.#standing) return null;
    return {
      member: this.#options.shared.member,
      leads: this.#term !== null,
      epoch: this.#standing.epoch,
      members: this.#standing.members.map(({ id }) => id),
    };
  }

  /**
   * Whether this control plane has planned with everything that was in the store when it was asked: a brake or a failure that
   * another one has stored may have taken back what stands in the log. False where that could not be told in time. Who asks at
   * once shares one question. Throws nothing.
   */
  readonly isCurrent: () => Promise<boolean> = coalesced(() => this.#catchUp());

  start(): void {
    this.#running = Promise.all([this.#run(), this.#listen()]);
  }

  /** Something to tell the others, or to ask them, has come up. */
  wake(): void {
    this.#isHinted = true;
    this.#nap.abort();
  }

  onFenced(): void {
    if (this.#term) this.#options.log.warn({ epoch: this.#term.epoch }, 'another control plane leads');
    this.#term = null;
    this.wake();
  }

  /** Leaves, so that nobody waits for this one. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#nap.abort();
    await this.#running;
    this.#term = null;
    await this.#options.shared.leave().catch((error: unknown) => {
      this.#options.log.warn({ problem: messageOf(error) }, 'the other control planes were not told of the end');
    });
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#options;
    while (!this.#stopping.signal.aborted) {
      this.#isHinted = false;
      const isOver = new AbortController();
      void this.#watch(isOver.signal);
      try {
        await this.#look();
        this.#lookedAtMs = clock.monotonicMs();
        this.#failure = null;
      } catch (error) {
        const failure = messageOf(error);
        if (failure !== this.#failure) log.error({ problem: failure }, 'shared store');
        this.#failure = failure;
      }
      isOver.abort();
      this.#tellOfProblem();
      await this.#sleep(lookMsMin, this.#stopping.signal);
      this.#nap = new AbortController();
      if (!this.#isHinted) await this.#sleep(lookMs - lookMsMin, this.#nap.signal);
    }
  }

  /** While a look lasts: what was allowed is taken back at the moment when others may take this one for gone. */
  async #watch(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const leftMs = this.#lookedAtMs + goneAfterMs - clock.monotonicMs();
    await clock.sleep(leftMs, signal).then(
      () => this.#tellOfProblem(),
      () => {},
    );
  }

  #tellOfProblem(): void {
    const isThere = this.problem !== null;
    if (isThere === this.#isProblemTold) return;
    this.#isProblemTold = isThere;
    this.#options.onChange();
  }

  async #listen(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await this.#options.shared.listen(() => this.wake(), signal);
      await this.#sleep(listenAgainMs, signal);
    }
  }

  async #sleep(ms: number, signal: AbortSignal): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    await this.#options.clock.sleep(ms, signal).catch(() => {});
  }

  async #look(): Promise<void> {
    const { shared, onChange } = this.#options;
    await this.#beat();
    const standing = await shared.standing();
    this.#standing = standing;
    const ownVersion = standing.members.find(({ id }) => id === shared.member)?.version;
    // Somebody took this one for gone and removed its row: it is told anew.
    if (ownVersion !== this.#report.version)
      this.#report = { version: Math.max(this.#report.version, ownVersion ?? 0), text: '' };
    let isChanged = await this.#noteMembers(standing.members);
    if (await this.#follow(standing)) isChanged = true;
    if (await this.#lead(standing)) isChanged = true;
    if (isChanged) onChange();
  }

  /** True if the log has grown. A release that could not be adopted is tried again with the next look. */
  async #follow({ position, release }: SharedStanding): Promise<boolean> {
    const { shared, records, onEntries } = this.#options;
    const isBehind = position > records.position;
    if (isBehind) {
      await records.follow(position);
      onEntries();
    }
    // Unequal, not greater: a database that was restored counts on from an earlier number.
    if (release.change !== this.#releaseChange) {
      if (release.writer === shared.member || (await this.#adopt(release.change))) this.#releaseChange = release.change;
    }
    return isBehind;
  }

  async #adopt(change: number): Promise<boolean> {
    const { clock, intake } = this.#options;
    const atMs = clock.monotonicMs();
    if (this.#refused.change === change && atMs - this.#refused.atMs < adoptAgainMs) return false;
    const isRefused = (await intake.adopt()) === 'refused';
    if (isRefused) this.#refused = { change, atMs };
    return !isRefused;
  }

  async #catchUp(): Promise<boolean> {
    const { shared, clock, onChange, settled } = this.#options;
    const isOver = new AbortController();
    const caughtUp = async (): Promise<boolean> => {
      if (await this.#follow(await shared.standing())) onChange();
      await settled();
      return true;
    };
    const tooLate = clock.sleep(catchUpMsMax, isOver.signal).then(
      () => false,
      () => false,
    );
    return Promise.race([caughtUp().catch(() => false), tooLate]).finally(() => isOver.abort());
  }

  async #beat(): Promise<void> {
    const { shared, clock, presence, records } = this.#options;
    const contacts = presence.report();
    const replayed = new Set([...contacts.keys()].filter((host) => records.of(host).isReplayed));
    const text = reportToText({ contacts, replayed });
    if (text !== this.#report.text) {
      const report = { version: this.#report.version + 1, text };
      await shared.beat(report);
      this.#report = report;
    } else if (clock.monotonicMs() - this.#beatAtMs < beatMs) return;
    else await shared.beat(null);
    this.#beatAtMs = clock.monotonicMs();
  }

  /** True if another control plane said something new of its hosts, or is gone. */
  async #noteMembers(members: readonly MemberStanding[]): Promise<boolean> {
    const { shared, clock, presence, log } = this.#options;
    const now = clock.monotonicMs();
    const others = members.filter(({ id }) => id !== shared.member);
    const news: MemberStanding[] = [];
    for (const { id, beat, version } of others) {
      const seen = this.#members.get(id);
      const isAlive = seen?.beat !== beat;
      if (isAlive && seen?.version !== version) news.push({ id, beat, version });
      this.#members.set(id, isAlive ? { beat, version, aliveAtMs: now } : seen);
    }
    const reports = await shared.contactsOf(news.map(({ id }) => id));
    for (const [id, text] of reports) this.#noteReport(id, text);
    let isChanged = reports.size > 0;
    for (const [id, seen] of this.#members) {
      const isThere = others.some((member) => member.id === id);
      if (isThere && now - seen.aliveAtMs < goneAfterMs) continue;
      if (seen.version !== null) {
        log.warn({ member: id }, isThere ? 'a control plane gives no sign of life' : 'a control plane has left');
        presence.forgetMember(id);
        isChanged = true;
      }
      if (isThere) this.#members.set(id, { ...seen, version: null });
      else this.#members.delete(id);
      // Whoever leads is removed by whoever leads next, who must have seen it gone.
      if (isThere && this.#standing?.leader !== id) await shared.remove(id, seen.beat);
    }
    return isChanged;
  }

  #noteReport(id: MemberId, text: string): void {
    const { presence, records } = this.#options;
    const report = reportFromText(text);
    presence.noteReport(id, report?.contacts ?? new Map());
    const replayed: Iterable<HostName> = report?.replayed ?? [];
    for (const host of replayed) records.markReplayed(host);
  }

  /** True if this control plane leads since, or does no more. */
  async #lead({ epoch, leader, members }: SharedStanding): Promise<boolean> {
    const { shared, clock, log } = this.#options;
    if (leader === shared.member && this.#term?.epoch === epoch) return false;
    const before = this.#term;
    this.#term = null;
    const beat = members.find(({ id }) => id === leader)?.beat ?? null;
    const seen = leader === null ? undefined : this.#members.get(leader);
    const isGone = beat === null || (seen !== undefined && clock.monotonicMs() - seen.aliveAtMs >= goneAfterMs);
    if (leader !== shared.member && !isGone) return before !== null;
    // Its own member of before too: a claim whose answer was lost is made again.
    this.#term = await shared.claim({ epoch, leader, beat });
    if (this.#term) log.info({ epoch: this.#term.epoch }, 'this control plane leads');
    return this.#term !== before;
  }
}
