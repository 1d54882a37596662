import type { Clock, Random, StorePath } from '@nixfleet/contracts';
import type { DeadManReport } from '@nixfleet/engine';
import { messageOf } from '../errors.ts';
import type { Files } from '../files.ts';
import type { Armed, Disarmed, RevertOutcome } from '../host.ts';
import { RecordDirectory } from '../record-directory.ts';
import { waitUntil } from '../wait-until.ts';
import { GuardRecord, type GuardState } from './guard-record.ts';

/** Between two looks at what a unit or job does, in milliseconds. */
const pollMs = 500;

/** What a machine has for the dead man's switch: units of PID 1, or jobs of launchd. */
export interface GuardMachine {
  bootId(): Promise<string>;
  /** Suspended time counted, on the clock that the script looks at. */
  uptimeSeconds(): Promise<number>;
  running(): Promise<StorePath | null>;
  /** Read from whatever boots the machine. */
  bootDefault(): Promise<StorePath | null>;
  /** Null for a system that can be gone back to, or what it lacks. */
  whatLacks(closure: StorePath): Promise<string | null>;
  /** Starts what fires when the record's time is up. Null, or what is wrong. */
  watch(record: GuardRecord, to: StorePath): Promise<string | null>;
  /** That stands. */
  isWatched(record: GuardRecord): Promise<boolean>;
  endWatch(record: GuardRecord): Promise<void>;
  /** What else was begun for the record and may still come is taken back, before the record is released. */
  takeBack(record: GuardRecord): Promise<void>;
  /** It has fired, and goes back or will again. */
  isFiring(record: GuardRecord, hasResult: boolean): Promise<boolean>;
  /** The agent's own way back is under way. */
  isReverting(record: GuardRecord): Promise<boolean>;
  /** How the units or jobs of a record ended was asked by now, or will be by nobody. */
  forget(record: GuardRecord): Promise<void>;
}

export interface MachineGuardOptions {
  /** Directory of the records. */
  readonly directory: string;
  readonly files: Files;
  readonly clock: Clock;
  readonly random: Random;
  readonly machine: GuardMachine;
  /** How long what was started may take to stand, in milliseconds. */
  readonly standsMsMax: number;
  /** Longest revert, by whomever, in seconds. */
  readonly revertSecondsMax: number;
}

/** The dead man's switch of a machine, as `Host` has it: a record on disk for each switch, and a script that reads the newest. */
export class MachineGuard {
  readonly #options: MachineGuardOptions;
  readonly #machine: GuardMachine;
  readonly #records: RecordDirectory;

  constructor(options: MachineGuardOptions) {
    const { directory: path, files, random } = options;
    this.#options = options;
    this.#machine = options.machine;
    this.#records = new RecordDirectory({ path, files, random });
  }

