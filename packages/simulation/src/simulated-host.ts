import { type LocalHold, localHoldPath } from '@nixfleet/agent';
import type { Crypto, Memo, StorePath } from '@nixfleet/contracts';
import { privateKeyToPem } from '@nixfleet/contracts/node-crypto';
import type { TestKey } from '@nixfleet/testkit';
import type { Closures } from './closures.ts';
import type { Dice } from './dice.ts';
import { Machine } from './machine.ts';
import { MachineTime } from './machine-clock.ts';
import { goodLine, type Line, LineTransport, type Serve } from './network.ts';
import type { Scheduler } from './scheduler.ts';
import { keyPath, mirrorDirectory, SimulatedAgent, stateDirectory, trustPath } from './simulated-agent.ts';

export interface SimulatedHostOptions {
  readonly name: string;
  readonly first: StorePath;
  readonly key: TestKey;
  /** It reads a copy of `releases/` on a disk that is mounted. */
  readonly hasMirror: boolean;
  /** Somebody else's, where controls are measured; null: they are not. */
  readonly otherKey: TestKey | null;
  readonly trust: Uint8Array;
  readonly fleet: string;
  readonly scheduler: Scheduler;
  readonly dice: Dice;
  readonly crypto: Crypto;
  readonly memo: Memo;
  readonly closures: Closures;
  readonly startMs: number;
  readonly probeSeconds: number;
  readonly checkinWaitSeconds: number;
  readonly serve: Serve;
  readonly watch: HostWatch;
}

/** What the simulation sees of a host. */
export interface HostWatch {
  readonly running: (host: string, closure: StorePath) => void;
  readonly switching: (host: string, closure: StorePath, guardedTo: StorePath | null) => void;
  /** The agent has the machine boot something for once; after that a dead man's switch stands that goes back. */
  readonly booting: (host: string, closure: StorePath, guardedTo: StorePath | null) => void;
  readonly defaulting: (host: string, closure: StorePath) => void;
  readonly restored: (host: string) => void;
  /** Its disk is as it was then: it goes on from the release that it had accepted. */
  readonly rewound: (host: string) => void;
  /** Somebody holds the machine itself, or lets it go. */
  readonly held: (host: string, isHeld: boolean) => void;
  readonly synchronised: (host: string, isSynchronised: boolean) => void;
  /** Its Nix takes unsigned paths, or no more. */
  readonly unsafe: (host: string, isUnsafe: boolean) => void;
  readonly written: (host: string, path: string, bytes: Uint8Array, how: 'whole' | 'appended') => void;
  readonly note: (host: string, text: string) => void;
  readonly fault: (host: string, error: unknown) => void;
}

/** How long it takes until an agent is started again, and until a machine is up again, in milliseconds. */
const restartMs = { from: 1000, to: 10_000 };
const bootMs = { from: 15_000, to: 120_000 };
/** How long the agent lives on after everything else on a machine that goes down, in milliseconds. */
const shutdownMs = { from: 500, to: 20_000 };
/** How fast quartz may run, beside true time. */
const drift = 0.0005;

/** One machine of the fleet with its agent, its line, and everything that can befall it. */
export class SimulatedHost {
  readonly machine: Machine;
  readonly agent: SimulatedAgent;
  readonly line: Line = goodLine();
  readonly time: MachineTime;
  readonly #options: SimulatedHostOptions;
  isCacheReachable = true;
  /** How long a fetch takes; null: as chance has it. */
  fetchSeconds: number | null = null;
  #isClockSynchronised = true;
  #isNixSafe = true;
  /** Counts from the agent's next start. */
  hasCollector = true;
  /** Off until it boots. */
  isOn = true;
  #snapshot: ReturnType<Machine['snapshot']> | null = null;

