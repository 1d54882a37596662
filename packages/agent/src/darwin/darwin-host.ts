import { stat } from 'node:fs/promises';
import type { BootId, Clock, Random, StorePath } from '@nixfleet/contracts';
import type { ActivationOutcome, DeadManReport } from '@nixfleet/engine';
import { messageOf } from '../errors.ts';
import type { Files } from '../files.ts';
import type { GuardRecord } from '../guard/guard-record.ts';
import { MachineGuard } from '../guard/machine-guard.ts';
import type { ActivationRules, Armed, Disarmed, Host, RebootOutcome, RevertOutcome } from '../host.ts';
import { lostActivation } from '../lost-activation.ts';
import { nameValueLines } from '../name-value-lines.ts';
import { outputOf } from '../nixos/nixos-switch.ts';
import { describe } from '../profile-system.ts';
import { darwinOutcome, switchEndFrom } from './darwin-switch.ts';
import { type DarwinPaths, DarwinSystem, darwinPaths } from './darwin-system.ts';
import type { Launchd } from './launchd.ts';

/** Longest revert, by whomever; the script bounds each of its attempts. In seconds. */
const revertSecondsMax = 75 * 60;
/** Between two looks at what a job does, in milliseconds. */
const pollMs = 500;
/** How long a job that launchd has taken may take to be running, in milliseconds. */
const startedMsMax = 20_000;
/** Largest file that a job of the script writes, in bytes. */
const exitBytesMax = 1024;

export interface DarwinHostOptions {
  /** PATH of what the agent runs: Nix, and the system's own programs. */
  readonly path: string;
  /** Directory of the records. */
  readonly directory: string;
  readonly files: Files;
  readonly clock: Clock;
  readonly random: Random;
  readonly launchd: Launchd;
  /** Exists while the clock is synchronised; null: whether the system uses network time. */
  readonly clockSynchronisedFile: string | null;
  /** Default: where nix-darwin has them. */
  readonly paths?: DarwinPaths;
}

/**
 * A Mac with nix-darwin. Whatever changes it runs in jobs of launchd, which outlive the agent. `activate` has no test mode:
 * what a trial leaves is undone by activating the whole of what was confirmed last; the profile, and with it what the next
 * boot activates, follows only when the switch is confirmed.
 */
export class DarwinHost implements Host {
  readonly #options: DarwinHostOptions;
  readonly #system: DarwinSystem;
  readonly #guard: MachineGuard;

