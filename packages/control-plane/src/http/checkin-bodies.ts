import { CheckinRequest, type HostName, type ParsedMessage, parseMessage } from '@nixfleet/contracts';

/** Longest body that is remembered, in bytes: several times what an agent sends. */
const rememberedBytesMax = 1024;

interface Remembered {
  readonly bytes: Uint8Array;
  readonly parsed: ParsedMessage<CheckinRequest>;
}

/**
 * What hosts say of themselves, parsed. Until something changes an idle host says the same, byte for byte, at every
 * check-in, and parsing is the dearest part of one: so the last body of each host is kept, and the same bytes parse to
 * what they parsed to.
 */
export class CheckinBodies {
  readonly #last = new Map<HostName, Remembered>();

  parse(host: HostName, body: Uint8Array): ParsedMessage<CheckinRequest> {
    const last = this.#last.get(host);
    if (last && Buffer.compare(last.bytes, body) === 0) return last.parsed;
    const parsed = parseMessage(CheckinRequest, body);
    // A copy: what a connection read is part of a larger buffer.
    if (parsed.ok && body.length <= rememberedBytesMax) this.#last.set(host, { bytes: Uint8Array.from(body), parsed });
    return parsed;
  }

  /** Hosts that are declared no longer. */
  keepOnly(isDeclared: (host: HostName) => boolean): void {
    for (const host of this.#last.keys()) if (!isDeclared(host)) this.#last.delete(host);
  }

  get size(): number {
    return this.#last.size;
  }
}
