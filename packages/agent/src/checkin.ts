import {
  type CheckinReply,
  type CheckinRequest,
  type Clock,
  type JournalPosition,
  type Random,
  type Sha256Hex,
  undecided,
  woken,
} from '@nixfleet/contracts';
import { Allowance } from './allowance.ts';
import type { Answer, ControlPlaneClient } from './control-plane-client.ts';
import { messageOf } from './errors.ts';
import type { Gate } from './gate.ts';
import type { Log } from './log.ts';
import { RetryDelay } from './retry-delay.ts';

/** A control plane that answers a held check-in at once, again and again, is asked no faster than this, in milliseconds. */
const restMs = 250;
/** A held check-in that is answered sooner than this was answered early, in milliseconds. */
const earlyMs = 1000;
/** Early answers in a row, and then how often: enough for a day of many releases, and no busy loop for a control plane that always has news. */
const early = { burst: 60, refillMs: 2_000 };

/** How long an answer that something is to start on may take, with all that has to be read for it, in milliseconds. */
const freshMsMax = 15_000;
/** How often a fresh one is asked for: what was read once is not read again. */
const againTriesMax = 3;
/** How long the control plane may take to decide, in seconds: what this host wrote a moment ago may still be on its way there. */
const decisionSecondsMax = 10;

/** What came of asking whether something may start: `undecided` is an answer, and no permission. */
export type Decision = 'decided' | 'undecided' | 'silence';

export interface CheckinDeps {
  readonly client: ControlPlaneClient;
  readonly gate: Gate;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly waitSeconds: number;
  /** What this host says of itself now. */
  readonly request: () => Promise<Omit<CheckinRequest, 'seen'>>;
  /**
   * Takes a reply in, to a question that was asked at a place of the journal. False: it could not be followed to its end, or no
   * longer counts, so that the same is to be told again.
   */
  readonly take: (reply: CheckinReply, askedAt: JournalPosition, signal: AbortSignal) => Promise<boolean>;
  /** The control plane answered after it had not. */
  readonly onBack: () => void;
}

/** Held check-ins, one after the other: a change at the control plane is told within a moment. */
export class Checkin {
  readonly #deps: CheckinDeps;
  readonly #delay: RetryDelay;
  readonly #early: Allowance;
  #seen: { head: Sha256Hex | null; go: Sha256Hex | null } = { head: null, go: null };
  /** How often it was: an answer that is taken in meanwhile was to what was seen before. */
  #forgotten = 0;
  /** Ends the check-in that is held. */
  #held = new AbortController();

  constructor(deps: CheckinDeps) {
    this.#deps = deps;
    this.#delay = new RetryDelay(deps, { firstMs: 500, maxMs: 60_000 });
    this.#early = new Allowance(deps.clock, early);
  }

  async run(signal: AbortSignal): Promise<void> {
    const { gate, clock, log, waitSeconds, onBack } = this.#deps;
    signal.addEventListener('abort', () => this.#held.abort(woken), { once: true });
    while (!signal.aborted) {
      await gate.open(signal);
      if (signal.aborted) return;
      const startedMs = clock.monotonicMs();
      const held = new AbortController();
      this.#held = held;
      const answer = await this.#ask(this.#seen, waitSeconds, signal, held.signal);
      if (signal.aborted) return;
      if (!answer.ok && held.signal.aborted) continue;
      if (answer.ok) {
        if (this.#delay.succeeded()) onBack();
        const tookMs = clock.monotonicMs() - startedMs;
        const isEarly = waitSeconds > 0 && tookMs < earlyMs;
        await clock.sleep(Math.max(restMs - tookMs, isEarly ? this.#early.take() : 0), signal);
        continue;
      }
      const waitMs = this.#delay.failed();
      // 403: this key is not declared yet. Waiting is all there is to do; the fleet's owner sees the key listed.
      log(answer.code === 'unknown-key' ? 'warn' : 'debug', 'no check-in', { ...answer, waitMs });
      await this.#delay.wait(waitMs, signal);
    }
  }

  /** The control plane answered something else: a check-in that failed need not wait its time out. */
  retry(): void {
    this.#delay.cutShort();
  }

  /** What was permitted is used up: whatever is from now on is to be told, and the one who holds the answer back is asked anew. */
  forgetGo(): void {
    this.#forgotten++;
    this.#seen = { ...this.#seen, go: null };
    this.#held.abort(woken);
    this.#delay.cutShort();
  }

  /** The machine was switched, its network perhaps with it. */
  startOver(): void {
    this.#delay.startOver();
  }

  /**
   * Now, and told what is permitted whether it was seen or not. `silence`: no answer, or none that is fresh: over a
   * bad line, what was permitted may have been taken back while the release that came with it was read.
   */
  async again(signal: AbortSignal): Promise<Decision> {
    const { clock } = this.#deps;
    for (let tries = 0; tries < againTriesMax; tries++) {
      const askedMs = clock.monotonicMs();
      const answer = await this.#ask({ ...this.#seen, go: undecided }, decisionSecondsMax, signal);
      if (!answer.ok) return answer.code === 'undecided' ? 'undecided' : 'silence';
      if (clock.monotonicMs() - askedMs <= freshMsMax) return 'decided';
    }
    return 'silence';
  }

  /** Says what this host says of itself, once, with nothing held. */
  async tell(signal: AbortSignal): Promise<void> {
    await this.#ask(this.#seen, 0, signal);
  }

  async #ask(
    seen: CheckinRequest['seen'],
    waitSeconds: number,
    signal: AbortSignal,
    /** Gives the answer up; what is taken in of one is taken in to its end. */
    held = signal,
  ): Promise<Answer<CheckinReply>> {
    const { client, request, take } = this.#deps;
    const forgotten = this.#forgotten;
    const asked = await request();
    const answer = await client.checkin({ ...asked, seen }, waitSeconds, held);
    if (!answer.ok) return answer;
    if (answer.value.goId === undecided) return { ok: false, code: 'undecided', detail: 'nothing was decided yet' };
    // Whatever a reply sets off in us, it must not end the agent.
    const isFollowed = await take(answer.value, asked.journal, signal).catch((error: unknown) => {
      signal.throwIfAborted();
      this.#deps.log('error', 'a reply cannot be taken in', { error: messageOf(error) });
      return false;
    });
    if (!isFollowed) {
      // Its `go` may have been taken in, and another one seen before: whichever stands is to be told again.
      this.#seen = { ...this.#seen, go: null };
      return { ok: false, code: 'garbled', detail: 'the reply could not be followed to its end' };
    }
    const isForgotten = forgotten !== this.#forgotten;
    this.#seen = { head: answer.value.head, go: isForgotten ? null : answer.value.goId };
    return answer;
  }
}
