import {
  addSeconds,
  type BootId,
  type CheckName,
  type CommandOutput,
  type CompliancePolicy,
  complianceCheck,
  type EventContent,
  type HostState,
  type Instant,
  latest,
  type Sha256Hex,
  type StorePath,
  type Withheld,
  type WithheldCode,
} from '@nixfleet/contracts';
import { foldEvent, foldOfState } from '../fold-event.ts';
import type { HostEffect, HostInput, HostMemory, Intent } from '../host-input.ts';
import { step } from '../host-machine.ts';
import { initialWorkingMemory } from '../pass.ts';
import type { HostFold } from '../planner-types.ts';
import type { SwitchSeconds } from './switch-seconds.ts';

/** Steps of one host at one instant; a switch is a dozen. */
const stepsMax = 64;

const declaredCheck = 'forecast' as CheckName;
/** Of what nobody has printed or measured yet. */
const noSha256 = '0'.repeat(64) as Sha256Hex;
const output: CommandOutput = { exitCode: 0, durationMs: 0, outputSha256: noSha256, excerpt: '' };

const hostsAloneKnow: ReadonlySet<WithheldCode> = new Set([
  'clock-unsynchronised',
  'head-from-the-future',
  'floor-lost',
]);

type Answer =
  | { readonly at: Instant; readonly input: HostInput }
  /** The agent measures the controls of what runs, and all that are enforced pass. */
  | { readonly at: Instant; readonly passes: StorePath };

/**
 * The real host machine over a machine that does what it is asked, in the time that it is expected to take; or, where that
 * is asked, one whose check fails on anything but what it runs now.
 */
export class ForecastHost {
  readonly #seconds: SwitchSeconds;
  readonly #fails: boolean;
  readonly #needsBoot: boolean;
  readonly #wasRunning: StorePath | null;
  readonly #stuck: Withheld | null;
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
    this.#stuck = state.withheld && hostsAloneKnow.has(state.withheld.code) ? state.withheld : null;
    this.#fold = foldOfState(state);
    this.#memory = { state, working: initialWorkingMemory };
    this.#takeUp(now);
  }

  get fold(): HostFold {
    return this.#fold;
  }

  /** Hands in what the documents want and the control plane permits, and lets everything that is due happen. Events, in order. */
  live(intent: Intent | null, now: Instant): readonly EventContent[] {
    const braked = intent && { ...intent, brake: this.#brake(intent.brake, now) };
    const events: EventContent[] = [...this.#input({ type: 'intent', intent: braked }, now)];
    this.#measureUnmeasured(intent, now);
    for (let steps = 0; steps < stepsMax; steps++) {
      const due = this.#answers.findIndex(({ at }) => at <= now);
      const [answer] = due === -1 ? [] : this.#answers.splice(due, 1);
      if (!answer) break;
      events.push(...('input' in answer ? this.#input(answer.input, now) : this.#pass(answer.passes, now)));
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

  /** In the order of `hostBrake`. What only the host can know stands until it says otherwise, and here it never does. */
  #brake(onChannel: Withheld | null, now: Instant): Withheld | null {
    const { localHold } = this.#memory.state;
    const isHeld = localHold !== null && now < localHold.until;
    return this.#stuck ?? onChannel ?? (isHeld ? { code: 'local-hold', ...localHold } : null);
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

  /**
   * Checks take their time only where something waits for them: after a switch. Where evidence decides, its collection is one
   * of them: it passes with the others, and where they fail it is what fails, which also keeps the next wave shut.
   */
  #probe(
    {
      id,
      closure,
      compliance,
    }: { readonly id: number; readonly closure: StorePath; readonly compliance: CompliancePolicy | null },
    confirm: number,
    now: Instant,
  ): void {
    const isNew = closure !== this.#wasRunning;
    const seconds = isNew ? confirm : 0;
    const fails = this.#fails && isNew;
    const isMeasured = compliance?.mode === 'enforce';
    if (!fails && !isMeasured) return this.#answer({ type: 'checks-known', id, enforced: [] }, seconds, now);
    const check = isMeasured ? complianceCheck : declaredCheck;
    this.#answer({ type: 'checks-known', id, enforced: [check] }, 0, now);
    if (!fails) this.#answers.push({ at: addSeconds(now, Math.round(seconds)), passes: closure });
    const verdict = { status: fails ? 'fail' : 'pass', mode: 'enforce', failureThreshold: 1 } as const;
    this.#answer({ type: 'probe', id, check, ...verdict }, seconds, now);
  }

  /** A host of an enforcing channel of whose controls nothing is known yet, though it need not switch: it is measured too. */
  #measureUnmeasured(intent: Intent | null, now: Instant): void {
    const { running, compliance } = this.#memory.state;
    if (intent?.policy.compliance.mode !== 'enforce' || running === null || running !== intent.target.closure) return;
    const isKnown = compliance?.closure === running || this.#answers.some((answer) => 'passes' in answer);
    // In the midst of a switch its probes are what measures it.
    if (isKnown || this.#memory.working.probing === null || this.#memory.state.phase.name === 'confirming') return;
    this.#answers.push({ at: addSeconds(now, Math.round(this.#seconds.confirm)), passes: running });
  }

  #pass(closure: StorePath, now: Instant): readonly EventContent[] {
    if (this.#memory.state.running !== closure || this.#memory.working.probing === null) return [];
    const body = { closure, activation: null, evidenceSha256: noSha256, sequence: 1 };
    return this.#tell({ kind: 'compliance-passed', body }, now);
  }

  /** What the agent tells beside the machine. */
  #tell(content: EventContent, now: Instant): readonly EventContent[] {
    this.#keep(content, now);
    this.#memory = { ...this.#memory, state: this.#fold.state };
    return [content];
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

  /** That what runs waits for a boot. */
  #tellPending(now: Instant): readonly EventContent[] {
    const { state } = this.#memory;
    if (!this.#needsBoot || state.phase.name !== 'converged' || state.running === this.#wasRunning) return [];
    const component = this.#boots === 0 ? 'kernel' : null;
    if ((state.rebootPending?.component ?? null) === component) return [];
    return this.#tell({ kind: 'reboot-pending', body: { component } }, now);
  }

  /** A host that is in the midst of something goes on with it: what is awaited was begun when its phase was. */
  #takeUp(now: Instant): void {
    const { phase, policy } = this.#memory.state;
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
      this.#answers.push({ at: latest(addSeconds(since, Math.round(seconds)), now), input: answer });
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
        return this.#probe({ id, closure: phase.target.closure, compliance: policy?.compliance ?? null }, confirm, now);
      default:
        return;
    }
  }
}

function activated(id: number, running: StorePath): HostInput {
  return { type: 'activated', id, outcome: { kind: 'ok', running, output } };
}
