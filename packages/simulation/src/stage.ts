import { type Go, StorePath } from '@nixfleet/contracts';
import { type RealTestClosure, type TestIntent, testWaiver } from '@nixfleet/testkit';
import type { Behaviour } from './behaviour.ts';
import type { Ci } from './ci.ts';
import type { Conduct } from './conduct.ts';
import { judgeEnd } from './end.ts';
import { ScriptedThief } from './scripted-thief.ts';
import type { SignedFacts } from './signed-facts.ts';
import { isOver, runUntil } from './simulate.ts';
import { stateDirectory } from './simulated-agent.ts';
import type { SimulatedFleet } from './simulated-fleet.ts';
import type { SimulatedHost } from './simulated-host.ts';
import type { Witness } from './witness.ts';

const minuteMs = 60_000;
/** Between two looks whether something has happened, in minutes. */
const lookMinutes = 0.1;

/** Ends a scene in which an invariant was broken: nothing after that matters. */
export class SceneOver extends Error {}

/** What the author of a scene has in hand: a small fleet, its people, its troubles, and time. */
export class Stage {
  readonly fleet: SimulatedFleet;
  readonly #witness: Witness;

  constructor(fleet: SimulatedFleet, witness: Witness) {
    this.fleet = fleet;
    this.#witness = witness;
  }

  /** What was really signed, as far as the rules know. */
  get signed(): SignedFacts {
    return this.#witness.facts.signed;
  }

  get ci(): Ci {
    return this.fleet.ci;
  }

  host(name: string): SimulatedHost {
    return this.fleet.host(name);
  }

  /** Phase of the agent's host machine; `not running` while it is down. */
  phase(name: string): string {
    return this.host(name).agent.running?.loop.memory.state.phase.name ?? 'not running';
  }

  /** Lets time pass. Throws `SceneOver` once an invariant is broken. */
  async minutes(count: number): Promise<void> {
    await runUntil(this.fleet, this.#witness, this.fleet.scheduler.nowMs + count * minuteMs);
    if (isOver(this.fleet, this.#witness)) throw new SceneOver();
  }

  /** Lets time pass until `isSo`. Throws for a scene that does not get to its point. */
  async until(what: string, isSo: () => boolean, minutesMax = 30): Promise<void> {
    const lastMs = this.fleet.scheduler.nowMs + minutesMax * minuteMs;
    while (!isSo()) {
      if (this.fleet.scheduler.nowMs >= lastMs) throw new Error(`${minutesMax} minutes did not bring: ${what}`);
      await this.minutes(lookMinutes);
    }
  }

  /** A host runs what the newest release gives it, and says so. */
  hasConverged(name: string): boolean {
    return this.phase(name) === 'converged' && this.host(name).machine.running === this.wanted(name);
  }

  wanted(name: string): string | undefined {
    return this.ci.intent.hosts[name]?.real?.closure;
  }

  /** What the newest release gives a host. */
  real(name: string): RealTestClosure {
    const { real } = this.ci.intent.hosts[name] ?? {};
    if (real === undefined) throw new Error(`nothing was released for ${name}`);
    return real;
  }

  /** New closures for some hosts, which turn out as said. */
  async release(turnsOut: Readonly<Record<string, Behaviour>>, change?: (next: TestIntent) => void): Promise<void> {
    await this.ci.release(Object.keys(turnsOut), (host) => turnsOut[host] ?? 'good', change);
    this.hint();
  }

  /** New closures for some hosts, which work, and whose controls do as said. */
  async releaseMeasured(
    conducts: Readonly<Record<string, Conduct>>,
    change?: (next: TestIntent) => void,
  ): Promise<void> {
    const conductOf = (host: string): Conduct => conducts[host] ?? 'passing';
    await this.ci.release(Object.keys(conducts), () => 'good', change, conductOf);
    this.hint();
  }

  /** The register of a release that waives the control of a host: in alice's name, and signed by whom it says. */
  async waiverFor(host: string, signedBy: string): Promise<TestIntent['waiverRegister']> {
    const { fleet } = this.ci;
    const { signed } = await testWaiver(fleet, { scope: { hosts: [host] } }, [signedBy]);
    const waiver = new TextDecoder().decode(signed.bytes);
    const sshSignatures = Object.fromEntries(signed.sshSignatures ?? []);
    return { type: 'waiver-register', fleet: fleet.name, schemaVersion: 1, waivers: [{ waiver, sshSignatures }] };
  }

  /** The control plane is told to look for what is new. */
  hint(): void {
    const peer = { spkiSha256: null, address: '198.51.100.1' };
    const request = { method: 'POST', path: '/v1/refresh', headers: {}, body: new Uint8Array() };
    void this.fleet.server.handle(peer, { ...request, signal: new AbortController().signal });
  }

  /** The control plane's disk is lost, and it starts empty. */
  loseServer(): void {
    const { server } = this.fleet;
    server.wipe();
    this.#witness.wiped();
    server.start();
  }

  /** What a host remembers against going back is there and cannot be read, from now on. */
  spoilFloors(name: string): void {
    this.host(name).machine.disk.write(`${stateDirectory}/floors.json`, new TextEncoder().encode('{'));
    this.#witness.facts.knowledge(name).areFloorsSpoilt = true;
  }

  /** Somebody switches the machine to a closure that it ran before, past the agent. */
  changeByHand(name: string, closure: string): void {
    const { machine } = this.host(name);
    machine.changeByHand(StorePath.parse(closure));
    const isBack = closure === machine.bootDefault;
    this.#witness.facts.knowledge(name).changedTo = isBack ? null : closure;
  }

  /** From now on somebody else answers in the control plane's place, and knows everything that is published. */
  steal(): ScriptedThief {
    const published = () => this.ci.published?.files ?? new Map<string, Uint8Array>();
    const thief = new ScriptedThief(this.fleet.scheduler, published);
    this.fleet.stealWith(thief);
    return thief;
  }

  /** From now on every mirror has these files and nothing else, whatever is published; null: what is published again. */
  mirrors(files: ReadonlyMap<string, Uint8Array> | null): void {
    this.fleet.areMirrorsTaken = files !== null;
    const shown = files ?? this.ci.published?.files ?? new Map();
    for (const host of this.fleet.hosts.values()) host.mirror(shown);
  }

  /** What permits a host to start the newest rollout of its channel, with whatever receipts. */
  goFor(name: string, receipts: Go['receipts'] = []): Go {
    const channel = this.ci.intent.hosts[name]?.channel ?? '';
    const manifest = this.ci.fleet.current.manifests.get(channel);
    const entry = manifest?.document.hosts[name as never];
    if (!manifest || !entry) throw new Error(`no rollout names ${name}`);
    return { rolloutId: manifest.rolloutId, wave: entry.wave, attempt: entry.attempt, receipts };
  }

  /** Everything is well again, the control plane is its owner's, and everybody but these has to converge. */
  async calm({ except = [], minutes = 20 }: { except?: readonly string[]; minutes?: number } = {}): Promise<void> {
    if (this.fleet.impostor) this.fleet.stealWith(null);
    for (const [name, host] of this.fleet.hosts) if (!except.includes(name)) host.heal();
    await this.minutes(minutes);
    await judgeEnd(this.fleet, this.#witness, except);
    if (isOver(this.fleet, this.#witness)) throw new SceneOver();
  }
}
