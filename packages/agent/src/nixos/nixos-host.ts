import { BootId, type Clock, type Random, type StorePath } from '@nixfleet/contracts';
import type { ActivationOutcome, DeadManReport } from '@nixfleet/engine';
import type { Files } from '../files.ts';
import type { GuardRecord } from '../guard/guard-record.ts';
import { MachineGuard } from '../guard/machine-guard.ts';
import type {
  ActivationRules,
  Armed,
  BootParts,
  Disarmed,
  Host,
  RebootOrder,
  RebootOutcome,
  RevertOutcome,
} from '../host.ts';
import { lostActivation } from '../lost-activation.ts';
import { currentBootId } from '../process-identity.ts';
import { describe } from '../profile-system.ts';
import { runCommand } from '../run-command.ts';
import { awaitSwitch, outputOf, runSwitch, type SwitchDeps, switchOf } from './nixos-switch.ts';
import { NixosSystem } from './nixos-system.ts';
import { refused, whatKeepsUp } from './reboot-obstacle.ts';
import type { Variant } from './specialisation.ts';
import { partAwaitingBoot, switchInhibitor } from './switch-inhibitors.ts';
import { SynchronisedClock } from './synchronised-clock.ts';
import type { Systemd } from './systemd.ts';
import { takeBackBoot } from './take-back-boot.ts';

/** Longest revert, by whomever; the script bounds each of its attempts. In seconds. */
const revertSecondsMax = 45 * 60;
/** How long the dead man's script may take to start its timer, in milliseconds. */
const watchMs = 60_000;
/** How long a machine that was told to go down may take, in milliseconds. */
const shutdownMsMax = 10 * 60_000;

export interface NixosHostOptions {
  /** PATH of what runs outside the agent, and of systemd's programs. */
  readonly path: string;
  /** Directory of the records. */
  readonly directory: string;
  readonly files: Files;
  readonly clock: Clock;
  readonly random: Random;
  readonly systemd: Systemd;
  /** Exists while the clock is synchronised; null: systemd-timedated is asked. */
  readonly clockSynchronisedFile: string | null;
}

/** A NixOS machine: whatever changes it runs in units of PID 1, which outlive the agent and do not share its sandbox. */
export class NixosHost implements Host {
  readonly #options: NixosHostOptions;
  readonly #system: NixosSystem;
  readonly #guard: MachineGuard;
  readonly #synchronised: SynchronisedClock;

