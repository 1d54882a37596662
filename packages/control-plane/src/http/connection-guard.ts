import type { Clock } from '@nixfleet/contracts';
import type { Limits } from '../limits.ts';
import { addressGroup } from './address.ts';
import { TokenBuckets } from './token-buckets.ts';

export type ConnectionRefusal = 'total' | 'address' | 'rate' | 'handshakes';

/** Decides on a TCP connection before any TLS work is spent on it. */
export class ConnectionGuard {
  readonly #limits: Limits;
  readonly #rate: TokenBuckets;
  readonly #perAddress = new Counts();
  readonly #handshakesPerAddress = new Counts();
  #open = 0;
  #handshaking = 0;

  constructor({ clock, limits }: { readonly clock: Clock; readonly limits: Limits }) {
    this.#limits = limits;
    this.#rate = new TokenBuckets(clock, limits.addressConnections);
  }

  get open(): number {
    return this.#open;
  }

  /** Null if it may go on; then `closed` must follow once, and `secured` or `closed` ends its handshake. */
  admit(address: string): ConnectionRefusal | null {
    const group = addressGroup(address);
    if (this.#open >= this.#limits.connectionsMax) return 'total';
    if (this.#perAddress.of(group) >= this.#limits.connectionsPerAddressMax) return 'address';
    if (this.#handshaking >= this.#limits.handshakesMax) return 'handshakes';
    if (this.#handshakesPerAddress.of(group) >= this.#limits.handshakesPerAddressMax) return 'handshakes';
    if (!this.#rate.take(group)) return 'rate';
    this.#open++;
    this.#perAddress.add(group, 1);
    this.#handshake(group, 1);
    return null;
  }

  secured(address: string): void {
    this.#handshake(addressGroup(address), -1);
  }

  closed(address: string, wasSecured: boolean): void {
    const group = addressGroup(address);
    this.#open--;
    this.#perAddress.add(group, -1);
    if (!wasSecured) this.#handshake(group, -1);
  }

  #handshake(group: string, change: 1 | -1): void {
    this.#handshaking += change;
    this.#handshakesPerAddress.add(group, change);
  }
}

/** How many of each there are; what there is none of costs nothing. */
class Counts {
  readonly #counts = new Map<string, number>();

  of(key: string): number {
    return this.#counts.get(key) ?? 0;
  }

  add(key: string, change: number): void {
    const count = this.of(key) + change;
    if (count > 0) this.#counts.set(key, count);
    else this.#counts.delete(key);
  }
}
