import type { Clock, Crypto, HostTarget, Random, StorePath } from '@nixfleet/contracts';
import { addSeconds } from '@nixfleet/contracts';
import type { HostEffect, HostInput, Intent, WorkingMemory } from '@nixfleet/engine';
import type { AgentTime } from './agent-time.ts';
import type { ComplianceGate } from './compliance/compliance-gate.ts';
import type { Delivery } from './delivery.ts';
import { AgentError, messageOf } from './errors.ts';
import { fetchClosure } from './fetch-closure.ts';
import type { Floors } from './floors.ts';
import type { Gate } from './gate.ts';
import type { Host } from './host.ts';
import type { Journal } from './journal.ts';
import type { Log } from './log.ts';
import { lostActivation } from './lost-activation.ts';
import type { Nix, NixSources } from './nix.ts';
import type { FetchProgress } from './nix-log.ts';
import { runProbes } from './probe-runner.ts';
import type { Probes } from './probes.ts';
import type { Transport } from './transport.ts';

/** Between two attempts to deliver `probes-passed` over a new connection, in milliseconds. */
const acceptanceRetryMs = 1000;
/** Longest that a machine which is to go down waits for the control plane to know of it, in milliseconds. */
const farewellMsMax = 10_000;

/** Effects after which another system may run than before. */
const switching: ReadonlySet<HostEffect['type']> = new Set([
  'activate',
  'await-activation',
  'revert',
  'await-dead-man',
]);

type Awaited_ = Exclude<HostEffect, { type: 'probe-afresh' | 'disarm' }>;

export interface EffectDeps {
  readonly host: Host;
  readonly probes: Probes;
  readonly compliance: Pick<ComplianceGate, 'open'>;
  readonly nix: Nix;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly time: AgentTime;
  /** Null while they are unreadable: nothing is fetched then. */
  readonly floors: Floors | null;
  readonly journal: Journal;
  readonly delivery: Delivery;
  readonly gate: Gate;
  readonly transport: Transport;
  readonly log: Log;
  readonly sources: () => NixSources;
  /** What the manifest says that the whole closure has, in bytes; null where that is not at hand. */
  readonly closureBytesOf: (target: HostTarget) => number | null;
  /** Link that protects a closure from the collector. */
  readonly rootLink: (name: 'target' | 'confirmed') => string;
  /** Asks the control plane again and returns what may start now. */
  readonly recheck: (signal: AbortSignal) => Promise<Intent | null>;
  readonly emit: (input: HostInput) => void;
  readonly random: Random;
  /** A fetch begins within this time, so that hosts that were told at once do not ask a cache at once, in milliseconds. */
  readonly fetchJitterMs: number;
  /** How far the fetch under way is; null: none is. */
  readonly onFetching: (progress: FetchProgress | null) => void;
  /** Another system was activated, or the one before again: whatever was out of reach may not be so any more. */
  readonly onSwitched: () => void;
}

interface Running {
  readonly id: number;
  readonly abort: AbortController;
  readonly done: Promise<void>;
}

/** Aborting what is aborted makes another error with its stack each time, and this is asked at every step. */
function cancel(running: Running | null): void {
  if (running && !running.abort.signal.aborted) running.abort.abort();
}

/** Does what the host machine asks for, one awaited effect at a time, with probes beside it; each answer is an input. */
export class EffectRunner {
  readonly #deps: EffectDeps;
  #awaited: Running | null = null;
  #probes: Running | null = null;

  constructor(deps: EffectDeps) {
    this.#deps = deps;
  }

  run(effect: HostEffect): void {
    if (effect.type === 'probe-afresh') return this.#probe(effect);
    if (effect.type === 'disarm') {
      this.#deps.host.standDown().catch((error: unknown) => this.#fault('disarm', error));
      return;
    }
    const previous = this.#awaited;
    cancel(previous);
    const abort = new AbortController();
    this.#awaited = { id: effect.id, abort, done: this.#perform(effect, previous, abort.signal) };
  }

