import type { CheckinReply, Go, Json, SignedEvent } from '@nixfleet/contracts';
import { canonicalBytes, sha256Hex } from '@nixfleet/contracts';
import type { ApiRequest, ApiResponse } from '@nixfleet/control-plane';
import { cheapCrypto } from './cheap-crypto.ts';
import type { Dice } from './dice.ts';
import type { Facts } from './facts.ts';

const signedPrefix = '/v1/signed/';

/**
 * What a thief does with a stolen control plane: it has every byte that was ever published and every event that was ever
 * delivered, and no signing key. It permits whatever it likes, keeps back what it likes, and alters what it hands out.
 */
export class StolenServer {
  readonly #dice: Dice;
  readonly #facts: Facts;
  /** States of `releases/` as they were published, oldest first. */
  readonly #published: ReadonlyMap<string, Uint8Array>[] = [];
  readonly #receipts: SignedEvent[] = [];
  /** The state of which everything is served at the moment. */
  #served = 0;
  isAtWork = false;

  constructor(facts: Facts, dice: Dice) {
    this.#facts = facts;
    this.#dice = dice;
  }

  published(files: ReadonlyMap<string, Uint8Array>): void {
    this.#published.push(files);
    this.#served = this.#published.length - 1;
  }

  delivered(events: readonly SignedEvent[]): void {
    for (const event of events) if (event.event.includes('"kind":"converged"')) this.#receipts.push(event);
  }

  /** Changes its mind about which past it shows. */
  turn(): void {
    const newest = this.#published.length - 1;
    this.#served = this.#dice.chance(0.5) ? newest : this.#dice.whole(0, newest);
  }

  /** Its answer in place of the honest one, which is null where that broke off. */
  async answer(host: string, request: ApiRequest, honest: ApiResponse | null): Promise<ApiResponse | null> {
    if (honest === null) return null;
    if (request.path.startsWith(signedPrefix)) return this.#signed(request.path.slice(signedPrefix.length), honest);
    if (request.path !== '/v1/agent/checkin' || honest.status !== 200 || typeof honest.body !== 'string') return honest;
    const reply = await this.#permit(host, JSON.parse(honest.body) as CheckinReply);
    return { ...honest, body: JSON.stringify(reply) };
  }

  #signed(path: string, honest: ApiResponse): ApiResponse {
    const dice = this.#dice;
    // Hides a brake, or anything else.
    if (dice.chance(path.startsWith('holds/') ? 0.5 : 0.03)) return { ...honest, status: 404, body: '' };
    const bytes = this.#published[this.#served]?.get(path);
    if (bytes === undefined) return honest;
    const body = dice.chance(0.05) ? altered(bytes, dice) : bytes;
    return { ...honest, status: 200, body };
  }

  async #permit(host: string, reply: CheckinReply): Promise<Json> {
    const head = this.#published[this.#served]?.get('head.json');
    const shown = { ...reply, head: head === undefined ? reply.head : await sha256Hex(cheapCrypto, head) };
    const rollouts = [...this.#facts.rollouts].filter(([, { hosts }]) => hosts[host as never] !== undefined);
    if (rollouts.length === 0 || this.#dice.chance(0.3)) return shown as unknown as Json;
    const [rolloutId, manifest] = this.#dice.chance(0.7)
      ? (rollouts.at(-1) as (typeof rollouts)[number])
      : this.#dice.pick(rollouts);
    const entry = manifest.hosts[host as never];
    if (!entry) return shown as unknown as Json;
    const wave = this.#dice.chance(0.9) ? entry.wave : this.#dice.whole(0, manifest.waves.length);
    const go: Go = {
      rolloutId: rolloutId as Go['rolloutId'],
      wave,
      attempt: entry.attempt,
      receipts: this.#receiptsFor(rolloutId),
    };
    const goId = await sha256Hex(cheapCrypto, canonicalBytes(go as unknown as Json));
    return { ...shown, goId, go } as unknown as Json;
  }

  /** Too few, twice the same, of another rollout, or with another's name on them: it has no better ones. */
  #receiptsFor(rolloutId: string): SignedEvent[] {
    const dice = this.#dice;
    const fitting = this.#receipts.filter(({ event }) => event.includes(rolloutId));
    const [any] = fitting;
    switch (dice.whole(1, 5)) {
      case 1:
        return [];
      case 2:
        return any === undefined ? [] : [any, any, any];
      case 3:
        return this.#receipts.slice(-5);
      case 4:
        return any === undefined
          ? []
          : [...this.#facts.ledgers.keys()].map((name) => ({
              ...any,
              event: any.event.replace(/"host":"[^"]*"/, `"host":"${name}"`),
            }));
      default:
        return fitting;
    }
  }
}

/** One byte is another. */
function altered(bytes: Uint8Array, dice: Dice): Uint8Array {
  const copy = bytes.slice();
  if (copy.length > 0) copy[dice.whole(0, copy.length - 1)] = dice.whole(0, 255);
  return copy;
}
