import type { BootId, CommandOutput, OnFailedUnits, StorePath } from '@nixfleet/contracts';
import type { ActivationOutcome, DeadManReport } from '@nixfleet/engine';

export type Armed = { readonly ok: true } | { readonly ok: false; readonly detail: string };

/** `fired`: the dead man's switch was faster. `absent`: nothing was armed. */
export type Disarmed = 'disarmed' | 'fired' | 'absent';

/** `ok`: the machine goes down, and this agent with it. Otherwise nothing was changed. */
export type RebootOutcome = { readonly ok: true } | { readonly ok: false; readonly detail: string };

export interface RebootOrder {
  /** What the machine is to run after the boot; it is realised, and no more the boot default than it was before. */
  readonly closure: StorePath;
  /** What a revert after the boot goes to; null: there is nothing to go back to. Equal to `closure` when the same is booted again. */
  readonly revertTo: StorePath | null;
  /** From the end of the boot until the dead man's switch reverts, unless the agent confirms before. */
  readonly guardSeconds: number;
}

/** What a system brings to the boot partition, as its links say: paths of the store, which need not be here yet. */
export interface BootParts {
  readonly kernel: string | null;
  readonly initrd: string | null;
}

export interface ActivationRules {
  readonly timeoutSeconds: number;
  /** Where the backend knows units. */
  readonly onFailedUnits: OnFailedUnits;
}

export interface RevertOutcome {
  /** What the machine runs afterwards, read back. */
  readonly running: StorePath | null;
  readonly by: 'agent' | 'dead-man' | 'boot';
  readonly output?: CommandOutput;
  readonly detail?: string;
}

/** Port to the machine: everything that the agent reads of it and does to it. Every method is safe to repeat. */
export interface Host {
  bootId(): Promise<BootId>;
  /** The running system; null if it cannot be told. */
  running(): Promise<StorePath | null>;
  /** What the machine boots; null if it cannot be told. */
  bootDefault(): Promise<StorePath | null>;
  isClockSynchronised(): Promise<boolean>;
  /**
   * Why the boot partition has no room for a system, in one line for people, or null. `parts` is asked only where there is
   * something to boot.
   */
  bootShortage(parts: () => Promise<BootParts>): Promise<string | null>;
  /** The machine is on its way down, and this agent with it: what fails now says nothing of a closure. */
  isGoingDown(): Promise<boolean>;
  /** The machine boots: units that are to start with it have not all started yet. */
  isComingUp(): Promise<boolean>;
  /** Where a path of a closure lies on this machine: another place than the store path says for a chroot store. */
  locate(path: string): string;
  /** The environment of programs that a closure brings: the switch, exec probes. */
  readonly environment: Readonly<Record<string, string>>;

  /**
   * Arms a dead man's switch that outlives the agent and goes back to `to` in `seconds`, and reads it back. Whatever was
   * armed before is disarmed first. With `to` null there is nothing to go back to, and nothing is armed.
   */
  arm(to: StorePath | null, seconds: number): Promise<Armed>;
  deadMan(): Promise<DeadManReport>;
  /** Starts the process of the armed dead man's switch again if it was killed, with the same deadline. */
  keepGuarded(): Promise<void>;
  /** Resolves when the dead man's switch that has fired is done, or gone. */
  awaitDeadMan(signal: AbortSignal): Promise<DeadManReport>;
  /** The last act of a commit; from then on it reports `disarmed`. */
  disarm(): Promise<Disarmed>;
  /** There is nothing to guard: nothing that was armed will fire. From then on it reports `absent`. */
  standDown(): Promise<void>;

  /** Starts the switch outside the agent and waits for its end. */
  activate(closure: StorePath, rules: ActivationRules, signal: AbortSignal): Promise<ActivationOutcome>;
  /** Waits for a switch that an earlier incarnation of the agent started. */
  awaitActivation(signal: AbortSignal): Promise<ActivationOutcome>;
  /** The newest switch, if one was started since the dead man's switch was armed. */
  activation(): Promise<ActivationOutcome | 'running' | 'unknown'>;

  /** Sets profile and boot default, and reads them back. */
  setDefault(closure: StorePath): Promise<{ readonly ok: true } | { readonly ok: false; readonly detail: string }>;
  /** Takes the revert from the dead man's switch (or waits for it), ends a running switch, goes back, sets the profile. */
  revert(to: StorePath, signal: AbortSignal): Promise<RevertOutcome>;

  /**
   * What the running closure brings and only a boot takes up (`kernel`, `initrd`, …): a component in which what was
   * booted differs from what runs; null when nothing does, or where there is nothing to boot.
   */
  rebootPending(): Promise<string | null>;
  /**
   * Boots the machine into `closure`, once: the boot default stays what it was, so that a boot that fails or is cut short
   * ends on it, where the loader can boot something once. Where it cannot, and `closure` is not the default already, this
   * refuses. After the boot a dead man's switch is armed from outside the agent before anything of the agent runs, so
   * that `deadMan` reports it as `armed`, and nothing of earlier switches any more; the next `bootId` differs. The agent arms its own in its place (`arm`) and confirms
   * as after a live switch. Asked again in the same boot, it goes on with what it began.
   */
  reboot(order: RebootOrder): Promise<RebootOutcome>;
  /** Whether what boots the machine was told of the newest `reboot`, in whatever boot that was. */
  wasBootOrdered(): Promise<boolean>;
}
