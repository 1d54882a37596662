import { type Clock, type FleetView, type Instant, nearestInstant } from '@nixfleet/contracts';
import { addressGroup } from './address.ts';

/** Keys listed at once. */
export const unknownKeysMax = 256;
/** Keys listed at once from one address group, so that one scanner does not push out a new host. */
export const unknownKeysPerAddressMax = 16;

type UnknownKey = FleetView['unknownKeys'][number];

interface Entry {
  readonly address: string;
  readonly group: string;
  readonly firstSeenAt: Instant;
  lastSeenAt: Instant;
  count: number;
}

/** Keys that asked and are not declared: what an operator looks at when a new host does not appear. Bounded. */
export class UnknownKeys {
  readonly #clock: Clock;
  /** Oldest contact first. */
  readonly #entries = new Map<string, Entry>();
  readonly #perGroup = new Map<string, number>();
  /** Every request of an undeclared key, listed or not. */
  requests = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** True when the key was not listed before: worth a line in the log. */
  note(spkiSha256: string, address: string): boolean {
    this.requests++;
    const now = nearestInstant(this.#clock.now());
    const known = this.#entries.get(spkiSha256);
    if (known) {
      known.count++;
      known.lastSeenAt = now;
      this.#entries.delete(spkiSha256);
      this.#entries.set(spkiSha256, known);
      return false;
    }
    const group = addressGroup(address);
    const listed = this.#perGroup.get(group) ?? 0;
    if (listed >= unknownKeysPerAddressMax) this.#forgetOldest((entry) => entry.group === group);
    else if (this.#entries.size >= unknownKeysMax) this.#forgetOldest(() => true);
    this.#entries.set(spkiSha256, { address, group, firstSeenAt: now, lastSeenAt: now, count: 1 });
    this.#perGroup.set(group, (this.#perGroup.get(group) ?? 0) + 1);
    return listed < unknownKeysPerAddressMax;
  }

  /** A release declares these now. */
  forget(spkiSha256: string): void {
    const entry = this.#entries.get(spkiSha256);
    if (!entry) return;
    this.#entries.delete(spkiSha256);
    const left = (this.#perGroup.get(entry.group) ?? 1) - 1;
    if (left > 0) this.#perGroup.set(entry.group, left);
    else this.#perGroup.delete(entry.group);
  }

  get size(): number {
    return this.#entries.size;
  }

  keys(): Iterable<string> {
    return this.#entries.keys();
  }

  /** Newest first. */
  list(): UnknownKey[] {
    return [...this.#entries]
      .map(([fingerprint, { address, firstSeenAt, lastSeenAt, count }]) => ({
        fingerprint,
        address,
        firstSeenAt,
        lastSeenAt,
        count,
      }))
      .reverse();
  }

  #forgetOldest(matches: (entry: Entry) => boolean): void {
    for (const [key, entry] of this.#entries) {
      if (!matches(entry)) continue;
      this.forget(key);
      return;
    }
  }
}