  /** `prepare`: what else the script is to find in the record. */
  async arm(
    to: StorePath | null,
    seconds: number,
    prepare: (record: GuardRecord, to: StorePath) => Promise<void> = async () => {},
  ): Promise<Armed> {
    try {
      if (await this.releaseAll()) return { ok: false, detail: 'an earlier dead man’s switch is at work' };
      const record = await this.next();
      if (to === null) return { ok: true };
      const lacking = await this.#machine.whatLacks(to);
      if (lacking !== null) return { ok: false, detail: `cannot go back: ${lacking}` };
      const deadline = Math.ceil((await this.#machine.uptimeSeconds()) + seconds);
      await prepare(record, to);
      const boot = await this.#machine.bootId();
      await record.arm({ to, kind: 'switch', deadline, boot, seconds: Math.ceil(seconds) });
      const problem = await this.#machine.watch(record, to);
      const readBack = await record.state();
      const isRight = readBack?.name === 'armed' && readBack.facts.to === to && readBack.facts.deadline === deadline;
      if (problem === null && isRight && (await this.#stands(record))) return { ok: true };
      await this.settle(record, 'released');
      return { ok: false, detail: problem ?? 'the dead man’s switch does not stand' };
    } catch (error) {
      return { ok: false, detail: messageOf(error) };
    }
  }

  async deadMan(): Promise<DeadManReport> {
    const record = await this.current();
    const state = (await record?.state()) ?? null;
    if (record === null || state === null) return { kind: 'absent' };
    const { to, boot } = state.facts;
    switch (state.name) {
      case 'armed': {
        // Armed in another boot, or with its timer or job gone, it will not fire.
        const isOfThisBoot = boot === (await this.#machine.bootId());
        return isOfThisBoot && (await this.#machine.isWatched(record)) ? { kind: 'armed', to } : { kind: 'absent' };
      }
      case 'fired': {
        const result = await record.result();
        if (result?.isDone === true) return { kind: 'fired', to, ok: (await this.#machine.bootDefault()) === to };
        return { kind: 'fired', to, ok: (await this.#machine.isFiring(record, result !== null)) ? null : false };
      }
      case 'disarmed':
        return { kind: 'disarmed' };
      case 'reverting':
      case 'released':
        return { kind: 'absent' };
    }
  }

  async keepGuarded(): Promise<void> {
    const record = await this.current();
    const state = await record?.state();
    if (!record || state?.name !== 'armed' || state.facts.boot !== (await this.#machine.bootId())) return;
    if (!(await this.#machine.isWatched(record))) await this.#machine.watch(record, state.facts.to);
  }

  async awaitDeadMan(signal: AbortSignal): Promise<DeadManReport> {
    let report = await this.deadMan();
    const isOver = async (): Promise<boolean> => {
      report = await this.deadMan();
      return report.kind !== 'fired' || report.ok !== null;
    };
    const isDone = await this.until(isOver, this.#options.revertSecondsMax * 1000, signal);
    return isDone || report.kind !== 'fired' ? report : { ...report, ok: false };
  }

  async disarm(): Promise<Disarmed> {
    const record = await this.current();
    if (record === null) return 'absent';
    if (await this.settle(record, 'disarmed')) return 'disarmed';
    const state = await record.state();
    return state?.name === 'fired' || state?.name === 'disarmed' ? state.name : 'absent';
  }

  /** Nothing that was armed before may fire into what comes now. True if one has fired, or goes back, and is not done. */
  async releaseAll(): Promise<boolean> {
    for (const directory of await this.#records.list()) {
      const record = new GuardRecord(this.#options.files, directory);
      await this.#machine.takeBack(record);
      await this.settle(record, 'released');
      const state = await record.state();
      if (state?.name !== 'fired' && state?.name !== 'reverting') continue;
      if ((await record.result())?.isDone === true) continue;
      if (state.name === 'fired' || (await this.#machine.isReverting(record))) return true;
      // Given up by whoever began it, in an earlier boot: the boot has put a watch to it, which would still fire.
      await record.settle('reverting', 'released');
      await this.#machine.endWatch(record);
    }
    return false;
  }

  /** Takes the revert from the dead man's switch, or waits for it: what that came to, or the record to go back with. */
  async takeRevert(to: StorePath, signal: AbortSignal): Promise<GuardRecord | RevertOutcome> {
    const record = await this.currentOrNext();
    const state = await record.state();
    if (state?.name === 'armed') {
      // Going back does not wait for a disk that takes no rename.
      await record.settle('armed', 'reverting').catch(() => false);
    } else if (state?.name === 'fired') {
      const report = await this.awaitDeadMan(signal);
      const running = await this.#machine.running();
      if (report.kind === 'fired' && report.ok === true && running === to) return { running, by: 'dead-man' };
      await record.settle('fired', 'reverting');
    } else if (state?.name !== 'reverting') {
      const boot = await this.#machine.bootId();
      await record.arm({ to, kind: 'switch', deadline: 0, boot, seconds: this.#options.revertSecondsMax });
      await record.settle('armed', 'reverting');
    }
    return record;
  }

  /** True for the one that wins; nothing watches the record then. */
  async settle(record: GuardRecord, as: Extract<GuardState, 'disarmed' | 'released'>): Promise<boolean> {
    if (!(await record.settle('armed', as))) return false;
    await this.#machine.endWatch(record);
    return true;
  }

  /** The record of the newest switch. */
  async current(): Promise<GuardRecord | null> {
    const newest = await this.#records.newest();
    return newest === null ? null : new GuardRecord(this.#options.files, newest);
  }

  async currentOrNext(): Promise<GuardRecord> {
    return (await this.current()) ?? (await this.next());
  }

  /** The record of a switch that begins now. */
  async next(): Promise<GuardRecord> {
    const last = await this.current();
    if (last !== null) await this.#machine.forget(last);
    return new GuardRecord(this.#options.files, await this.#records.create());
  }

  /** True as soon as it is; false when so many milliseconds have passed. */
  until(isTrue: () => Promise<boolean>, msMax: number, signal?: AbortSignal): Promise<boolean> {
    const { clock } = this.#options;
    return waitUntil(isTrue, { clock, msMax, everyMs: pollMs, ...(signal ? { signal } : {}) });
  }

  #stands(record: GuardRecord): Promise<boolean> {
    return this.until(() => this.#machine.isWatched(record), this.#options.standsMsMax);
  }
}