  constructor(options: DarwinHostOptions) {
    const { directory, files, random, launchd, clock, path, paths = darwinPaths } = options;
    this.#options = options;
    const system = new DarwinSystem({ paths, launchd, clock, path });
    this.#system = system;
    const isWatched = (record: GuardRecord): Promise<boolean> => launchd.isRunning(jobLabel(record, 'dead-man'));
    this.#guard = new MachineGuard({
      ...{ directory, files, clock, random, standsMsMax: startedMsMax, revertSecondsMax },
      machine: {
        bootId: () => system.bootId(),
        uptimeSeconds: () => system.uptimeSeconds(),
        running: () => system.running(),
        bootDefault: () => system.profile.closure(),
        whatLacks: (closure) => system.whatLacks(closure),
        watch: (record, to) => this.#script(to, ['watch', record.directory]),
        isWatched,
        endWatch: (record) => launchd.remove(jobLabel(record, 'dead-man')),
        takeBack: async () => {},
        isFiring: isWatched,
        isReverting: (record) => launchd.isRunning(jobLabel(record, 'revert')),
        forget: async (record) => {
          for (const job of jobs) await launchd.remove(jobLabel(record, job));
        },
      },
    });
  }

  get environment(): Readonly<Record<string, string>> {
    return this.#system.environment;
  }

  locate(path: string): string {
    return this.#system.locate(path);
  }

  bootId(): Promise<BootId> {
    return this.#system.bootId();
  }

  running(): Promise<StorePath | null> {
    return this.#system.running();
  }

  bootDefault(): Promise<StorePath | null> {
    return this.#system.profile.closure();
  }

  async isClockSynchronised(): Promise<boolean> {
    const { clockSynchronisedFile } = this.#options;
    if (clockSynchronisedFile === null) return this.#system.usesNetworkTime();
    return stat(clockSynchronisedFile).then(
      () => true,
      () => false,
    );
  }

  /** The firmware boots whatever system volume there is: nothing of a closure goes there. */
  async bootShortage(): Promise<null> {
    return null;
  }

  async isGoingDown(): Promise<boolean> {
    return false;
  }

  async isComingUp(): Promise<boolean> {
    return false;
  }

  arm(to: StorePath | null, seconds: number): Promise<Armed> {
    return this.#guard.arm(to, seconds);
  }

  deadMan(): Promise<DeadManReport> {
    return this.#guard.deadMan();
  }

  keepGuarded(): Promise<void> {
    return this.#guard.keepGuarded();
  }

  awaitDeadMan(signal: AbortSignal): Promise<DeadManReport> {
    return this.#guard.awaitDeadMan(signal);
  }

  disarm(): Promise<Disarmed> {
    return this.#guard.disarm();
  }

  async standDown(): Promise<void> {
    await this.#guard.releaseAll();
  }

  async activate(
    closure: StorePath,
    { timeoutSeconds, onFailedUnits }: ActivationRules,
    signal: AbortSignal,
  ): Promise<ActivationOutcome> {
    const lacking = await this.#system.whatLacks(closure);
    if (lacking !== null) return { kind: 'refused', reason: 'not-a-system', detail: lacking };
    const record = await this.#guard.currentOrNext();
    await this.#options.files.remove(exitFile(record));
    await record.begin({ target: closure, failedBefore: [], onFailedUnits });
    const problem = await this.#script(closure, ['switch', record.directory, String(Math.ceil(timeoutSeconds))]);
    if (problem !== null) return lostActivation(problem);
    // launchd says yes before the job runs.
    await this.#guard.until(async () => (await this.activation()) !== 'unknown', startedMsMax, signal);
    return this.awaitActivation(signal);
  }

  async awaitActivation(signal: AbortSignal): Promise<ActivationOutcome> {
    for (;;) {
      const found = await this.activation();
      if (found === 'unknown') return lostActivation('the job of the switch ended without leaving its exit code');
      if (found !== 'running') return found;
      await this.#options.clock.sleep(pollMs, signal);
    }
  }

  async activation(): Promise<ActivationOutcome | 'running' | 'unknown'> {
    const record = await this.#guard.current();
    const start = (await record?.switchStart()) ?? null;
    if (record === null || start === null) return 'unknown';
    // Looked at in this order, since the exit code is written before the job ends.
    const isRunning = await this.#options.launchd.isRunning(jobLabel(record, 'switch'));
    const end = await this.#switchEnd(record);
    if (end === null) return isRunning ? 'running' : 'unknown';
    const output = await outputOf(`${record.directory}/output.log`, end);
    return darwinOutcome(end, { target: start.target, running: await this.running(), output });
  }

  async setDefault(closure: StorePath) {
    const record = await this.#guard.current();
    await record?.defaultChanges();
    const problem = await this.#system.profile.set(closure).catch(messageOf);
    return problem === null ? ({ ok: true } as const) : ({ ok: false, detail: problem } as const);
  }

  async revert(to: StorePath, signal: AbortSignal): Promise<RevertOutcome> {
    const taken = await this.#guard.takeRevert(to, signal);
    return 'by' in taken ? taken : this.#goBack(taken, to, signal);
  }

  /** The kernel is the system's own: nothing that a closure brings waits for a boot. */
  async rebootPending(): Promise<string | null> {
    return null;
  }

  async wasBootOrdered(): Promise<boolean> {
    return false;
  }

  async reboot(): Promise<RebootOutcome> {
    return { ok: false, detail: 'a Mac boots its own system, not a closure: boot it by hand' };
  }

  async #goBack(record: GuardRecord, to: StorePath, signal: AbortSignal): Promise<RevertOutcome> {
    const { launchd, clock } = this.#options;
    const label = jobLabel(record, 'revert');
    // A job of an earlier incarnation that is at it is waited for.
    if (!(await launchd.isRunning(label))) {
      await launchd.remove(jobLabel(record, 'dead-man'));
      await record.forgetResult().catch(() => {});
      const problem = await this.#script(to, ['go-back', record.directory]);
      if (problem !== null) return { running: null, by: 'agent', detail: problem };
    }
    const began = clock.monotonicMs();
    const isRunning = (): Promise<boolean> => launchd.isRunning(label);
    const hasResult = async (): Promise<boolean> => (await record.result()) !== null;
    await this.#guard.until(async () => (await hasResult()) || isRunning(), startedMsMax, signal);
    const isOver = async (): Promise<boolean> => (await hasResult()) || !(await isRunning());
    await this.#guard.until(isOver, revertSecondsMax * 1000, signal);
    const [running, result] = [await this.running(), await record.result()];
    const isDone = result?.isDone === true;
    const end = { result: 'unknown', exitCode: isDone ? 0 : 1, signal: null, durationMs: clock.monotonicMs() - began };
    const output = await outputOf(`${record.directory}/revert.log`, end);
    // A full disk takes no result: then a whole activation of `to` may have run, or not, and nobody can say so.
    if (running === to && isDone) return { running, by: 'agent', output };
    return { running: null, by: 'agent', output, detail: `the machine runs ${running ?? 'nothing known'}` };
  }

  async #switchEnd(record: GuardRecord) {
    const bytes = await this.#options.files.read(exitFile(record), exitBytesMax);
    return bytes === null ? null : switchEndFrom(nameValueLines(new TextDecoder().decode(bytes)));
  }

  /** The script of a closure that starts a job and ends; of the running one where it has none. Null, or what is wrong. */
  async #script(closure: StorePath, args: readonly string[]): Promise<string | null> {
    const running = await this.running();
    const own = await this.#system.deadManOf(closure);
    const script = own ?? (running === null ? null : await this.#system.deadManOf(running));
    if (script === null) return `${closure} has no dead man’s switch`;
    const result = await this.#options.launchd.run([script, ...args]);
    return result.exitCode === 0 ? null : `dead-man ${args[0] ?? ''}: ${describe(result.output)}`;
  }
}

/** How the job of the switch ended. */
function exitFile({ directory }: GuardRecord): string {
  return `${directory}/exit`;
}

const jobs = ['dead-man', 'switch', 'revert'] as const;

/** As `label_of` of the script makes it. */
function jobLabel({ name }: GuardRecord, job: (typeof jobs)[number]): string {
  return `nixfleet.${job}.${name}`;
}
