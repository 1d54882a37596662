import type { BootId, EventContent, HostPhase, HostState, Instant, StorePath } from '@nixfleet/contracts';
import { applyEvent } from './apply-event.ts';
import type { AwaitedEffect, HostEffect, HostMemory, StepResult, WorkingMemory } from './host-input.ts';

type WithoutId<Effect> = Effect extends unknown ? Omit<Effect, 'id'> : never;
type Awaited = WithoutId<Extract<HostEffect, { type: AwaitedEffect }>>;

export const initialWorkingMemory: WorkingMemory = {
  intent: null,
  busy: null,
  probing: null,
  checks: [],
  enforced: null,
  refusals: null,
  reverts: null,
  nextId: 1,
};

/** One step under way: collects events and effects, with the state always the fold of the events so far. */
export class Pass {
  readonly now: Instant;
  #memory: HostMemory;
  #bootId: BootId;
  readonly #events: EventContent[] = [];
  readonly #effects: HostEffect[] = [];

  constructor(memory: HostMemory, now: Instant) {
    this.#memory = memory;
    this.now = now;
    this.#bootId = memory.state.bootId ?? ('unknown' as BootId);
  }

  get state(): HostState {
    return this.#memory.state;
  }
  get working(): WorkingMemory {
    return this.#memory.working;
  }
  get phase(): HostPhase {
    return this.#memory.state.phase;
  }
  /** Events from here on carry this boot. */
  booted(bootId: BootId): void {
    this.#bootId = bootId;
  }

  event(content: EventContent): void {
    this.#events.push(content);
    const before = this.phase.name;
    const state = applyEvent(this.state, { ...content, at: this.now, bootId: this.#bootId });
    this.#memory = { ...this.#memory, state };
    const { name } = state.phase;
    if (name === before) return;
    // What was under way belonged to the phase that was left.
    this.remember({ busy: null });
    if (name === 'activating' || name === 'rebooting' || name === 'reverting')
      this.remember({ probing: null, checks: [], enforced: null });
  }

  /** Starts an effect that the machine waits for, in place of the one before. */
  start(effect: Awaited): void {
    const id = this.#nextId();
    this.#effects.push({ ...effect, id } as HostEffect);
    this.remember({ busy: { type: effect.type, id } });
  }

  probeAfresh(closure: StorePath): void {
    const id = this.#nextId();
    this.#effects.push({ type: 'probe-afresh', id, closure, compliance: this.state.policy?.compliance ?? null });
    this.remember({ probing: id, checks: [], enforced: null });
  }

  disarm(): void {
    this.#effects.push({ type: 'disarm' });
  }

  /** True if the answer is to the effect that is waited for. */
  awaits(id: number, ...types: readonly AwaitedEffect[]): boolean {
    const { busy } = this.working;
    return busy !== null && busy.id === id && types.includes(busy.type);
  }

  remember(change: Partial<WorkingMemory>): void {
    this.#memory = { ...this.#memory, working: { ...this.#memory.working, ...change } };
  }

  result(): StepResult {
    return { memory: this.#memory, events: this.#events, effects: this.#effects };
  }

  #nextId(): number {
    const id = this.working.nextId;
    this.remember({ nextId: id + 1 });
    return id;
  }
}

export function unreachable(value: never): never {
  throw new TypeError(`not of the host machine: ${JSON.stringify(value)}`);
}
