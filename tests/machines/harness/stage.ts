import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { systemClock } from '@nixfleet/agent';
import { type EventKind, type EventOf, type HostState, JournalEvent } from '@nixfleet/contracts';
import { applyEvent, initialHostState } from '@nixfleet/engine';
import type { RealClosure, TestIntent } from '@nixfleet/testkit';
import { quick } from '../../loop/harness/lab.ts';
import { until } from '../../loop/harness/until.ts';
import type { Mark } from '../../loop/harness/watched-host.ts';
import type { Machine } from './machine.ts';
import type { World } from './world.ts';

/** While this is there, a `holdable` health check goes on. */
export const heldProbe = '/run/faults/probe-held';

/** What one scenario has to do with: a host of its own, the world around it, and a watch. */
export class Stage {
  readonly world: World;
  readonly machine: Machine;
  /** What the host had confirmed when the scenario began. */
  readonly before: string;
  readonly #test: TestContext;
  readonly #scenario: string;
  readonly #seconds: number;
  readonly #activationSeconds: number;
  #mark: Mark | null;
  #beganMs = systemClock.monotonicMs();

  constructor(options: {
    world: World;
    machine: Machine;
    test: TestContext;
    /** Begins the versions of its systems. */
    scenario: string;
    /** Most that may pass from a release, or whatever else began it, to the end. */
    seconds: number;
    activationSeconds: number;
  }) {
    this.world = options.world;
    this.machine = options.machine;
    this.#test = options.test;
    this.#scenario = options.scenario;
    this.#seconds = options.seconds;
    this.#activationSeconds = options.activationSeconds;
    this.#mark = this.machine.mark;
    this.before = this.machine.profile ?? '';
  }

  get address(): string {
    return this.world.addressOf(this.machine.name);
  }

