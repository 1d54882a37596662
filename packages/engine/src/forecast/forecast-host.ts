import {
  addSeconds,
  type BootId,
  type CheckName,
  type CommandOutput,
  type EventContent,
  type HostState,
  type Instant,
  type StorePath,
} from '@nixfleet/contracts';
import { foldEvent, foldOfState } from '../fold-event.ts';
import type { HostEffect, HostInput, HostMemory, Intent } from '../host-input.ts';
import { step } from '../host-machine.ts';
import { initialWorkingMemory } from '../pass.ts';
import type { HostFold } from '../planner-types.ts';
import type { SwitchSeconds } from './switch-seconds.ts';

/** Steps of one host at one instant; a switch is a dozen. */
const stepsMax = 64;

const check = 'forecast' as CheckName;
const output: CommandOutput = {
  exitCode: 0,
  durationMs: 0,
  outputSha256: '0'.repeat(64) as CommandOutput['outputSha256'],
  excerpt: '',
};

interface Answer {
  readonly at: Instant;
  readonly input: HostInput;
}

/**
 * The real host machine over a machine that does what it is asked, in the time that it is expected to take; or, where that
 * is asked, one whose check fails on anything but what it runs now.
 */
export class ForecastHost {
  readonly #seconds: SwitchSeconds;
  readonly #fails: boolean;
  readonly #needsBoot: boolean;
  readonly #wasRunning: StorePath | null;
  #memory: HostMemory;
  #fold: HostFold;
  #answers: Answer[] = [];
  #boots = 0;

  constructor(options: {
    readonly state: HostState;
    readonly seconds: SwitchSeconds;
    readonly fails: boolean;
    /** What it is to switch to waits for a boot afterwards: another kernel or initrd. */
    readonly needsBoot: boolean;
    readonly now: Instant;
  }) {
    const { state, now } = options;
    this.#seconds = options.seconds;
    this.#fails = options.fails;
    this.#needsBoot = options.needsBoot;
    this.#wasRunning = state.confirmed?.closure ?? null;
    this.#fold = foldOfState(state);
    this.#memory = { state, working: initialWorkingMemory };
    this.#takeUp(now);
  }

  get fold(): HostFold {
    return this.#fold;
  }

  /** Hands in what the documents want and the control plane permits, and lets everything that is due happen. Events, in order. */
  live(intent: Intent | null, now: Instant): readonly EventContent[] {
    const events: EventContent[] = [...this.#input({ type: 'intent', intent }, now)];
    for (let steps = 0; steps < stepsMax; steps++) {
      const due = this.#answers.findIndex(({ at }) => at <= now);
      const [answer] = due === -1 ? [] : this.#answers.splice(due, 1);
      if (!answer) break;
      events.push(...this.#input(answer.input, now));
    }
    events.push(...this.#input({ type: 'tick' }, now), ...this.#tellPending(now));
    return events;
  }

  /** When something happens by itself; null: never. */
  nextAt(now: Instant): Instant | null {
    const { phase, retry } = this.#fold.state;
    const ahead = [
      ...this.#answers.map(({ at }) => at),
      phase.name === 'soaking' ? phase.soakUntil : null,
      'deadline' in phase ? phase.deadline : null,
      retry?.notBefore ?? null,
    ].filter((instant): instant is Instant => instant !== null && now < instant);
    return ahead.sort()[0] ?? null;
  }

  #input(input: HostInput, now: Instant): readonly EventContent[] {
    const { memory, events, effects } = step(this.#memory, input, { now });
    this.#memory = memory;
    for (const content of events) this.#keep(content, now);
    for (const effect of effects) this.#perform(effect, now);
    return events;
  }

  #keep(content: EventContent, now: Instant): void {
    this.#fold = foldEvent(this.#fold, { ...content, at: now, bootId: this.#bootId });
  }

  get #bootId(): BootId {
    return this.#boots === 0 ? (this.#memory.state.bootId ?? ('now' as BootId)) : (`boot-${this.#boots}` as BootId);
  }

  #answer(input: HostInput, seconds: number, now: Instant): void {
    this.#answers.push({ at: addSeconds(now, Math.round(seconds)), input });
  }

