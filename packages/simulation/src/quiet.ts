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
/** Among hundreds of hosts some message is nearly always under way: looked for is a moment without, so often and for so long. */
const lookMs = 100;
const looksMax = 600;

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

  /** To be called again and again, at whole minutes; skips to a whole minute, and goes not past `untilMs`. */
  async pass(untilMs: number): Promise<void> {
    const { scheduler } = this.#fleet;
    for (let looks = 0; looks < looksMax && this.#hasRested(); looks++) {
      const signedMs = Math.min(untilMs, this.#nextSignedMs() - marginMs);
      if (signedMs - scheduler.nowMs < worthMs) return;
      if (this.#skip(Math.min(signedMs, scheduler.nextOfWorldMs() - marginMs))) return;
      await scheduler.runUntil(scheduler.nowMs + lookMs);
    }
  }

  #hasRested(): boolean {
    const { nowMs } = this.#fleet.scheduler;
    const { happened } = this.#witness;
    if (happened !== this.#happened || !this.#isAtRest()) {
      this.#happened = happened;
      this.#sinceMs = nowMs;
    }
    return nowMs - this.#sinceMs >= restMs;
  }

  #skip(untilMs: number): boolean {
    const { scheduler } = this.#fleet;
    const ms = Math.floor(untilMs / minuteMs) * minuteMs - scheduler.nowMs;
    if (ms < worthMs) return false;
    scheduler.suspend(ms);
    this.skippedMs += ms;
    this.#sinceMs = scheduler.nowMs;
    return true;
  }

  #isAtRest(): boolean {
    const { server, stolen, impostor, isSourceUp, hosts } = this.#fleet;
    if (!server.isUp || server.isDiskFull || server.life.isDoomed) return false;
    if (!isSourceUp || stolen.isAtWork || impostor !== null) return false;
    for (const host of hosts.values()) if (!host.isWell || !isIdle(host)) return false;
    return true;
  }

  /** The next instant that something signed makes matter; where nobody waits for anything, no window and no freeze does. */
  #nextSignedMs(): number {
    const { ci, scheduler, startMs, hosts } = this.#fleet;
    const { channels, trials = {} } = ci.intent;
    const isDone = [...hosts.values()].every((host) => isFinished(host, ci.intent.hosts[host.name]?.real?.closure));
    const instants = [
      ci.fleet.headDocument.expiresAt,
      ...[...this.#witness.facts.holds.values()].map(({ expiresAt }) => expiresAt),
      ...Object.values(trials).map(({ expiresAt }) => expiresAt),
      ...Object.values(isDone ? {} : channels).flatMap(({ freezes, windows }) =>
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

/** It runs what it is to run, and nothing in it waits for a boot. */
function isFinished({ agent }: SimulatedHost, wanted: string | undefined): boolean {
  const state = agent.running?.loop.memory.state;
  return state?.phase.name === 'converged' && state.confirmed?.closure === wanted && state.rebootPending === null;
}

/** It does nothing, and time alone does not change what it does. */
function isIdle({ agent }: SimulatedHost): boolean {
  const memory = agent.running?.loop.memory;
  if (!memory) return false;
  const { phase, retry } = memory.state;
  return memory.working.busy === null && retry === null && !('deadline' in phase) && phase.name !== 'soaking';
}
