import type { Clock } from '@nixfleet/contracts';
import type { Limits } from '../limits.ts';
import { addressGroup } from './address.ts';
import { TokenBuckets } from './token-buckets.ts';

export type ConnectionRefusal = 'total' | 'address' | 'rate' | 'handshakes';

/** Decides on a TCP connection before any TLS work is spent on it. */
export class ConnectionGuard {
  readonly #limits: Limits;
  readonly #rate: TokenBuckets;
  readonly #perAddress = new Map<string, number>();
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
    const fromHere = this.#perAddress.get(group) ?? 0;
    if (this.#open >= this.#limits.connectionsMax) return 'total';
    if (fromHere >= this.#limits.connectionsPerAddressMax) return 'address';
    if (this.#handshaking >= this.#limits.handshakesMax) return 'handshakes';
    if (!this.#rate.take(group)) return 'rate';
    this.#open++;
    this.#handshaking++;
    this.#perAddress.set(group, fromHere + 1);
    return null;
  }

  secured(): void {
    this.#handshaking--;
  }

  closed(address: string, wasSecured: boolean): void {
    const group = addressGroup(address);
    this.#open--;
    if (!wasSecured) this.#handshaking--;
    const left = (this.#perAddress.get(group) ?? 1) - 1;
    if (left > 0) this.#perAddress.set(group, left);
    else this.#perAddress.delete(group);
  }
}