  #perform(effect: HostEffect, now: Instant): void {
    const { fetch, activate, confirm, boot } = this.#seconds;
    switch (effect.type) {
      case 'fetch':
        return this.#answer({ type: 'fetched', id: effect.id }, fetch, now);
      case 'recheck':
        return this.#answer({ type: 'rechecked', id: effect.id, intent: this.#memory.working.intent }, 0, now);
      case 'arm': {
        const deadline = addSeconds(now, effect.seconds);
        return this.#answer({ type: 'armed', id: effect.id, deadline }, 0, now);
      }
      case 'activate':
      case 'await-activation':
        return this.#answer(activated(effect.id, effect.target.closure), activate, now);
      case 'probe-afresh':
        return this.#probe(effect, confirm, now);
      case 'request-acceptance':
        return this.#answer({ type: 'accepted', id: effect.id }, 0, now);
      case 'commit':
        return this.#answer({ type: 'committed', id: effect.id }, 0, now);
      case 'revert': {
        const back: HostInput = { type: 'reverted', id: effect.id, running: effect.to, by: 'agent' };
        return this.#answer(back, activate, now);
      }
      case 'reboot':
        return this.#reboot(effect, boot, now);
      case 'await-dead-man':
        return this.#answer({ type: 'dead-man', report: { kind: 'absent' } }, 0, now);
      case 'disarm':
        return;
    }
  }

  /** Checks take their time only where something waits for them: after a switch. */
  #probe({ id, closure }: { readonly id: number; readonly closure: StorePath }, confirm: number, now: Instant): void {
    const isNew = closure !== this.#wasRunning;
    const seconds = isNew ? confirm : 0;
    const fails = this.#fails && isNew;
    this.#answer({ type: 'checks-known', id, enforced: fails ? [check] : [] }, fails ? 0 : seconds, now);
    if (!fails) return;
    const verdict = { status: 'fail', mode: 'enforce', failureThreshold: 1 } as const;
    this.#answer({ type: 'probe', id, check, ...verdict }, seconds, now);
  }

  #reboot({ target, revertTo }: Extract<HostEffect, { type: 'reboot' }>, seconds: number, now: Instant): void {
    this.#boots += 1;
    const up: HostInput = {
      type: 'started',
      running: target.closure,
      bootId: this.#bootId,
      agentVersion: 'forecast',
      deadMan: revertTo === null ? { kind: 'absent' } : { kind: 'armed', to: revertTo },
      activation: 'unknown',
      wasBootOrdered: true,
    };
    this.#answers = [];
    this.#answer(up, seconds, now);
  }

  /** What the agent tells beside the machine: that what runs waits for a boot. */
  #tellPending(now: Instant): readonly EventContent[] {
    const { state } = this.#memory;
    if (!this.#needsBoot || state.phase.name !== 'converged' || state.running === this.#wasRunning) return [];
    const component = this.#boots === 0 ? 'kernel' : null;
    if ((state.rebootPending?.component ?? null) === component) return [];
    const content: EventContent = { kind: 'reboot-pending', body: { component } };
    this.#keep(content, now);
    this.#memory = { ...this.#memory, state: this.#fold.state };
    return [content];
  }

  /** A host that is in the midst of something goes on with it: what is awaited was begun when its phase was. */
  #takeUp(now: Instant): void {
    const { phase } = this.#memory.state;
    const { fetch, activate, confirm, boot } = this.#seconds;
    const id = 1;
    const working = { ...initialWorkingMemory, enforced: [], probing: id, nextId: id + 1 };
    this.#memory = { ...this.#memory, working };
    const awaits = (
      type: 'fetch' | 'activate' | 'revert',
      answer: HostInput,
      since: Instant,
      seconds: number,
    ): void => {
      const away = { ...working, probing: null, enforced: null };
      this.#memory = { ...this.#memory, working: { ...(type === 'fetch' ? working : away), busy: { type, id } } };
      this.#answers.push({ at: later(addSeconds(since, Math.round(seconds)), now), input: answer });
    };
    switch (phase.name) {
      case 'fetching':
        return awaits('fetch', { type: 'fetched', id }, phase.since, fetch);
      case 'activating':
        return awaits('activate', activated(id, phase.target.closure), phase.since, activate);
      case 'reverting':
        return awaits('revert', { type: 'reverted', id, running: phase.to, by: 'agent' }, phase.since, activate);
      case 'rebooting':
        return this.#reboot({ type: 'reboot', id, guardSeconds: 0, ...phase }, boot, now);
      case 'confirming':
        this.#memory = { ...this.#memory, working: { ...working, enforced: null } };
        return this.#probe({ id, closure: phase.target.closure }, confirm, now);
      default:
        return;
    }
  }
}

function activated(id: number, running: StorePath): HostInput {
  return { type: 'activated', id, outcome: { kind: 'ok', running, output } };
}

function later(left: Instant, right: Instant): Instant {
  return left < right ? right : left;
}
