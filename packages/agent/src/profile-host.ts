import { spawn } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { BootId, type Clock, type Random, type StorePath } from '@nixfleet/contracts';
import type { ActivationOutcome, DeadManReport } from '@nixfleet/engine';
import { endActivation } from './dead-man.ts';
import { AgentError, messageOf } from './errors.ts';
import type { Files } from './files.ts';
import type { ActivationRules, Armed, Disarmed, Host, RebootOutcome, RevertOutcome } from './host.ts';
import { lostActivation } from './lost-activation.ts';
import { currentBootId, isAlive } from './process-identity.ts';
import { ProfileSettings, ProfileSystem } from './profile-system.ts';
import { RecordDirectory } from './record-directory.ts';
import { SwitchRecord } from './switch-record.ts';
import { waitUntil } from './wait-until.ts';

/** How long a detached process may take to say that it is there, in milliseconds. */
const startedMsMax = 20_000;
/** Between two looks at a file that another process writes, in milliseconds. */
const pollMs = 100;
/** Longest wait for a revert that is under way elsewhere, in milliseconds. */
const deadManMsMax = 15 * 60_000;

export interface ProfileHostOptions {
  readonly settings: ProfileSettings;
  /** Directory of the records. */
  readonly directory: string;
  readonly files: Files;
  readonly clock: Clock;
  readonly random: Random;
  /** `dead-man-main.ts`, or its place in the bundle. */
  readonly detachedProgram: string;
  /** Exists while the clock is synchronised; null: taken as synchronised. */
  readonly clockSynchronisedFile: string | null;
}

/** Rootless backend: a chroot store, a profile link and a root directory, with detached processes for what must outlive the agent. */
export class ProfileHost implements Host {
  readonly #options: ProfileHostOptions;
  readonly #system: ProfileSystem;
  readonly #records: RecordDirectory;

  constructor(options: ProfileHostOptions) {
    const { directory, files, random } = options;
    this.#options = options;
    this.#records = new RecordDirectory({ path: directory, files, random });
    this.#system = new ProfileSystem(options.settings, options.clock);
  }

  get environment(): Readonly<Record<string, string>> {
    return this.#system.environment;
  }

  async bootId(): Promise<BootId> {
    return BootId.parse(currentBootId());
  }

  running(): Promise<StorePath | null> {
    return this.#system.running();
  }

  bootDefault(): Promise<StorePath | null> {
    return this.#system.default();
  }

  async bootShortage(): Promise<null> {
    return null;
  }

  async isGoingDown(): Promise<boolean> {
    return false;
  }

  async isComingUp(): Promise<boolean> {
    return false;
  }

  async isClockSynchronised(): Promise<boolean> {
    const { clockSynchronisedFile } = this.#options;
    if (clockSynchronisedFile === null) return true;
    return stat(clockSynchronisedFile).then(
      () => true,
      () => false,
    );
  }

  locate(path: string): string {
    return this.#system.locate(path);
  }

