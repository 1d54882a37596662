import type { CheckinReply, EventBatch, Go, JournalEvent, Json, SignedEvent } from '@nixfleet/contracts';
import { canonicalBytes, sha256Hex } from '@nixfleet/contracts';
import type { ApiRequest, ApiResponse } from '@nixfleet/control-plane';
import { cheapCrypto } from './cheap-crypto.ts';
import type { Dice } from './dice.ts';
import type { Facts } from './facts.ts';
import type { Scheduler } from './scheduler.ts';

const signedPrefix = '/v1/signed/';
/** Receipts of whatever rollout that it offers for another one. */
const newestMax = 5;
/** Share of the time in which a thief answers every check-in at once; else it lets them wait, for so long, in milliseconds. */
const hastyShare = 0.3;
const patience = { fromMs: 500, toMs: 100_000 };

/**
 * What a thief does with a stolen control plane: it has every byte that was ever published and every event that was ever
 * delivered, and no signing key. It permits whatever it likes, keeps back what it likes, and alters what it hands out.
 */
export class StolenServer {
  readonly #dice: Dice;
  readonly #scheduler: Scheduler;
  readonly #facts: Facts;
  /** States of `releases/` as they were published, oldest first. */
  readonly #published: ReadonlyMap<string, Uint8Array>[] = [];
  /** By the rollout that they are of. */
  readonly #receipts = new Map<string, SignedEvent[]>();
  #newestReceipts: readonly SignedEvent[] = [];
  /** The state of which everything is served at the moment. */
  #served = 0;
  #isHasty: boolean;
  isAtWork = false;

  constructor(facts: Facts, { dice, scheduler }: { readonly dice: Dice; readonly scheduler: Scheduler }) {
    this.#facts = facts;
    this.#dice = dice;
    this.#scheduler = scheduler;
    this.#isHasty = dice.chance(hastyShare);
  }

  published(files: ReadonlyMap<string, Uint8Array>): void {
    this.#published.push(files);
    this.#served = this.#published.length - 1;
  }

  delivered(body: Uint8Array): void {
    const text = new TextDecoder().decode(body);
    if (!text.includes('converged')) return;
    for (const signed of (JSON.parse(text) as EventBatch).events) {
      const event = JSON.parse(signed.event) as JournalEvent;
      if (event.kind !== 'converged') continue;
      const { rolloutId } = event.body.target;
      this.#receipts.set(rolloutId, [...(this.#receipts.get(rolloutId) ?? []), signed]);
      this.#newestReceipts = [...this.#newestReceipts, signed].slice(-newestMax);
    }
  }

  /** Changes its mind about which past it shows, and how. */
  turn(): void {
    this.#isHasty = this.#dice.chance(hastyShare);
    const newest = this.#published.length - 1;
    this.#served = this.#dice.chance(0.5) ? newest : this.#dice.whole(0, newest);
  }

  /** Its answer in place of the honest one, which is null where that broke off. */
  async answer(host: string, request: ApiRequest, honest: ApiResponse | null): Promise<ApiResponse | null> {
    if (honest === null) return null;
    if (request.path.startsWith(signedPrefix)) return this.#signed(request.path.slice(signedPrefix.length), honest);
    if (request.path !== '/v1/agent/checkin' || honest.status !== 200 || typeof honest.body !== 'string') return honest;
    // The question before arming is answered at once: what is late there starts nothing.
    const waitSeconds = Number(/wait=(\d+)/.exec(request.headers.prefer ?? '')?.[1] ?? 0);
    if (waitSeconds * 1000 >= patience.toMs && !this.#isHasty) await this.#wait();
    const reply = await this.#permit(host, JSON.parse(honest.body) as CheckinReply);
    return { ...honest, body: JSON.stringify(reply) };
  }

  #wait(): Promise<void> {
    return new Promise((resolve) => {
      this.#scheduler.after(this.#dice.between(patience.fromMs, patience.toMs), resolve);
    });
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
    const fitting = this.#receipts.get(rolloutId) ?? [];
    const [any] = fitting;
    switch (dice.whole(1, 5)) {
      case 1:
        return [];
      case 2:
        return any === undefined ? [] : [any, any, any];
      case 3:
        return [...this.#newestReceipts];
      case 4:
        return any === undefined
          ? []
          : [...this.#facts.ledgers.keys()].map((name) => ({
              ...any,
              event: any.event.replace(/"host":"[^"]*"/, `"host":"${name}"`),
            }));
      default:
        return [...fitting];
    }
  }
}

/** One byte is another. */
function altered(bytes: Uint8Array, dice: Dice): Uint8Array {
  const copy = bytes.slice();
  if (copy.length > 0) copy[dice.whole(0, copy.length - 1)] = dice.whole(0, 255);
  return copy;
}
