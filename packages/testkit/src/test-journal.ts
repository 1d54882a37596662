import {
  type BootId,
  canonicalBytes,
  type EventContent,
  type FleetName,
  type HostName,
  type Instant,
  JournalEvent,
  type JournalId,
  type JournalPosition,
  type Json,
  journalStart,
  type RolloutId,
  type SignedEvent,
  sha256Hex,
} from '@nixfleet/contracts';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import type { TestKey } from './test-key.ts';

/** Signs an event as it stands, correct or not. */
export async function signEvent(key: TestKey, event: object): Promise<SignedEvent> {
  const bytes = canonicalBytes(event as Json);
  const signature = await key.sign(bytes);
  return { event: new TextDecoder().decode(bytes), signature: Buffer.from(signature).toString('base64') };
}

/** One host's journal: chains and signs what is appended, as an agent does. */
export class TestJournal {
  readonly host: HostName;
  readonly journal: JournalId;
  readonly events: SignedEvent[] = [];
  readonly #fleet: FleetName;
  readonly #key: TestKey;
  #position: JournalPosition;

  constructor(options: {
    readonly fleet: FleetName;
    readonly host: HostName;
    readonly key: TestKey;
    readonly journal: JournalId;
  }) {
    this.#fleet = options.fleet;
    this.host = options.host;
    this.#key = options.key;
    this.journal = options.journal;
    this.#position = { journal: this.journal, seq: 0, sha256: journalStart };
  }

  /** After the last event. */
  get position(): JournalPosition {
    return this.#position;
  }

  /** Throws if the content is no valid event. */
  async append(
    content: EventContent,
    {
      at,
      rolloutId,
      bootId = 'boot-1',
    }: { readonly at: Instant; readonly rolloutId?: RolloutId; readonly bootId?: string },
  ): Promise<SignedEvent> {
    const event = JournalEvent.parse({
      type: 'event',
      fleet: this.#fleet,
      schemaVersion: 1,
      host: this.host,
      journal: this.journal,
      seq: this.#position.seq + 1,
      prevSha256: this.#position.sha256,
      at,
      bootId: bootId as BootId,
      ...(rolloutId && { rolloutId }),
      ...content,
    });
    const signed = await signEvent(this.#key, event);
    const sha256 = await sha256Hex(nodeCrypto, new TextEncoder().encode(signed.event));
    this.#position = { journal: this.journal, seq: event.seq, sha256 };
    this.events.push(signed);
    return signed;
  }
}