  /** Ends the workers whose answers nobody waits for any more. */
  cancelStale({ busy, probing }: WorkingMemory): void {
    if (this.#awaited?.id !== busy?.id) cancel(this.#awaited);
    if (this.#probes?.id !== probing) cancel(this.#probes);
  }

  async stop(): Promise<void> {
    cancel(this.#probes);
    cancel(this.#awaited);
    await this.#awaited?.done;
    await this.#probes?.done;
  }

  #probe(effect: Extract<HostEffect, { type: 'probe-afresh' }>): void {
    cancel(this.#probes);
    const abort = new AbortController();
    const { probes, compliance: gate, clock } = this.#deps;
    const emit = (input: HostInput): void => void this.#emit(input, abort.signal);
    const deps = { probes, gate, clock, emit, signal: abort.signal };
    const done = runProbes(effect, deps).catch((error: unknown) => {
      if (!abort.signal.aborted) this.#fault('probe', error);
    });
    this.#probes = { id: effect.id, abort, done };
  }

  /** Never beside the one before: that one may still change the machine. */
  async #perform(effect: Awaited_, previous: Running | null, signal: AbortSignal): Promise<void> {
    await previous?.done;
    if (signal.aborted) return;
    this.#deps.log('info', effect.type, 'target' in effect ? { closure: effect.target.closure } : {});
    let input: HostInput;
    try {
      input = await this.#answer(effect, signal);
    } catch (error) {
      if (signal.aborted) return;
      this.#fault(effect.type, error);
      input = await this.#answerToFault(effect, error);
    }
    if (switching.has(effect.type)) this.#deps.onSwitched();
    await this.#emit(input, signal);
  }

  /**
   * A machine that goes down takes services, units and network from under a switch. What fails then says nothing of the
   * closure: nobody is told, this agent ends with the machine, and the next boot shows where it stands. The same of what the
   * dead man's switch undoes: that it fired is what there is to say.
   */
  async #emit(input: HostInput, signal: AbortSignal): Promise<void> {
    const { host, log, emit } = this.#deps;
    const counts = !isFailure(input) || !(await host.isGoingDown().catch(() => false));
    const report = isFailure(input) && counts ? await host.deadMan().catch(() => null) : null;
    if (signal.aborted) return;
    if (!counts) return log('info', 'not counted: the machine goes down', { input: input.type });
    // A probe may fail long after it, on what was gone back to.
    const isUndone = report?.kind === 'fired' && (input.type !== 'probe' || report.ok === null);
    emit(isUndone ? { type: 'dead-man', report } : input);
  }

  async #answer(effect: Awaited_, signal: AbortSignal): Promise<HostInput> {
    const { host, time, delivery, clock, journal } = this.#deps;
    const { id } = effect;
    switch (effect.type) {
      case 'fetch':
        return this.#fetch(id, effect.target, signal);
      case 'recheck':
        return { type: 'rechecked', id, intent: await this.#deps.recheck(signal) };
      case 'arm': {
        const armed = await host.arm(effect.revertTo, effect.seconds);
        if (!armed.ok) return { type: 'arm-refused', id, detail: armed.detail };
        return { type: 'armed', id, deadline: addSeconds(time.now(), effect.seconds) };
      }
      case 'activate':
        return { type: 'activated', id, outcome: await this.#activate(effect, signal) };
      case 'await-activation':
        return { type: 'activated', id, outcome: await host.awaitActivation(signal) };
      case 'reboot':
        return this.#reboot(effect, signal);
      case 'request-acceptance': {
        const passed = journal.entries.findLast(({ event }) => event.kind === 'probes-passed');
        const seq = passed?.event.seq ?? journal.position.seq;
        for (;;) {
          const problem = await delivery.deliverFresh(seq, signal);
          if (problem === null) return { type: 'accepted', id };
          this.#deps.log('info', 'not accepted yet', { code: problem.code, detail: problem.detail });
          await clock.sleep(acceptanceRetryMs, signal);
        }
      }
      case 'commit':
        return this.#commit(id, effect.target, signal);
      case 'revert': {
        const outcome = await host.revert(effect.to, signal);
        return { type: 'reverted', id, ...outcome };
      }
      case 'await-dead-man':
        return { type: 'dead-man', report: await host.awaitDeadMan(signal) };
    }
  }

  async #fetch(id: number, target: HostTarget, signal: AbortSignal): Promise<HostInput> {
    const { floors, nix, crypto, sources, closureBytesOf, rootLink, onFetching } = this.#deps;
    if (floors === null) {
      return { type: 'fetch-refused', id, reason: 'floor-unreadable', detail: 'anti-rollback state cannot be read' };
    }
    // From here on this host never goes back to a rollout that was introduced earlier.
    // A trial is no step of its channel: from it the host goes back to what was introduced before.
    if (target.trialUntil === undefined) await floors.accept(target.channel, target.introducedIn);
    const { clock, random, fetchJitterMs, host } = this.#deps;
    if (fetchJitterMs > 0) await clock.sleep(random.uniform() * fetchJitterMs, signal);
    const fetched = await fetchClosure(target, {
      nix,
      crypto,
      sources: sources(),
      bytesMax: closureBytesOf(target),
      rootLink: rootLink('target'),
      signal,
      bootShortage: (parts) => host.bootShortage(parts),
      locate: (path) => host.locate(path),
      onProgress: onFetching,
    }).finally(() => onFetching(null));
    return fetched.ok
      ? { type: 'fetched', id }
      : { type: 'fetch-refused', id, reason: fetched.reason, detail: fetched.detail };
  }

  /** The control plane had better know why this host falls silent; it goes down all the same. */
  async #reboot(
    { id, target, revertTo, guardSeconds }: Extract<HostEffect, { type: 'reboot' }>,
    signal: AbortSignal,
  ): Promise<HostInput> {
    const { host, delivery, journal, clock } = this.#deps;
    const limit = new AbortController();
    await Promise.race([
      delivery.deliverFresh(journal.position.seq, AbortSignal.any([signal, limit.signal])).catch(() => null),
      clock.sleep(farewellMsMax, AbortSignal.any([signal, limit.signal])).catch(() => {}),
    ]);
    limit.abort();
    signal.throwIfAborted();
    const outcome = await host.reboot({ closure: target.closure, revertTo, guardSeconds });
    if (!outcome.ok) return { type: 'reboot-refused', id, detail: outcome.detail };
    // Going down: there is nothing more to say in this boot.
    await untilAborted(signal);
    throw signal.reason;
  }

  /** Our connections are closed before the switch, so that none that survives it can vouch for the network after it. */
  async #activate(effect: Extract<HostEffect, { type: 'activate' }>, signal: AbortSignal) {
    const { target, timeoutSeconds, onFailedUnits } = effect;
    const { gate, transport, host } = this.#deps;
    gate.close();
    transport.close();
    try {
      return await host.activate(target.closure, { timeoutSeconds, onFailedUnits }, signal);
    } finally {
      transport.close();
      gate.reopen();
    }
  }

