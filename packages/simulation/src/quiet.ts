import type { SimulatedFleet } from './simulated-fleet.ts';
import type { SimulatedHost } from './simulated-host.ts';
import type { Witness } from './witness.ts';

const minuteMs = 60_000;
/** Nothing has happened for so long: every program has done several times what it does again and again. */
const restMs = 10 * minuteMs;
/** Before the next thing that happens everything is back in its rhythm. */
const marginMs = 5 * minuteMs;
/** Less is not worth the trouble. */
const worthMs = 5 * minuteMs;

/**
 * Skips time in which a fleet is at rest, as if every computer of it were suspended and woken at once: clocks go on, timers are
 * late. Nothing else is left out, and no program is told. At rest: every host and the control plane are up, well and in contact;
 * nobody is doing, waiting out or about to suffer anything; for ten minutes nobody has written, said or noticed anything;
 * and no message is under way. It ends before anything that happens to them, and before any instant that somebody signed.
 */
export class Quiet {
  readonly #fleet: SimulatedFleet;
  readonly #witness: Witness;
  #happened = -1;
  #sinceMs = 0;
  /** What was skipped so far, in milliseconds. */
  skippedMs = 0;

  constructor(fleet: SimulatedFleet, witness: Witness) {
    this.#fleet = fleet;
    this.#witness = witness;
  }

  /** To be called again and again, at whole minutes; skips whole minutes, and goes not past `untilMs`. */
  pass(untilMs: number): void {
    const { scheduler } = this.#fleet;
    const { nowMs } = scheduler;
    const { happened } = this.#witness;
    if (happened !== this.#happened || !this.#isAtRest()) {
      this.#happened = happened;
      this.#sinceMs = nowMs;
      return;
    }
    if (nowMs - this.#sinceMs < restMs) return;
    const nextMs = Math.min(untilMs, scheduler.nextOfWorldMs() - marginMs, this.#nextSignedMs() - marginMs);
    const ms = Math.floor((nextMs - nowMs) / minuteMs) * minuteMs;
    if (ms < worthMs) return;
    scheduler.suspend(ms);
    this.skippedMs += ms;
    this.#sinceMs = scheduler.nowMs;
  }

  #isAtRest(): boolean {
    const { server, stolen, impostor, isSourceUp, hosts } = this.#fleet;
    if (!server.isUp || server.isDiskFull || server.life.isDoomed) return false;
    if (!isSourceUp || stolen.isAtWork || impostor !== null) return false;
    for (const host of hosts.values()) if (!host.isWell || !isIdle(host)) return false;
    return true;
  }

  /** The next instant that something signed makes matter. */
  #nextSignedMs(): number {
    const { ci, scheduler, startMs } = this.#fleet;
    const { channels, trials = {} } = ci.intent;
    const instants = [
      ci.fleet.headDocument.expiresAt,
      ...[...this.#witness.facts.holds.values()].map(({ expiresAt }) => expiresAt),
      ...Object.values(trials).map(({ expiresAt }) => expiresAt),
      ...Object.values(channels).flatMap(({ freezes, windows }) =>
        [...freezes, ...(windows ?? [])].flatMap(({ from, to }) => [from, to]),
      ),
    ];
    let nextMs = Number.POSITIVE_INFINITY;
    for (const instant of instants) {
      const atMs = Date.parse(instant) - startMs;
      if (atMs > scheduler.nowMs && atMs < nextMs) nextMs = atMs;
    }
    return nextMs;
  }
}

/** It does nothing, and time alone does not change what it does. */
function isIdle({ agent }: SimulatedHost): boolean {
  const memory = agent.running?.loop.memory;
  if (!memory) return false;
  const { phase, retry } = memory.state;
  return memory.working.busy === null && retry === null && !('deadline' in phase) && phase.name !== 'soaking';
}