  constructor(options: SimulatedHostOptions) {
    const { name, scheduler, dice, crypto, closures, watch, startMs, first } = options;
    this.#options = options;
    this.time = new MachineTime(scheduler, startMs, 1 + dice.between(-drift, drift));
    this.machine = new Machine({
      name,
      scheduler,
      dice,
      time: this.time,
      first,
      behaviourOf: (closure) => closures.behaviourOf(closure),
      onRunning: (closure) => watch.running(name, closure),
      onSwitch: (closure, guardedTo) => watch.switching(name, closure, guardedTo),
      onDefault: (closure) => watch.defaulting(name, closure),
      onPowerLost: () => this.powerCut(),
      onReboot: ({ closure, revertTo }) => watch.booting(name, closure, revertTo),
      onGoingDown: () => this.#goDown(),
      onAgentKilled: () => this.crash(),
    });
    const { disk } = this.machine;
    disk.write(keyPath, new TextEncoder().encode(privateKeyToPem(options.key.privateKey)));
    disk.write(trustPath, options.trust);
    disk.onWritten = (path, bytes, how) => watch.written(name, path, bytes, how);
    const peer = { spkiSha256: options.key.keyId, address: '192.0.2.1' };
    this.agent = new SimulatedAgent({
      fleet: options.fleet,
      scheduler,
      dice,
      time: this.time,
      crypto,
      memo: options.memo,
      closures,
      machine: this.machine,
      probeSeconds: options.probeSeconds,
      collecting: options.otherKey && { key: options.key, otherKey: options.otherKey },
      hasCollector: () => this.hasCollector,
      hasMirror: options.hasMirror,
      checkinWaitSeconds: options.checkinWaitSeconds,
      isCacheReachable: () => this.isCacheReachable && this.isConnected,
      isClockSynchronised: () => this.#isClockSynchronised,
      isNixSafe: () => this.#isNixSafe,
      fetchSeconds: () => this.fetchSeconds,
      transport: (life) =>
        new LineTransport({
          life,
          scheduler,
          dice,
          line: this.line,
          isConnected: () => this.isConnected,
          peer,
          serve: options.serve,
        }),
      onFault: (error) => this.#ended(error),
      onLog: (message, fields) => watch.note(name, `agent: ${message} ${JSON.stringify(fields).slice(0, 200)}`),
    });
  }

  /** Everything that was wrong with its surroundings is right again. */
  heal(): void {
    Object.assign(this.line, goodLine());
    this.isCacheReachable = true;
    this.setSynchronised(true);
    this.setNixSafe(true);
    this.setHold(null);
    this.time.wallOffsetMs = 0;
    this.machine.disk.isFull = false;
  }

  /** As `heal` leaves it, up, and with nothing hanging over it. */
  get isWell(): boolean {
    const { isUp, loss, duplication } = this.line;
    const { disk, isArmed } = this.machine;
    const isSound = this.#isClockSynchronised && this.#isNixSafe && this.time.wallOffsetMs === 0 && !disk.isFull;
    const isReachable = isUp && loss === 0 && duplication === 0 && this.isCacheReachable && this.isConnected;
    const isHeld = disk.read(localHoldPath(stateDirectory)) !== null;
    return (
      isSound &&
      isReachable &&
      this.isOn &&
      !this.machine.isGoingDown &&
      !isHeld &&
      !isArmed &&
      !this.agent.life.isDoomed
    );
  }

  setSynchronised(isSynchronised: boolean): void {
    this.#isClockSynchronised = isSynchronised;
    this.#options.watch.synchronised(this.name, isSynchronised);
  }

  /** Somebody configures Nix to take what nobody signed. */
  setNixSafe(isSafe: boolean): void {
    this.#isNixSafe = isSafe;
    this.#options.watch.unsafe(this.name, !isSafe);
  }

  /** A brake on the machine itself, or none. */
  setHold(hold: LocalHold | null): void {
    const { disk } = this.machine;
    const path = localHoldPath(stateDirectory);
    if (hold === null) disk.remove(path);
    else if (!disk.isFull) disk.write(path, new TextEncoder().encode(JSON.stringify(hold)));
    this.#noteHold();
  }

