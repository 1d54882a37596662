import type { RebootOrder } from '@nixfleet/agent';
import { BootId, type CommandOutput, Sha256Hex, type StorePath } from '@nixfleet/contracts';
import type { ActivationOutcome, DeadManReport } from '@nixfleet/engine';
import type { Behaviour } from './behaviour.ts';
import type { Dice } from './dice.ts';
import { Disk } from './disk.ts';
import type { MachineTime } from './machine-clock.ts';
import type { Appointment, Scheduler } from './scheduler.ts';

/** What is on the machine's disk of its newest switch: survives crashes and, where it says so, power cuts. */
interface SwitchRecord {
  readonly to: StorePath | null;
  readonly boot: number;
  readonly deadlineMs: number;
  state: 'armed' | 'fired' | 'disarmed' | 'taken';
  /** Null while a revert that was set off by firing is under way. */
  revertedOk: boolean | null;
  activation: { readonly boot: number; outcome: ActivationOutcome | null; isEnded: boolean } | null;
}

export interface MachineOptions {
  readonly name: string;
  readonly scheduler: Scheduler;
  readonly dice: Dice;
  readonly time: MachineTime;
  readonly first: StorePath;
  readonly behaviourOf: (closure: StorePath) => Behaviour;
  /** The machine runs something else now. */
  readonly onRunning: (running: StorePath) => void;
  /** A switch begins; what would revert it is armed by then. */
  readonly onSwitch: (closure: StorePath, guardedTo: StorePath | null) => void;
  /** The agent makes it what the machine boots. */
  readonly onDefault: (closure: StorePath) => void;
  /** The power went, for whatever reason. */
  readonly onPowerLost: () => void;
  readonly onAgentKilled: () => void;
  /** The agent has it go down, and up again with something for once. */
  readonly onReboot: (order: RebootOrder) => void;
  readonly onGoingDown: () => void;
}

/** How long things take, in milliseconds. */
const activationMs = { from: 1500, to: 25_000 };
const slowActivationMs = { from: 20_000, to: 55_000 };
const slowShare = 0.1;
const revertMs = { from: 500, to: 8000 };

/** What its service manager says to whoever wants something started then. */
const goesDown = 'the machine goes down';

const output: CommandOutput = {
  exitCode: 0,
  durationMs: 1,
  outputSha256: Sha256Hex.parse('0'.repeat(64)),
  excerpt: '',
};

/** One computer, whoever runs on it: its disk, its boot default, what it runs, and the processes that outlive the agent. */
export class Machine {
  readonly disk = new Disk();
  readonly store = new Map<StorePath, { readonly isModified: boolean }>();
  readonly #options: MachineOptions;
  #boots = 1;
  #running: StorePath;
  #runningSinceMs = 0;
  bootDefault: StorePath;
  /** What was booted, and what the next boot is to bring up for once. */
  #booted: StorePath;
  /** The loader was told of the newest boot that was asked for. */
  wasBootOrdered = false;
  #nextBoot: RebootOrder | null = null;
  #isGoingDown = false;
  #record: SwitchRecord | null = null;
  /** Processes of this boot that a power cut ends. */
  #guard: Appointment | null = null;
  #switching: Appointment[] = [];
  #reverting: Appointment | null = null;
  /** Whoever waits for something to come of a switch or of a dead man's switch. */
  readonly #watchers = new Set<() => void>();

  constructor(options: MachineOptions) {
    this.#options = options;
    this.#running = options.first;
    this.bootDefault = options.first;
    this.#booted = options.first;
    this.store.set(options.first, { isModified: false });
  }

  get name(): string {
    return this.#options.name;
  }

  get running(): StorePath {
    return this.#running;
  }

  get runningSinceMs(): number {
    return this.#runningSinceMs;
  }

  get bootId(): BootId {
    return BootId.parse(`boot-${this.#boots}`);
  }

  /** Whether something stands that would revert it by itself. */
  get isArmed(): boolean {
    return this.#record?.state === 'armed' && this.#record.boot === this.#boots && this.#guard !== null;
  }

  /** `look` is called whenever something may have come of a switch, of going back, or of the dead man's switch. */
  watch(look: () => void): () => void {
    this.#watchers.add(look);
    return () => this.#watchers.delete(look);
  }

  /** Somebody reboots or stops it: whatever runs on it is ended, and nothing new starts. */
  get isGoingDown(): boolean {
    return this.#isGoingDown;
  }

  goDown(): void {
    this.#isGoingDown = true;
    this.#endProcesses();
  }

  /** Everything that is only in memory is gone, what the loader was told included; it boots what it boots. */
  powerCut(): void {
    this.wasBootOrdered = false;
    this.#bootDefault();
  }