  /** Design §7: what runs → profile and boot default, read back → disarm. */
  async #commit(id: number, { closure }: HostTarget, signal: AbortSignal): Promise<HostInput> {
    const { host } = this.#deps;
    const running = await host.running();
    if (running !== closure) {
      return { type: 'commit-failed', id, detail: `expected ${closure} to run, found ${running ?? 'nothing known'}` };
    }
    const set = await this.#setDefault(closure, signal);
    if (set === 'fired') return { type: 'commit-lost', id };
    if (!set.ok) return { type: 'commit-failed', id, detail: set.detail };
    if ((await host.disarm()) === 'fired') return { type: 'commit-lost', id };
    await this.#protect(closure, signal).catch((error: unknown) => this.#fault('protect', error));
    return { type: 'committed', id };
  }

  /**
   * A disk without room for what has to be written down before says nothing of the closure: tried again, until the dead
   * man's switch ends it.
   */
  async #setDefault(closure: StorePath, signal: AbortSignal) {
    const { host, clock } = this.#deps;
    for (;;) {
      try {
        return await host.setDefault(closure);
      } catch (error) {
        if (!(error instanceof AgentError) || error.code !== 'disk-full') throw error;
        const { kind } = await host.deadMan();
        if (kind === 'fired') return 'fired';
        if (kind !== 'armed') throw error;
        await clock.sleep(acceptanceRetryMs, signal);
      }
    }
  }

  async #protect(closure: StorePath, signal: AbortSignal): Promise<void> {
    const { nix, sources, rootLink } = this.#deps;
    await nix.realise(closure, sources(), rootLink('confirmed'), signal);
  }

  async #answerToFault(effect: Awaited_, error: unknown): Promise<HostInput> {
    const { id } = effect;
    const detail = messageOf(error).slice(0, 900);
    switch (effect.type) {
      case 'fetch': {
        const isFull = error instanceof AgentError && error.code === 'disk-full';
        return { type: 'fetch-refused', id, reason: isFull ? 'disk-full' : 'closure-unavailable', detail };
      }
      case 'recheck':
        return { type: 'rechecked', id, intent: null };
      case 'arm':
        return { type: 'arm-refused', id, detail };
      case 'reboot':
        return { type: 'reboot-refused', id, detail };
      case 'activate':
      case 'await-activation':
        return { type: 'activated', id, outcome: lostActivation(detail) };
      case 'request-acceptance':
      case 'commit':
        return { type: 'commit-failed', id, detail };
      case 'revert': {
        const running = await this.#deps.host.running().catch(() => null);
        return { type: 'reverted', id, running, by: 'agent', detail };
      }
      case 'await-dead-man':
        return { type: 'dead-man', report: { kind: 'absent' } };
    }
  }

  #fault(what: string, error: unknown): void {
    this.#deps.log('error', `${what} failed`, { error: messageOf(error) });
  }
}

function isFailure(input: HostInput): boolean {
  if (input.type === 'probe') return input.status === 'fail';
  if (input.type === 'activated') return input.outcome.kind === 'failed';
  return input.type === 'commit-failed';
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