  #noteHold(): void {
    const isHeld = this.machine.disk.read(localHoldPath(stateDirectory)) !== null;
    this.#options.watch.held(this.name, isHeld);
  }

  get name(): string {
    return this.#options.name;
  }

  /** A closure that cuts the network off does so as long as it runs. */
  get isConnected(): boolean {
    return this.line.isUp && this.isOn && this.#options.closures.behaviourOf(this.machine.running) !== 'mute';
  }

  start(): void {
    this.agent.start();
  }

  /** From now on its mirror has these and nothing else. */
  mirror(files: ReadonlyMap<string, Uint8Array>): void {
    const { disk } = this.machine;
    if (!this.#options.hasMirror || disk.isFull) return;
    disk.remove(mirrorDirectory);
    for (const [path, bytes] of files) disk.write(`${mirrorDirectory}/${path}`, bytes);
  }

  /** The fleet has to declare this, or the agent may do nothing. */
  get publicLine(): string {
    return this.#options.key.openssh;
  }

  /** The agent dies and its service manager starts it again. */
  crash(): void {
    if (!this.isOn) return;
    this.agent.kill();
    this.#options.watch.note(this.name, 'the agent is killed');
    const { life } = this.agent;
    this.#later(restartMs, () => {
      if (this.isOn && this.agent.life === life && !this.machine.isGoingDown) this.agent.start();
    });
  }

  /** Dies at its `count`th access to the world from now. */
  crashAfter(count: number, isBefore: boolean, how: 'crash' | 'power'): void {
    this.agent.life.endAfter(count, isBefore, () => (how === 'crash' ? this.crash() : this.powerCut()));
  }

  powerCut(): void {
    if (!this.isOn) return;
    this.agent.kill();
    this.isOn = false;
    this.#options.watch.note(this.name, 'the power fails');
    this.#boot(() => this.machine.powerCut());
  }

  /** Somebody reboots it: its units are ended one after the other, and the agent is the last of them. */
  rebootByHand(): void {
    if (!this.isOn || this.machine.isGoingDown) return;
    this.#options.watch.note(this.name, 'somebody reboots it');
    const { bootId } = this.machine;
    this.machine.goDown();
    this.#later(shutdownMs, () => {
      if (this.machine.bootId === bootId) this.powerCut();
    });
  }

  #goDown(): void {
    this.agent.kill();
    this.isOn = false;
    this.#options.watch.note(this.name, 'it goes down for a boot');
    this.#later(bootMs, () => {
      this.machine.comeUp();
      this.#up();
    });
  }

  takeSnapshot(): void {
    this.#snapshot = this.machine.snapshot();
    this.#options.watch.note(this.name, 'a snapshot is taken');
  }

  /** The virtual machine is put back to its snapshot. */
  restore(): void {
    const snapshot = this.#snapshot;
    if (!this.isOn || snapshot === null) return;
    this.agent.kill();
    this.isOn = false;
    this.#options.watch.note(this.name, 'it is restored from its snapshot');
    this.#options.watch.restored(this.name);
    this.#boot(() => {
      this.machine.restore(snapshot);
      this.#options.watch.rewound(this.name);
      this.#noteHold();
    });
  }

  /** Without room for its files it cannot start; its service manager tries again and again. Nothing else may end it. */
  #ended(error: unknown): void {
    const { watch } = this.#options;
    if (!this.machine.disk.isFull) return watch.fault(this.name, error);
    this.crash();
  }

  #boot(bring: () => void): void {
    // Nothing of it goes on while it is off.
    bring();
    this.#later(bootMs, () => this.#up());
  }

  #up(): void {
    this.isOn = true;
    this.#options.watch.note(this.name, `it has booted ${this.machine.running.slice(44)}`);
    this.agent.start();
  }

  #later({ from, to }: { readonly from: number; readonly to: number }, run: () => void): void {
    this.#options.scheduler.after(this.#options.dice.between(from, to), run);
  }
}
