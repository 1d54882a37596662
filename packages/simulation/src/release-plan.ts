import { throwBehaviour } from './behaviour.ts';
import { type Conduct, throwConduct } from './conduct.ts';
import type { Dice } from './dice.ts';
import type { SimulatedFleet } from './simulated-fleet.ts';
import { type Tempo, untilBusyMs } from './tempo.ts';

/** What people and pipelines do in a run: releases good and bad, holds, second attempts, new trust, fresh heads. */
export class ReleasePlan {
  readonly #fleet: SimulatedFleet;
  readonly #dice: Dice;
  readonly #conducts: Dice;
  readonly #badShare: number;
  readonly #tempo: Tempo;
  #isOver = false;

  constructor(
    fleet: SimulatedFleet,
    { dice, badShare, tempo }: { readonly dice: Dice; readonly badShare: number; readonly tempo: Tempo },
  ) {
    this.#fleet = fleet;
    this.#dice = dice;
    this.#conducts = dice.of('conduct');
    this.#badShare = badShare;
    this.#tempo = tempo;
  }

  begin(): void {
    this.#next();
    this.#signHeads();
  }

  /** The last word: a release that is good for everybody. */
  async end(): Promise<void> {
    this.#isOver = true;
    await this.#fleet.ci.release(
      this.#names,
      () => 'good',
      (next) => {
        next.trials = {};
        // Whoever held for controls that pass no more has to be let go by somebody.
        for (const { policy } of Object.values(next.channels)) {
          if (policy.compliance.onDrift === 'hold') policy.compliance.onDrift = 'report';
        }
      },
    );
    this.#hint();
  }

  get #names(): readonly string[] {
    return [...this.#fleet.hosts.keys()];
  }

  #next(): void {
    const { scheduler } = this.#fleet;
    const { from, to } = this.#tempo.pauseMs;
    scheduler.after(untilBusyMs(this.#tempo, scheduler.nowMs, this.#dice.between(from, to)), () => {
      if (this.#isOver) return;
      this.#act();
      this.#next();
    });
  }

  #signHeads(): void {
    this.#fleet.scheduler.after(this.#tempo.headMs, () => {
      void this.#fleet.ci.signHead();
      this.#signHeads();
    });
  }

  #act(): void {
    const dice = this.#dice;
    const { ci } = this.#fleet;
    const kind = dice.whole(1, 10);
    if (kind === 1) void ci.retry();
    else if (kind === 2) void ci.rotateTrust();
    else if (kind === 3) void ci.freeze(dice.pick(Object.keys(ci.intent.channels)), dice.whole(5, 40) * 60);
    else if (kind === 4) void ci.hold(dice.pick(Object.keys(ci.intent.channels)), dice.whole(5, 40) * 60);
    else if (kind === 5) void this.#bootAll(dice.pick(Object.keys(ci.intent.channels)));
    else if (kind === 6) this.#tryOut();
    else this.#release();
    this.#hint();
  }

  #tryOut(): void {
    const dice = this.#dice;
    const behaviour = throwBehaviour(dice, this.#badShare);
    void this.#fleet.ci.tryOut(dice.pick(this.#names), behaviour, dice.chance(0.2) ? null : dice.whole(5, 60) * 60);
  }

  /** Everybody of a channel is to boot once more. */
  #bootAll(channel: string): Promise<void> {
    return this.#fleet.ci.release(
      [],
      () => 'good',
      (next) => {
        const policy = next.channels[channel]?.policy;
        if (policy) policy.reboots = (policy.reboots ?? 0) + 1;
      },
    );
  }

  /** For the whole fleet, or for a part of it; bad for everybody it reaches, or for some. */
  #release(): void {
    const dice = this.#dice;
    const share = dice.pick([1, 1, 0.5, 0.2]);
    const hosts = this.#names.filter(() => dice.chance(share));
    const bad = throwBehaviour(dice, this.#badShare);
    const badFor = dice.pick([1, 0.5, 0.15]);
    const conduct = throwConduct(this.#conducts, this.#badShare);
    const conductOf = (): Conduct => (this.#conducts.chance(badFor) ? conduct : 'passing');
    void this.#fleet.ci.release(hosts, () => (dice.chance(badFor) ? bad : 'good'), undefined, conductOf);
  }

  /** A pipeline tells the control plane that there is something new; not every one does. */
  #hint(): void {
    if (!this.#dice.chance(0.7)) return;
    const peer = { spkiSha256: null, address: '198.51.100.1' };
    const request = { method: 'POST', path: '/v1/refresh', headers: {}, body: new Uint8Array() };
    void this.#fleet.server.handle(peer, { ...request, signal: new AbortController().signal });
  }
}