  constructor(options: NixosHostOptions) {
    const { directory, files, clock, random, systemd, path } = options;
    this.#options = options;
    this.#synchronised = new SynchronisedClock(options);
    const unitName = () => `nixfleet-run-${Buffer.from(random.bytes(8)).toString('hex')}.service`;
    const system = new NixosSystem({ systemd, path, unitName, clock });
    this.#system = system;
    this.#guard = new MachineGuard({
      ...{ directory, files, clock, random, standsMsMax: 0, revertSecondsMax },
      machine: {
        bootId: async () => currentBootId(),
        uptimeSeconds: async () => clock.monotonicMs() / 1000,
        running: () => this.running(),
        bootDefault: () => system.bootDefault(),
        whatLacks: (closure) => system.whatLacks(closure),
        watch: (record, to) => this.#watch(record, to),
        isWatched: (record) => systemd.isActive(record.timer),
        endWatch: (record) => systemd.stop(record.timer),
        takeBack: (record) => takeBackBoot(record, { boot: currentBootId(), loader: () => system.bootLoader() }),
        isFiring: async (record, hasResult) =>
          (await systemd.service(record.deadManUnit)) === 'running' ||
          (!hasResult && (await systemd.isActive(record.timer))),
        isReverting: async (record) => (await systemd.service(record.revertUnit)) === 'running',
        forget: (record) => systemd.forget(record.switchUnit),
      },
    });
  }

  get environment(): Readonly<Record<string, string>> {
    return this.#system.environment;
  }

  locate(path: string): string {
    return path;
  }

  async bootId(): Promise<BootId> {
    return BootId.parse(currentBootId());
  }

  async running(): Promise<StorePath | null> {
    return (await this.#variant())?.system ?? null;
  }

  #variant(): Promise<Variant | null> {
    return this.#system.running(async () => {
      const start = await (await this.#guard.current())?.switchStart();
      return start ? [start.target] : [];
    });
  }

  /** A specialisation counts as the system that it belongs to, as in `running`. */
  bootDefault(): Promise<StorePath | null> {
    return this.#system.bootedByItself();
  }

  isClockSynchronised(): Promise<boolean> {
    return this.#synchronised.isSynchronised();
  }

  bootShortage(parts: () => Promise<BootParts>): Promise<string | null> {
    return this.#system.bootShortage(parts);
  }

  isGoingDown(): Promise<boolean> {
    return this.#options.systemd.isGoingDown();
  }

  isComingUp(): Promise<boolean> {
    return this.#options.systemd.isComingUp();
  }

  async arm(to: StorePath | null, seconds: number): Promise<Armed> {
    const start = (await (await this.#guard.current())?.switchStart()) ?? null;
    const running = await this.#variant();
    return this.#guard.arm(to, seconds, async (record) => {
      // After a boot into it: what the dead man's switch would leave, and whose generation it would remove.
      if (running !== null && running.system !== to) {
        // A trial is guarded anew while it runs: what had failed before it is still asked for.
        if (start?.target === running.system) await record.begin(start);
        else await record.setTarget(running.system);
      }
      if (running?.system === to && running.specialisation !== null) {
        await record.setSpecialisation(running.specialisation);
      }
    });
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

  async activate(closure: StorePath, rules: ActivationRules, signal: AbortSignal): Promise<ActivationOutcome> {
    const lacking = await this.#system.whatLacks(closure);
    if (lacking !== null) return { kind: 'refused', reason: 'not-a-system', detail: lacking };
    const running = await this.#variant();
    const variant = await this.#system.inPlaceOf(running, closure);
    const component = running === null ? null : await switchInhibitor(running.path, variant.path);
    if (component !== null) return { kind: 'needs-reboot', component };
    const record = await this.#guard.currentOrNext();
    const before = running?.specialisation ?? null;
    return runSwitch(record, { closure, variant, before, ...rules, signal }, this.#switchDeps);
  }

  async awaitActivation(signal: AbortSignal): Promise<ActivationOutcome> {
    const record = await this.#guard.current();
    return record === null ? lostActivation('no switch was started') : awaitSwitch(record, signal, this.#switchDeps);
  }

  async activation(): Promise<ActivationOutcome | 'running' | 'unknown'> {
    const record = await this.#guard.current();
    if (record === null) return 'unknown';
    const found = await switchOf(record, this.#switchDeps);
    const isFailed = typeof found === 'object' && found.kind === 'failed';
    return isFailed && (await this.isGoingDown()) ? 'unknown' : found;
  }

  /** Units that had failed before the newest switch. */
  async failedBeforeSwitch(): Promise<readonly string[]> {
    const start = await (await this.#guard.current())?.switchStart();
    return start?.failedBefore ?? [];
  }

  async setDefault(closure: StorePath) {
    const record = await this.#guard.current();
    await record?.defaultChanges();
    // What the dead man's switch has gone back from is not to be booted.
    const isWanted = async (): Promise<boolean> => (await this.deadMan()).kind !== 'fired';
    const problem = (await this.#system.profile.set(closure)) ?? (await this.#system.setBootDefault(closure, isWanted));
    return problem === null ? ({ ok: true } as const) : ({ ok: false, detail: problem } as const);
  }

  async revert(to: StorePath, signal: AbortSignal): Promise<RevertOutcome> {
    const record = await this.#guard.currentOrNext();
    if (await this.#isBackByBoot(to, (await record.state())?.facts.boot)) {
      await this.#guard.settle(record, 'released');
      return { running: to, by: 'boot' };
    }
    const taken = await this.#guard.takeRevert(to, signal);
    return 'by' in taken ? taken : this.#goBack(taken, to, signal);
  }

  async rebootPending(): Promise<string | null> {
    const [booted, running] = [await this.#system.booted(), await this.#variant()];
    if (booted === null || running === null) return null;
    // The next boot is into the same variant of what runs, where it has that.
    const { path } = await this.#system.inPlaceOf(booted, running.system);
    return booted.path === path ? null : partAwaitingBoot(booted.path, path);
  }

  async reboot({ closure, revertTo, guardSeconds }: RebootOrder): Promise<RebootOutcome> {
    const lacking = await this.#system.whatLacks(closure);
    if (lacking !== null) return refused(lacking);
    const obstacle = await whatKeepsUp(this.#options.systemd);
    if (obstacle !== null) return refused(obstacle);
    if (revertTo === null && (await this.#system.bootDefault()) !== closure) {
      return refused('there is nothing to go back to, should the boot fail');
    }
    if (await this.#guard.releaseAll()) return refused('an earlier dead man’s switch is at work');
    const record = await this.#guard.next();
    const problem = revertTo === null ? null : await this.#prepareBoot(record, { closure, revertTo, guardSeconds });
    if (problem !== null) return refused(problem);
    const failure = await this.#options.systemd.reboot();
    if (failure === null) return { ok: true };
    if (revertTo !== null) await this.#undoBoot(record, revertTo);
    return refused(failure);
  }

  async wasBootOrdered(): Promise<boolean> {
    return (await (await this.#guard.current())?.wasBootOrdered()) ?? false;
  }

  /** The record says what the next boot is; then the loader is told. Null, or what is wrong, with everything undone. */
  async #prepareBoot(
    record: GuardRecord,
    { closure, revertTo, guardSeconds }: { closure: StorePath; revertTo: StorePath; guardSeconds: number },
  ): Promise<string | null> {
    await record.begin({ target: closure, failedBefore: [], onFailedUnits: 'new' });
    const boot = currentBootId();
    // No timer stands for it in this boot: nothing is to be undone before the next.
    await record.arm({ to: revertTo, kind: 'boot', deadline: 0, boot, seconds: Math.ceil(guardSeconds) });
    if ((await this.#system.bootDefault()) === closure) return record.bootOrdered().then(() => null);
    const loader = await this.#system.bootLoader();
    if (loader === null) {
      await this.#guard.settle(record, 'released');
      return 'this boot loader cannot boot something once: boot the machine by hand';
    }
    await record.defaultChanges();
    // The loader's entries are those of the profile's generations; its default goes back to what it was.
    const problem = (await this.#system.profile.set(closure)) ?? (await this.#system.setBootDefault(revertTo));
    const once = problem === null ? await loader.bootOnce(closure) : ({ ok: false, detail: problem } as const);
    if (once.ok) return record.bootOrdered().then(() => null);
    await this.#undoBoot(record, revertTo);
    return once.detail;
  }

  async #undoBoot(record: GuardRecord, revertTo: StorePath): Promise<void> {
    await (await this.#system.bootLoader())?.forgetOnce();
    await record.settle('armed', 'reverting');
    await this.#goBack(record, revertTo, new AbortController().signal);
  }

  /** The script of the closure that was confirmed last does it, in a unit of its own. */
  async #goBack(record: GuardRecord, to: StorePath, signal: AbortSignal): Promise<RevertOutcome> {
    const { systemd, clock } = this.#options;
    const script = (await this.#system.deadManOf(to)) ?? (await this.#runningScript());
    if (script === null)
      return { running: await this.running(), by: 'agent', detail: `${to} has no dead man’s switch` };
    // One that an earlier incarnation began, and that has started this one anew, is waited for.
    if ((await systemd.service(record.revertUnit)) !== 'running') {
      await systemd.stop(record.deadManUnit);
      await systemd.forget(record.revertUnit);
      await record.forgetResult().catch(() => {});
      const problem = await systemd.start({
        unit: record.revertUnit,
        description: `NixFleet: back to ${to}`,
        argv: [script, 'revert', record.directory],
        environment: {},
        timeoutSeconds: revertSecondsMax,
      });
      if (problem !== null) return { running: null, by: 'agent', detail: problem };
    }
    const isOver = async (): Promise<boolean> => (await systemd.service(record.revertUnit)) !== 'running';
    await this.#guard.until(isOver, revertSecondsMax * 1000 + shutdownMsMax, signal);
    const end = await systemd.service(record.revertUnit);
    const [running, result] = [await this.running(), await record.result()];
    await systemd.forget(record.revertUnit);
    const output = typeof end === 'object' ? { output: await outputOf(`${record.directory}/revert.log`, end) } : {};
    const hasEndedWell = typeof end === 'object' && end.exitCode === 0;
    // A full disk takes no result; then what counts is that it ended well, and what runs.
    const isDone = result === null ? hasEndedWell : result.isDone;
    if (running === to && isDone) return { running, by: 'agent', ...output };
    // It ended well, without a result and elsewhere: the machine reboots, into what it goes back to.
    if (result === null && hasEndedWell) await clock.sleep(shutdownMsMax, signal);
    return { running: null, by: 'agent', ...output, detail: `the machine runs ${running ?? 'nothing known'}` };
  }

  async #runningScript(): Promise<string | null> {
    const running = await this.running();
    return running === null ? null : this.#system.deadManOf(running);
  }

  /** The machine booted since, into what was confirmed, and boots nothing else. */
  async #isBackByBoot(to: StorePath, armedIn: string | undefined): Promise<boolean> {
    if (armedIn === undefined || armedIn === currentBootId()) return false;
    const [running, profile] = [await this.running(), await this.#system.profile.closure()];
    return running === to && profile === to && (await this.#system.bootDefault()) === to;
  }

  /** Null, or what is wrong. */
  async #watch(record: GuardRecord, to: StorePath): Promise<string | null> {
    const script = await this.#system.deadManOf(to);
    if (script === null) return `${to} has no dead man’s switch`;
    const result = await runCommand({
      argv: [script, 'watch', record.directory],
      environment: {},
      timeoutMs: watchMs,
      stdoutBytesMax: 64 * 1024,
      directory: '/',
      clock: this.#options.clock,
    });
    return result.exitCode === 0 ? null : `the dead man’s switch does not start: ${describe(result.output)}`;
  }

  get #switchDeps(): SwitchDeps {
    const { systemd, clock } = this.#options;
    return { systemd, system: this.#system, clock };
  }
}