  async arm(to: StorePath | null, seconds: number): Promise<Armed> {
    try {
      const atWork = await this.#takeAll();
      if (atWork) return { ok: false, detail: 'an earlier dead man’s switch is at work' };
      const record = await this.#newRecord();
      if (to === null) return { ok: true };
      if (!(await this.#system.isSystem(to))) {
        return { ok: false, detail: `${to} is not there to go back to` };
      }
      const { clock } = this.#options;
      const deadlineMs = clock.monotonicMs() + seconds * 1000;
      await record.arm({ to, deadlineMs, bootId: currentBootId() });
      this.#detach('guard', record.directory);
      const isGuarded = await this.#until(() => record.isGuarded(), startedMsMax);
      const readBack = await record.armed();
      if (isGuarded && readBack?.to === to && readBack.deadlineMs === deadlineMs) return { ok: true };
      await record.settle('taken');
      return { ok: false, detail: `the dead man’s switch did not say within ${startedMsMax} ms that it watches` };
    } catch (error) {
      return { ok: false, detail: messageOf(error) };
    }
  }

  async deadMan(): Promise<DeadManReport> {
    const record = await this.#current();
    if (!record) return { kind: 'absent' };
    const report = await record.deadMan();
    if (report.kind !== 'fired' || report.ok !== true) return report;
    // A commit that was setting the profile while the switch fired may have had the last word there.
    return (await this.bootDefault()) === report.to ? report : { ...report, ok: false };
  }

  async keepGuarded(): Promise<void> {
    const record = await this.#current();
    const armed = (await record?.armed()) ?? null;
    if (!record || armed === null || armed.bootId !== currentBootId() || (await record.isGuarded())) return;
    this.#detach('guard', record.directory);
    await this.#until(() => record.isGuarded(), startedMsMax);
  }

  async awaitDeadMan(signal: AbortSignal): Promise<DeadManReport> {
    const isDone = async (): Promise<boolean> => {
      const report = await this.deadMan();
      return report.kind !== 'fired' || report.ok !== null;
    };
    const isOver = await this.#until(isDone, deadManMsMax, signal);
    const report = await this.deadMan();
    return isOver || report.kind !== 'fired' ? report : { ...report, ok: false };
  }

  async disarm(): Promise<Disarmed> {
    const record = await this.#current();
    if (!record) return 'absent';
    if (await record.settle('disarmed')) return 'disarmed';
    const { kind } = await record.deadMan();
    return kind === 'fired' ? 'fired' : kind === 'disarmed' ? 'disarmed' : 'absent';
  }

  async standDown(): Promise<void> {
    await this.#takeAll();
  }

  async activate(
    closure: StorePath,
    { timeoutSeconds }: ActivationRules,
    signal: AbortSignal,
  ): Promise<ActivationOutcome> {
    if (!(await this.#system.isSystem(closure))) {
      const detail = `${closure}/bin/switch-to-configuration is not a program: not a system`;
      return { kind: 'refused', reason: 'not-a-system', detail };
    }
    const record = (await this.#current()) ?? (await this.#newRecord());
    const child = this.#detach('switch', record.directory, closure, String(timeoutSeconds));
    const hasStarted = await this.#until(async () => (await record.activation()) !== null, startedMsMax, signal);
    if (!hasStarted) {
      // Nor may it start later, when nobody expects it any more.
      child.kill('SIGKILL');
      return lostActivation('the process for the switch did not start');
    }
    return this.awaitActivation(signal);
  }

  async awaitActivation(signal: AbortSignal): Promise<ActivationOutcome> {
    let found: ActivationOutcome | 'running' | 'unknown' = 'running';
    for (;;) {
      found = await this.activation();
      if (found !== 'running') break;
      await this.#options.clock.sleep(pollMs, signal);
    }
    return found === 'unknown' ? lostActivation('the process of the switch ended without leaving an outcome') : found;
  }

  async activation(): Promise<ActivationOutcome | 'running' | 'unknown'> {
    const record = await this.#current();
    if (!record) return 'unknown';
    const activation = await record.activation();
    // Looked at in this order, since the outcome is written before the process ends.
    const isRunning = activation !== null && isAlive(activation.runner);
    return (await record.outcome()) ?? (isRunning ? 'running' : 'unknown');
  }

  async setDefault(closure: StorePath) {
    const problem = await this.#system.setDefault(closure).catch(messageOf);
    return problem === null ? ({ ok: true } as const) : ({ ok: false, detail: problem } as const);
  }

  async revert(to: StorePath, signal: AbortSignal): Promise<RevertOutcome> {
    const record = await this.#current();
    // Reverting does not wait for a disk that takes no rename.
    const isTaken = record === null || (await record.settle('taken').catch(() => true));
    if (!isTaken && (await record.deadMan()).kind === 'fired') {
      const report = await this.awaitDeadMan(signal);
      const running = await this.running();
      if (report.kind === 'fired' && running === to) {
        return { running, by: 'dead-man', ...(report.output ? { output: report.output } : {}) };
      }
    }
    if (record) await endActivation(record);
    const directory = record?.directory ?? this.#options.directory;
    const isDone = await this.#runDetached(['revert', directory, to], signal);
    const running = await this.running();
    if (running === to) return { running, by: 'agent' };
    return { running, by: 'agent', detail: isDone ? `the machine runs ${running ?? 'nothing known'}` : 'given up' };
  }

  /** A profile is no machine: nothing of it was booted. */
  async rebootPending(): Promise<string | null> {
    return null;
  }

  async wasBootOrdered(): Promise<boolean> {
    return false;
  }

  async reboot(): Promise<RebootOutcome> {
    return { ok: false, detail: 'the profile backend has no machine to boot' };
  }

  /** Nothing that was armed before may fire into what comes now. True if one has fired and is not done. */
  async #takeAll(): Promise<boolean> {
    for (const directory of await this.#records.list()) {
      const record = new SwitchRecord(this.#options.files, directory);
      await record.settle('taken');
      const report = await record.deadMan();
      if (report.kind === 'fired' && report.ok === null) return true;
    }
    return false;
  }

  async #current(): Promise<SwitchRecord | null> {
    const newest = await this.#records.newest();
    return newest === null ? null : new SwitchRecord(this.#options.files, newest);
  }

  async #newRecord(): Promise<SwitchRecord> {
    return new SwitchRecord(this.#options.files, await this.#records.create());
  }

  #spawn(args: readonly string[]) {
    const { settings, detachedProgram } = this.#options;
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', detachedProgram, ...args], {
      // A session of its own and none of our descriptors: it outlives us and holds nothing of ours.
      detached: true,
      stdio: 'ignore',
      cwd: '/',
      env: { PATH: settings.path, NIXFLEET_PROFILE_SETTINGS: JSON.stringify(settings) },
    });
    child.unref();
    return child;
  }

  #detach(...args: readonly string[]) {
    // Not starting shows as not saying so in time.
    return this.#spawn(args).on('error', () => {});
  }

  /** True when the process ended; false when it is still at work after the longest wait. */
  #runDetached(args: readonly string[], signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const over = new AbortController();
      const finish = (isDone: boolean): void => {
        over.abort();
        resolve(isDone);
      };
      const child = this.#spawn(args);
      child.on('exit', () => finish(true)).on('error', () => finish(true));
      this.#options.clock.sleep(deadManMsMax, AbortSignal.any([over.signal, signal])).then(
        () => finish(false),
        () => finish(false),
      );
    });
  }

  #until(isTrue: () => Promise<boolean>, msMax: number, signal?: AbortSignal): Promise<boolean> {
    const { clock } = this.#options;
    return waitUntil(isTrue, { clock, msMax, ...(signal ? { signal } : {}) });
  }
}

/** Throws `AgentError` `bad-config` for settings that do not fit. */
export function parseProfileSettings(value: unknown): ProfileSettings {
  const parsed = ProfileSettings.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new AgentError('bad-config', parsed.error.message);
}