  #bootDefault(): void {
    this.#endProcesses();
    this.#isGoingDown = false;
    this.#boots++;
    this.#nextBoot = null;
    this.#booted = this.bootDefault;
    this.#run(this.bootDefault);
  }

  /** What runs and only a boot takes up. */
  get rebootPending(): string | null {
    const { behaviourOf } = this.#options;
    return behaviourOf(this.#running) === 'kernel' && this.#booted !== this.#running ? 'kernel' : null;
  }

  /** It goes down, to come up with another system for once. */
  reboot(order: RebootOrder): void {
    this.#options.onReboot(order);
    this.#endProcesses();
    this.#nextBoot = order;
    this.wasBootOrdered = true;
    this.#options.onGoingDown();
  }

  /** Up again: guarded where it came up with what it was to boot for once, else with what it boots as a rule. */
  comeUp(): void {
    const order = this.#nextBoot;
    if (order === null || this.#options.behaviourOf(order.closure) === 'unbootable') return this.#bootDefault();
    const { closure, revertTo, guardSeconds } = order;
    this.#nextBoot = null;
    this.#isGoingDown = false;
    this.#boots++;
    this.#booted = closure;
    this.#run(closure);
    const deadlineMs = this.#options.time.monotonicMs() + guardSeconds * 1000;
    this.#record = { to: revertTo, boot: this.#boots, deadlineMs, state: 'armed', revertedOk: null, activation: null };
    if (revertTo !== null) this.#watch();
  }

  snapshot() {
    return {
      disk: this.disk.snapshot(),
      bootDefault: this.bootDefault,
      store: new Map(this.store),
      record: this.#record && {
        ...this.#record,
        activation: this.#record.activation && { ...this.#record.activation },
      },
    };
  }

  /** Somebody switches it without asking anybody. */
  changeByHand(closure: StorePath): void {
    this.#run(closure);
  }

  /** A virtual machine that is put back: its disk is of then, and it boots. */
  restore(snapshot: ReturnType<Machine['snapshot']>): void {
    this.disk.restore(snapshot.disk);
    this.store.clear();
    for (const [path, entry] of snapshot.store) this.store.set(path, entry);
    this.bootDefault = snapshot.bootDefault;
    this.#record = snapshot.record;
    this.powerCut();
  }

  arm(to: StorePath | null, seconds: number): string | null {
    const { time } = this.#options;
    if (this.disk.isFull) return 'no space left on device';
    if (this.#isGoingDown) return goesDown;
    if (this.#isFiring()) return 'an earlier dead man’s switch is at work';
    this.standDown();
    const deadlineMs = time.monotonicMs() + seconds * 1000;
    this.#record = { to, boot: this.#boots, deadlineMs, state: 'armed', revertedOk: null, activation: null };
    if (to === null) return null;
    if (!this.store.has(to)) return `${to} is not there to go back to`;
    this.#watch();
    return null;
  }

  /** Sets profile and boot default; what is wrong, or null. */
  setDefault(closure: StorePath): string | null {
    if (this.disk.isFull) return 'no space left on device';
    if (this.#isGoingDown) return goesDown;
    this.bootDefault = closure;
    this.#options.onDefault(closure);
    return null;
  }

  /** The process of the dead man's switch is killed by somebody. */
  killGuard(): void {
    this.#cancelGuard();
  }

  keepGuarded(): void {
    const record = this.#record;
    if (record?.state === 'armed' && record.boot === this.#boots && record.to !== null && !this.#guard) this.#watch();
  }

  deadMan(): DeadManReport {
    const record = this.#record;
    if (!record || record.to === null || record.state === 'taken') return { kind: 'absent' };
    if (record.state === 'disarmed') return { kind: 'disarmed' };
    if (record.state === 'armed') return this.isArmed ? { kind: 'armed', to: record.to } : { kind: 'absent' };
    // Without a result and without a living process it is a revert that failed.
    const isAtWork = this.#reverting !== null && record.boot === this.#boots;
    return { kind: 'fired', to: record.to, ok: record.revertedOk ?? (isAtWork ? null : false) };
  }

  disarm(): 'disarmed' | 'fired' | 'absent' {
    const record = this.#record;
    if (!record || record.to === null) return 'absent';
    if (record.state === 'armed') record.state = 'disarmed';
    this.#cancelGuard();
    return record.state === 'taken' ? 'absent' : record.state === 'fired' ? 'fired' : 'disarmed';
  }

  standDown(): void {
    if (this.#record?.state === 'armed') this.#record.state = 'taken';
    this.#cancelGuard();
  }

  /** Starts the switch outside the agent. */
  startActivation(closure: StorePath, timeoutSeconds: number): void {
    if (this.#isGoingDown) return;
    const { dice, behaviourOf, onSwitch } = this.#options;
    onSwitch(closure, this.isArmed ? (this.#record?.to ?? null) : null);
    this.#record ??= { to: null, boot: this.#boots, deadlineMs: 0, state: 'taken', revertedOk: null, activation: null };
    const activation = { boot: this.#boots, outcome: null as ActivationOutcome | null, isEnded: false };
    this.#record.activation = activation;
    const behaviour = behaviourOf(closure);
    const span = dice.chance(slowShare) ? slowActivationMs : activationMs;
    const totalMs = dice.between(span.from, span.to);
    const end = (outcome: ActivationOutcome): void => {
      activation.outcome = outcome;
      activation.isEnded = true;
    };
    const isInhibited = (behaviour === 'inhibited' || behaviour === 'unbootable') && this.#booted !== closure;
    this.#later(totalMs * dice.between(0.2, 0.9), () => {
      if (isInhibited) return;
      this.#run(closure);
      if (behaviour === 'panicking') this.#options.onPowerLost();
      if (behaviour === 'murderous') this.#options.onAgentKilled();
    });
    const timeoutMs = timeoutSeconds * 1000;
    if (behaviour === 'hanging' || totalMs >= timeoutMs) {
      this.#later(timeoutMs, () => end({ kind: 'failed', cause: 'activation-timeout', output }));
    } else if (isInhibited) {
      this.#later(totalMs, () => end({ kind: 'needs-reboot', component: 'systemd' }));
    } else if (behaviour === 'failing') {
      this.#later(totalMs, () => end({ kind: 'failed', cause: 'activation-failed', output }));
    } else {
      this.#later(totalMs, () => end({ kind: 'ok', running: this.#running, output }));
    }
  }

  activation(): ActivationOutcome | 'running' | 'unknown' {
    const activation = this.#record?.activation;
    if (!activation) return 'unknown';
    if (activation.outcome) return activation.outcome;
    return activation.boot === this.#boots && this.#switching.length > 0 ? 'running' : 'unknown';
  }

  /** Takes the revert upon the agent: true unless the dead man's switch was faster. */
  takeRevert(): boolean {
    if (this.#isFiring()) return false;
    this.standDown();
    return true;
  }

  /** Ends a running switch, goes back, sets the profile; `done` is called after. Returns how to not wait for it. */
  goBack(to: StorePath, done: () => void): void {
    if (this.#isGoingDown) return;
    const { dice, scheduler } = this.#options;
    this.#endSwitch();
    if (this.#reverting) scheduler.cancel(this.#reverting);
    this.#reverting = scheduler.after(dice.between(revertMs.from, revertMs.to), () => {
      this.#reverting = null;
      this.#endSwitch();
      this.#run(to);
      this.bootDefault = to;
      done();
      this.#changed();
    });
  }

  #isFiring(): boolean {
    const report = this.deadMan();
    return report.kind === 'fired' && report.ok === null;
  }

  #watch(): void {
    const record = this.#record;
    const { scheduler, time } = this.#options;
    if (!record || record.to === null) return;
    const { to } = record;
    this.#guard = scheduler.after((record.deadlineMs - time.monotonicMs()) / time.rate, () => {
      this.#guard = null;
      if (record.state !== 'armed') return;
      record.state = 'fired';
      this.#changed();
      this.goBack(to, () => {
        record.revertedOk = this.#running === to;
      });
    });
  }

  #run(closure: StorePath): void {
    if (this.#running === closure) return;
    this.#running = closure;
    this.#runningSinceMs = this.#options.scheduler.nowMs;
    this.#options.onRunning(closure);
  }

  #later(ms: number, run: () => void): void {
    const appointment = this.#options.scheduler.after(ms, () => {
      this.#switching = this.#switching.filter((other) => other !== appointment);
      run();
      this.#changed();
    });
    this.#switching.push(appointment);
  }

  #endSwitch(): void {
    for (const appointment of this.#switching) this.#options.scheduler.cancel(appointment);
    this.#switching = [];
    this.#changed();
  }

  #endProcesses(): void {
    this.#endSwitch();
    this.#cancelGuard();
    if (this.#reverting) this.#options.scheduler.cancel(this.#reverting);
    this.#reverting = null;
  }

  #cancelGuard(): void {
    if (this.#guard) this.#options.scheduler.cancel(this.#guard);
    this.#guard = null;
    this.#changed();
  }

  #changed(): void {
    for (const look of this.#watchers) look();
  }
}
