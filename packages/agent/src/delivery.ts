import { batchEventsMax, bodyBytesMax, type Clock, type JournalId, type Random } from '@nixfleet/contracts';
import { Allowance } from './allowance.ts';
import type { ControlPlaneClient, NoAnswer } from './control-plane-client.ts';
import { AgentError } from './errors.ts';
import type { Gate } from './gate.ts';
import type { Journal } from './journal.ts';
import type { Log } from './log.ts';
import { RetryDelay } from './retry-delay.ts';

/** Room for what is around the events in a body, in bytes. */
const envelopeBytes = 4096;
/** Replays that are asked for at once, and then how often: each may be the whole journal. */
const replays = { burst: 4, refillMs: 120_000 };
const batch = { eventsMax: batchEventsMax, bytesMax: bodyBytesMax - envelopeBytes };

export interface DeliveryDeps {
  readonly journal: Journal;
  readonly client: ControlPlaneClient;
  readonly gate: Gate;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** The control plane answered. */
  readonly onContact: () => void;
  /** It took the journal after it had not. */
  readonly onBack: () => void;
  /** The control plane has more of this journal than we do, or another one under its name: this host was restored. */
  readonly onRestored: (journal: JournalId, detail: string) => void;
}

/** Brings the journal to the control plane: in order, in bounded batches, until it says that it is durable there. */
export class Delivery {
  readonly #deps: DeliveryDeps;
  readonly #delay: RetryDelay;
  readonly #replays: Allowance;
  #wake: () => void = () => {};
  #isWanted = true;

  constructor(deps: DeliveryDeps) {
    this.#deps = deps;
    this.#delay = new RetryDelay(deps, { firstMs: 1000, maxMs: 60_000 });
    this.#replays = new Allowance(deps.clock, replays);
  }

  /** There is something new to deliver. */
  kick(): void {
    this.#isWanted = true;
    this.#wake();
  }

  /** The control plane answered something else: what failed need not wait its time out. */
  retry(): void {
    this.#delay.cutShort();
  }

  /** The machine was switched, its network perhaps with it. */
  startOver(): void {
    this.#delay.startOver();
  }

  /** The control plane asks for the journal from `seq` on: it lost what it had, or never had it. */
  async replayFrom({ journal, seq }: { readonly journal: string; readonly seq: number }): Promise<void> {
    const own = this.#deps.journal;
    if (journal !== own.id) return;
    if (seq > own.position.seq + 1) {
      return this.#deps.onRestored(
        own.position.journal,
        `the control plane has events up to ${seq - 1}, and here are ${own.position.seq}`,
      );
    }
    // Already on its way from there, or from before.
    if (own.acknowledgedSeq < seq) return this.kick();
    if (!this.#replays.tryTake()) return this.#deps.log('warn', 'asked for a replay too often', { seq });
    await this.#acknowledge(Math.max(0, seq - 1));
    this.kick();
  }

  async run(signal: AbortSignal): Promise<void> {
    const { gate, log, onBack } = this.#deps;
    while (!signal.aborted) {
      await this.#untilWanted(signal);
      await gate.open(signal);
      this.#isWanted = false;
      const outcome = await this.#deliverPending({ isFresh: false, signal });
      if (outcome === null) {
        if (this.#delay.succeeded()) onBack();
      } else if (!signal.aborted) {
        const waitMs = this.#delay.failed();
        log('debug', 'events are not delivered', { code: outcome.code, detail: outcome.detail, waitMs });
        this.#isWanted = true;
        await this.#delay.wait(waitMs, signal);
      }
    }
  }

  /**
   * Once, over a new connection, everything from `seq` on whether it was sent before or not: the proof that this host,
   * after its switch, reaches the control plane. Null when all of it is durable there.
   */
  async deliverFresh(seq: number, signal: AbortSignal): Promise<NoAnswer | null> {
    const { journal } = this.#deps;
    if (journal.acknowledgedSeq >= seq) return this.#send(seq, { isFresh: true, signal });
    return this.#deliverPending({ isFresh: true, signal });
  }

  async #deliverPending(how: { readonly isFresh: boolean; readonly signal: AbortSignal }): Promise<NoAnswer | null> {
    const { journal } = this.#deps;
    while (journal.id !== null && journal.acknowledgedSeq < journal.position.seq) {
      const problem = await this.#send(journal.acknowledgedSeq + 1, how);
      if (problem) return problem;
    }
    return null;
  }

  /** One batch from `seq` on. */
  async #send(seq: number, how: { readonly isFresh: boolean; readonly signal: AbortSignal }): Promise<NoAnswer | null> {
    const { journal, client, onContact, onRestored } = this.#deps;
    const { id } = journal;
    const entries = journal.batchFrom(seq, batch);
    if (id === null || entries.length === 0) return null;
    const answer = await client.deliver(id, entries, how);
    if (journal.id !== id) return null;
    if (answer.ok) {
      const { stored } = answer.value;
      onContact();
      const own = journal.entryAt(stored.seq);
      if (stored.journal !== id || stored.seq > journal.position.seq || (own && own.sha256 !== stored.sha256)) {
        onRestored(id, `the control plane stored event ${stored.seq} ${stored.sha256}, which is not ours`);
        return { ok: false, code: 'fork', detail: 'a new journal is started' };
      }
      const before = journal.acknowledgedSeq;
      await this.#acknowledge(Math.max(before, stored.seq));
      // Every answer must move on, or the same batch would be sent for ever.
      const isStuck = journal.acknowledgedSeq < seq;
      return isStuck ? { ok: false, code: 'garbled', detail: `stored ${stored.seq}, sent from ${seq}` } : null;
    }
    if (answer.code === 'fork') onRestored(id, answer.detail);
    if (answer.code === 'gap' && answer.replayFrom) await this.replayFrom(answer.replayFrom);
    return answer;
  }

  /** A full disk must not end the delivery that would let the journal be pruned. */
  async #acknowledge(seq: number): Promise<void> {
    const { journal, log } = this.#deps;
    try {
      await journal.acknowledge(seq);
      await journal.prune();
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      log('warn', 'the journal cannot be pruned', { code: error.code, error: error.message });
    }
  }

  #untilWanted(signal: AbortSignal): Promise<void> {
    if (this.#isWanted) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const abort = (): void => reject(signal.reason);
      signal.addEventListener('abort', abort, { once: true });
      this.#wake = () => {
        signal.removeEventListener('abort', abort);
        resolve();
      };
    });
  }
}
