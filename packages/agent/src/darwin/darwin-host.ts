import { stat } from 'node:fs/promises';
import type { BootId, Clock, Random, StorePath } from '@nixfleet/contracts';
import type { ActivationOutcome, DeadManReport } from '@nixfleet/engine';
import { messageOf } from '../errors.ts';
import type { Files } from '../files.ts';
import type { ActivationRules, Armed, Disarmed, Host, RebootOutcome, RevertOutcome } from '../host.ts';
import { lostActivation } from '../lost-activation.ts';
import { GuardRecord } from '../nixos/guard-record.ts';
import { nameValueLines } from '../nixos/name-value-lines.ts';
import { outputOf } from '../nixos/nixos-switch.ts';
import { describe } from '../profile-system.ts';
import { RecordDirectory } from '../record-directory.ts';
import { waitUntil } from '../wait-until.ts';
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
  readonly #records: RecordDirectory;

  constructor(options: DarwinHostOptions) {
    const { directory, files, random, launchd, clock, path, paths = darwinPaths } = options;
    this.#options = options;
    this.#records = new RecordDirectory({ path: directory, files, random });
    this.#system = new DarwinSystem({ paths, launchd, clock, path });
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
    return this.#system.profileClosure();
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

  async arm(to: StorePath | null, seconds: number): Promise<Armed> {
    try {
      if (await this.#releaseAll()) return { ok: false, detail: 'an earlier dead man’s switch is at work' };
      const record = await this.#newRecord();
      if (to === null) return { ok: true };
      const lacking = await this.#system.whatLacks(to);
      if (lacking !== null) return { ok: false, detail: `cannot go back: ${lacking}` };
      const deadline = Math.ceil((await this.#system.uptimeSeconds()) + seconds);
      const boot = await this.bootId();
      await record.arm({ to, kind: 'switch', deadline, boot, seconds: Math.ceil(seconds) });
      const problem = await this.#script(to, ['watch', record.directory]);
      const stands = problem === null && (await this.#until(() => this.#isWatched(record), startedMsMax));
      const readBack = await record.state();
      const isRight = readBack?.name === 'armed' && readBack.facts.to === to && readBack.facts.deadline === deadline;
      if (stands && isRight) return { ok: true };
      await this.#settle(record, 'released');
      return { ok: false, detail: problem ?? 'the job of the dead man’s switch does not run' };
    } catch (error) {
      return { ok: false, detail: messageOf(error) };
    }
  }

  async deadMan(): Promise<DeadManReport> {
    const record = await this.#current();
    const state = (await record?.state()) ?? null;
    if (record === null || state === null) return { kind: 'absent' };
    const { to, boot } = state.facts;
    switch (state.name) {
      case 'armed':
        // Armed in another boot, or with its job gone, it will not fire.
        return boot === (await this.bootId()) && (await this.#isWatched(record))
          ? { kind: 'armed', to }
          : { kind: 'absent' };
      case 'fired': {
        const result = await record.result();
        if (result?.isDone === true) return { kind: 'fired', to, ok: (await this.bootDefault()) === to };
        return { kind: 'fired', to, ok: (await this.#isWatched(record)) ? null : false };
      }
      case 'disarmed':
        return { kind: 'disarmed' };
      case 'reverting':
      case 'released':
        return { kind: 'absent' };
    }
  }

  async keepGuarded(): Promise<void> {
    const record = await this.#current();
    const state = await record?.state();
    if (!record || state?.name !== 'armed' || state.facts.boot !== (await this.bootId())) return;
    if (!(await this.#isWatched(record))) await this.#script(state.facts.to, ['watch', record.directory]);
  }

  async awaitDeadMan(signal: AbortSignal): Promise<DeadManReport> {
    let report = await this.deadMan();
    const isOver = async (): Promise<boolean> => {
      report = await this.deadMan();
      return report.kind !== 'fired' || report.ok !== null;
    };
    const isDone = await this.#until(isOver, revertSecondsMax * 1000, signal);
    return isDone || report.kind !== 'fired' ? report : { ...report, ok: false };
  }

  async disarm(): Promise<Disarmed> {
    const record = await this.#current();
    if (record === null) return 'absent';
    if (await this.#settle(record, 'disarmed')) return 'disarmed';
    const state = await record.state();
    return state?.name === 'fired' || state?.name === 'disarmed' ? state.name : 'absent';
  }

  async standDown(): Promise<void> {
    await this.#releaseAll();
  }

  async activate(
    closure: StorePath,
    { timeoutSeconds, onFailedUnits }: ActivationRules,
    signal: AbortSignal,
  ): Promise<ActivationOutcome> {
    const lacking = await this.#system.whatLacks(closure);
    if (lacking !== null) return { kind: 'refused', reason: 'not-a-system', detail: lacking };
    const record = (await this.#current()) ?? (await this.#newRecord());
    await this.#options.files.remove(exitFile(record));
    await record.begin({ target: closure, failedBefore: [], onFailedUnits });
    const problem = await this.#script(closure, ['switch', record.directory, String(Math.ceil(timeoutSeconds))]);
    if (problem !== null) return lostActivation(problem);
    // launchd says yes before the job runs.
    await this.#until(async () => (await this.activation()) !== 'unknown', startedMsMax, signal);
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
    const record = await this.#current();
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
    const record = await this.#current();
    await record?.defaultChanges();
    const problem = await this.#system.setProfile(closure).catch(messageOf);
    return problem === null ? ({ ok: true } as const) : ({ ok: false, detail: problem } as const);
  }

  async revert(to: StorePath, signal: AbortSignal): Promise<RevertOutcome> {
    const record = (await this.#current()) ?? (await this.#newRecord());
    const state = await record.state();
    if (state?.name === 'armed') {
      // Going back does not wait for a disk that takes no rename.
      await record.settle('armed', 'reverting').catch(() => false);
    } else if (state?.name === 'fired') {
      const report = await this.awaitDeadMan(signal);
      const running = await this.running();
      if (report.kind === 'fired' && report.ok === true && running === to) return { running, by: 'dead-man' };
      await record.settle('fired', 'reverting');
    } else if (state?.name !== 'reverting') {
      const boot = await this.bootId();
      await record.arm({ to, kind: 'switch', deadline: 0, boot, seconds: revertSecondsMax });
      await record.settle('armed', 'reverting');
    }
    return this.#goBack(record, to, signal);
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
      if (problem !== null) return { running: await this.running(), by: 'agent', detail: problem };
    }
    const began = clock.monotonicMs();
    const isRunning = (): Promise<boolean> => launchd.isRunning(label);
    const hasResult = async (): Promise<boolean> => (await record.result()) !== null;
    await this.#until(async () => (await hasResult()) || isRunning(), startedMsMax, signal);
    const isOver = async (): Promise<boolean> => (await hasResult()) || !(await isRunning());
    await this.#until(isOver, revertSecondsMax * 1000, signal);
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

  /** Nothing that was armed before may fire into what comes now. True if one has fired, or goes back, and is not done. */
  async #releaseAll(): Promise<boolean> {
    for (const directory of await this.#records.list()) {
      const record = new GuardRecord(this.#options.files, directory);
      await this.#settle(record, 'released');
      const state = await record.state();
      if (state?.name === 'fired' && (await record.result())?.isDone !== true) return true;
    }
    return false;
  }

  /** True for the one that wins; its job is ended then. */
  async #settle(record: GuardRecord, as: 'disarmed' | 'released'): Promise<boolean> {
    if (!(await record.settle('armed', as))) return false;
    await this.#options.launchd.remove(jobLabel(record, 'dead-man'));
    return true;
  }

  #isWatched(record: GuardRecord): Promise<boolean> {
    return this.#options.launchd.isRunning(jobLabel(record, 'dead-man'));
  }

  async #current(): Promise<GuardRecord | null> {
    const newest = await this.#records.newest();
    return newest === null ? null : new GuardRecord(this.#options.files, newest);
  }

  async #newRecord(): Promise<GuardRecord> {
    const last = await this.#current();
    // How they ended was asked by then, or will be by nobody.
    for (const job of last === null ? [] : jobs) {
      if (last !== null) await this.#options.launchd.remove(jobLabel(last, job));
    }
    return new GuardRecord(this.#options.files, await this.#records.create());
  }

  #until(isTrue: () => Promise<boolean>, msMax: number, signal?: AbortSignal): Promise<boolean> {
    const { clock } = this.#options;
    return waitUntil(isTrue, { clock, msMax, everyMs: pollMs, ...(signal ? { signal } : {}) });
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