  /** Events since the scenario began, in a journal that was not put aside since. */
  get events(): readonly JournalEvent[] {
    return this.machine.since(this.#mark);
  }

  get kinds(): readonly EventKind[] {
    return this.events.map(({ kind }) => kind);
  }

  /** The host's journal, folded. */
  get state(): HostState {
    return this.machine.journal().reduce((state, event) => applyEvent(state, event), initialHostState);
  }

  closure(version: string): RealClosure {
    return this.world.closure(this.machine.name, `${this.#scenario}-${version}`);
  }

  /** A new journal begins: what was read before is another's. */
  newJournal(): void {
    this.#mark = null;
  }

  /** From now on a `holdable` health check does not end; from `letProbeGo` on it passes. */
  holdProbe(): void {
    this.machine.write(heldProbe, '');
  }

  letProbeGo(): void {
    this.machine.remove(heldProbe);
  }

  /** The watch starts. */
  begin(): void {
    this.#beganMs = systemClock.monotonicMs();
  }

  /** Releases a system to this host; the watch starts when the control plane has it. */
  async release(version: string, change: (next: TestIntent) => void = () => {}): Promise<void> {
    this.#mark = this.machine.mark;
    await this.world.release(this.machine.name, this.closure(version), (next) => {
      // As it was in the beginning, whatever scenarios before made of it.
      const channel = this.channel(next);
      const { reboots: _, drift: __, ...policy } = channel.policy;
      Object.assign(channel, { policy: { ...policy, reboot: 'never' }, windows: null, resolvedUntil: null });
      quick({ ...next, channels: { [this.machine.name]: channel } });
      channel.policy.activationTimeoutSeconds = this.#activationSeconds;
      change(next);
    });
    this.begin();
  }

  /** The host's channel, of which it is the only host. */
  channel(next: TestIntent) {
    const channel = next.channels[this.machine.name];
    if (!channel) throw new Error(`no channel ${this.machine.name}`);
    return channel;
  }

  /** The same, as it was released last. */
  get channelNow() {
    return this.channel(this.world.fleet.intent);
  }

  until<Kind extends EventKind>(kind: Kind, where?: (event: EventOf<Kind>) => boolean): Promise<EventOf<Kind>> {
    const { machine } = this;
    const isIt = (event: JournalEvent): event is EventOf<Kind> =>
      event.kind === kind && (where?.(event as EventOf<Kind>) ?? true);
    return until(`${kind} in the journal of ${machine.name}`, () => this.events.find(isIt), {
      seconds: this.#seconds,
      explain: () => this.explain(),
    });
  }

  /** Waits until this can be seen of the machine, or of what is shown of it. */
  async sees(what: string, look: () => boolean | Promise<boolean>): Promise<void> {
    await until(what, look, { seconds: this.#seconds, explain: () => this.explain() });
  }

  /**
   * Waits until the control plane was told of a new journal. The host may have pruned that event by then: told, it needs
   * it no more.
   */
  async untilNewJournal(reason: EventOf<'journal-started'>['body']['reason'], since: number): Promise<void> {
    const isTold = async (): Promise<boolean> => {
      const told = await this.world.events(since);
      return told.some(({ host, event }) => {
        if (host !== this.machine.name) return false;
        const parsed = JournalEvent.parse(JSON.parse(event));
        return parsed.kind === 'journal-started' && parsed.body.reason === reason;
      });
    };
    await this.sees(`a new journal of ${this.machine.name}: ${reason}`, isTold);
  }

  /** Position of the newest event that the control plane was told. */
  async told(): Promise<number> {
    return (await this.world.events()).at(-1)?.position ?? 0;
  }

  /**
   * Waits until the machine runs one of these systems, boots it by itself and has nothing armed, all within the
   * scenario's time; says how long that took; and checks that the journal says the same.
   */
  async endsOn(...systems: readonly [string, ...string[]]): Promise<void> {
    const { machine } = this;
    const isThere = (): boolean => {
      const running = systems.find((system) => machine.running === system);
      if (running === undefined) return false;
      return machine.profile === running && machine.bootDefault === running && this.isSettled(running);
    };
    await until(`${machine.name} ends on ${systems.join(' or ')}`, isThere, {
      seconds: Math.max(1, this.#seconds - this.elapsedSeconds),
      explain: () => this.explain(),
    });
    this.#test.diagnostic(`${machine.name}: ${this.elapsedSeconds.toFixed(1)} s of ${this.#seconds} s`);
    this.#assertTrue(machine.running ?? '');
  }

  get elapsedSeconds(): number {
    return (systemClock.monotonicMs() - this.#beganMs) / 1000;
  }

  explain(): string {
    const { running, profile, bootDefault } = this.machine;
    const withheld = JSON.stringify(this.state.withheld);
    return [
      `runs ${running}, profile ${profile}, boots ${bootDefault}, before ${this.before}`,
      `phase ${JSON.stringify(this.state.phase)}`,
      `withheld ${withheld}`,
      this.kinds.join(' '),
      this.machine.tryRun('sh', '-c', 'cd /var/lib/nixfleet-agent/switch && tail --verbose --bytes=400 */*'),
      this.machine.log,
    ].join('\n');
  }

  /** Nothing is under way, as the journal has it. */
  isSettled(system: string): boolean {
    const { phase } = this.state;
    if (phase.name === 'converged') return phase.target.closure === system;
    return (
      phase.name === 'reverted' || phase.name === 'refused' || phase.name === 'pending' || phase.name === 'deferred'
    );
  }

  /** The journal tells the truth: what runs and what is confirmed, no success that was taken back, no revert that was not. */
  #assertTrue(system: string): void {
    const { running, confirmed, phase } = this.state;
    assert.equal(running, system, `what the journal says of what runs\n${this.explain()}`);
    assert.equal(confirmed?.closure, system, `what the journal says of what was confirmed\n${this.explain()}`);
    if (phase.name === 'reverted') assert.equal(phase.to, system, this.explain());
    // Each switch that began ended, one way or the other, and the last one as the machine shows.
    const ends = this.events.filter(
      ({ kind }) =>
        kind === 'activating' ||
        kind === 'confirmed' ||
        kind === 'reverted' ||
        kind === 'refused' ||
        kind === 'deferred',
    );
    for (const [i, event] of ends.entries()) {
      if (event.kind === 'activating') assert.notEqual(ends[i + 1]?.kind ?? 'nothing', 'nothing', this.explain());
    }
    const last = ends.at(-1);
    if (last?.kind === 'confirmed') assert.equal(last.body.target.closure, system, this.explain());
    if (last?.kind === 'reverted') assert.equal(last.body.to, system, this.explain());
    const standing = ['systemctl', 'list-units', '--no-legend', '--plain', 'nixfleet-dead-man-*.timer'] as const;
    assert.equal(this.machine.tryRun(...standing).trim(), '', this.explain());
  }
}
