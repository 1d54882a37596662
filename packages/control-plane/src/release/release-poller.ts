import type { Clock, Random } from '@nixfleet/contracts';
import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { IntakeOutcome, ReleaseIntake } from './release-intake.ts';
import type { ReleaseSource } from './release-source.ts';

/** Shortest time between two fetches that somebody asked for, in milliseconds, however many ask. */
export const fetchIntervalMsMin = 5000;
/** Share of the interval by which polls are spread, either way. */
const jitter = 0.1;

export interface ReleasePollerOptions {
  readonly source: ReleaseSource;
  readonly intake: ReleaseIntake;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly pollSeconds: number;
  readonly onPolled: (outcome: IntakeOutcome | 'failed') => void;
}

/**
 * Looks at the release source now and then, and when asked. One fetch at a time; those that were asked for are at least
 * 5 s apart, and a look of its own that happened a moment before does not keep the first of them waiting.
 */
export class ReleasePoller {
  readonly #options: ReleasePollerOptions;
  readonly #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #nap = new AbortController();
  #isAsked = false;
  /** When it last looked because it was asked, in monotonic milliseconds. */
  #askedAtMs = Number.NEGATIVE_INFINITY;
  /** Of a tree that has nothing more to tell. */
  #goodId: string | null = null;
  #problem: string | null = null;
  /** Monotonic milliseconds of the last look that the source answered; null before. */
  succeededAtMs: number | null = null;

  constructor(options: ReleasePollerOptions) {
    this.#options = options;
  }

  get problem(): string | null {
    return this.#problem;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** A hint that there may be something new. */
  refresh(): void {
    this.#isAsked = true;
    this.#nap.abort();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#nap.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock, random, pollSeconds } = this.#options;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const startedAtMs = clock.monotonicMs();
      if (this.#isAsked) this.#askedAtMs = startedAtMs;
      this.#isAsked = false;
      await this.#poll();
      const spread = 1 + jitter * (2 * random.uniform() - 1);
      await this.#sleepUntil(startedAtMs + pollSeconds * 1000 * spread, true);
      if (this.#isAsked) await this.#sleepUntil(this.#askedAtMs + fetchIntervalMsMin, false);
    }
  }

  async #sleepUntil(atMs: number, endsWhenAsked: boolean): Promise<void> {
    this.#nap = new AbortController();
    if (this.#stopping.signal.aborted || (endsWhenAsked && this.#isAsked)) return;
    const signal = endsWhenAsked ? this.#nap.signal : this.#stopping.signal;
    await this.#options.clock.sleep(atMs - this.#options.clock.monotonicMs(), signal).catch(() => {});
  }

  async #poll(): Promise<void> {
    const { source, intake, log, onPolled, clock } = this.#options;
    try {
      await intake.lookAgain();
      await using snapshot = await source.open(this.#stopping.signal);
      let outcome: IntakeOutcome = 'unchanged';
      if (snapshot.id === null || snapshot.id !== this.#goodId) {
        this.#goodId = null;
        outcome = await intake.take(snapshot);
        if (outcome !== 'refused' && intake.isHoldsRead) this.#goodId = snapshot.id;
      }
      this.#problem = null;
      this.succeededAtMs = clock.monotonicMs();
      onPolled(outcome);
    } catch (error) {
      if (this.#stopping.signal.aborted) return;
      const problem = `the release source (${source.description}) failed: ${messageOf(error)}`;
      if (problem !== this.#problem) log.warn({ problem }, 'release source');
      this.#problem = problem;
      onPolled('failed');
    }
  }
}
