import { type Clock, JournalId, parseMessage, type Random } from '@nixfleet/contracts';
import { z } from 'zod';
import type { ControlPlaneClient } from '../control-plane-client.ts';
import { AgentError } from '../errors.ts';
import type { Files } from '../files.ts';
import type { Gate } from '../gate.ts';
import type { Log } from '../log.ts';
import { RetryDelay } from '../retry-delay.ts';
import type { Collector } from './collector.ts';

/** Between two looks for documents that nobody told of, in milliseconds: those of the collector's own timer. */
const lookMs = 300_000;
const parkedMsMax = 3_600_000;

/** How far a chain is stored elsewhere. */
const Delivered = z.object({ chain: JournalId, sequence: z.int().min(1) });
type Delivered = z.infer<typeof Delivered>;

export interface EvidenceDeliveryDeps {
  readonly collector: Collector;
  readonly client: ControlPlaneClient;
  readonly gate: Gate;
  readonly files: Files;
  /** Remembers how far it came; lost, everything that is still kept is sent again. */
  readonly path: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** Brings what the collector keeps to the control plane, oldest first; the journal names each by its hash, whatever becomes of this. */
export class EvidenceDelivery {
  readonly #deps: EvidenceDeliveryDeps;
  readonly #delay: RetryDelay;
  #wake = new AbortController();

  constructor(deps: EvidenceDeliveryDeps) {
    this.#deps = deps;
    this.#delay = new RetryDelay(deps, { firstMs: 5000, maxMs: parkedMsMax });
  }

  /** There is a new one. */
  kick(): void {
    this.#wake.abort();
  }

  async run(signal: AbortSignal): Promise<void> {
    const { gate, clock } = this.#deps;
    while (!signal.aborted) {
      this.#wake = new AbortController();
      await gate.open(signal);
      if (await this.#deliver(signal)) {
        this.#delay.succeeded();
        await clock.sleep(lookMs, AbortSignal.any([signal, this.#wake.signal])).catch(() => {});
      } else if (!signal.aborted) {
        await this.#delay.wait(this.#delay.failed(), signal);
      }
    }
  }

  /** False: not all of it could be brought now. */
  async #deliver(signal: AbortSignal): Promise<boolean> {
    const { collector, client, log } = this.#deps;
    try {
      for (const document of await collector.documents(await this.#delivered())) {
        const place = deliveredIn(document.bytes);
        // What is no document of ours would be refused for ever, and keep the next from being sent.
        if (place === null || document.sig === null || document.sshsig === null) continue;
        const { bytes, sig, sshsig } = document;
        const upload = { evidence: new TextDecoder().decode(bytes), sig, sshsig };
        const answer = await client.deliverEvidence(upload, signal);
        const isRefused =
          !answer.ok && (answer.code === 'bad-evidence' || answer.code === 'fork' || answer.code === 'malformed');
        if (isRefused)
          log('error', 'evidence is refused', { sequence: place.sequence, code: answer.code, detail: answer.detail });
        if (!answer.ok && !isRefused) return false;
        await this.#remember(place);
      }
      return true;
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      log('warn', 'evidence cannot be brought', { code: error.code, error: error.message });
      return false;
    }
  }

  async #delivered(): Promise<Delivered | null> {
    const bytes = await this.#deps.files.read(this.#deps.path, 1024);
    return bytes && deliveredIn(bytes);
  }

  async #remember({ chain, sequence }: Delivered): Promise<void> {
    await this.#deps.files.write(this.#deps.path, new TextEncoder().encode(`${JSON.stringify({ chain, sequence })}\n`));
  }
}

/** Null for what says nothing of it: a record that was cut off, or no document of ours. */
function deliveredIn(bytes: Uint8Array): Delivered | null {
  const parsed = parseMessage(Delivered, bytes);
  return parsed.ok ? parsed.value : null;
}
