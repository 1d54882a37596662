import type {
  AgentRefusalCode,
  BootId,
  ChannelPolicy,
  CheckMode,
  CheckName,
  CommandOutput,
  CompliancePolicy,
  EventContent,
  FailedCause,
  HostState,
  HostTarget,
  Instant,
  OnFailedUnits,
  RolloutId,
  StorePath,
  Withheld,
} from '@nixfleet/contracts';

/** What the newest verified documents want of this host, and whether it may start now. */
export interface Intent {
  readonly target: HostTarget;
  readonly policy: ChannelPolicy;
  /** The first brake that stands now (`hostBrake`), or null. */
  readonly brake: Withheld | null;
  /** A `go` for exactly this rollout, wave and attempt is held, its receipts verified. False once the control plane took it back. */
  readonly hasGo: boolean;
  /** That `go` is one to boot for what waits for a boot, and not to switch: then `hasGo` is false. */
  readonly mayReboot: boolean;
}

/** How a switch ended, as the backend observed it. `failed` and `timeout` may have changed the machine. */
export type ActivationOutcome =
  | {
      readonly kind: 'ok';
      readonly running: StorePath | null;
      readonly output: CommandOutput;
      /** What people may want to know of it. */
      readonly detail?: string | undefined;
    }
  | { readonly kind: 'failed'; readonly cause: FailedCause; readonly output: CommandOutput }
  /** Nothing was changed: the lock stayed busy, or a pre-switch check of the machine refused. */
  | { readonly kind: 'refused'; readonly reason: AgentRefusalCode; readonly detail: string }
  /** A switch inhibitor: the closure needs a reboot. */
  | { readonly kind: 'needs-reboot'; readonly component: string };

/** What the dead man's switch says of itself and of the newest switch, read back from outside the agent. */
export type DeadManReport =
  /** None stands: never armed, taken by the agent because nothing was switched, or armed in an earlier boot. */
  | { readonly kind: 'absent' }
  /** It stands and will fire: armed in this boot, and its process lives. */
  | { readonly kind: 'armed'; readonly to: StorePath }
  /** The agent won the rename: everything before `confirmed` had succeeded. */
  | { readonly kind: 'disarmed' }
  /** It fired. `ok` is whether the machine ran `to` afterwards, null while it is still at work. */
  | { readonly kind: 'fired'; readonly to: StorePath; readonly ok: boolean | null; readonly output?: CommandOutput };

interface BootDefault {
  /** Null or absent: it cannot be told. */
  readonly bootDefault?: StorePath | null;
}

/**
 * Facts that workers bring. The agent's loop hands them to `step` one at a time. An input with an `id` answers the effect
 * with that `id`; the machine ignores it unless that effect is still the one it waits for, so a worker that answers late,
 * twice, or for a target that has been replaced does no harm.
 */
export type HostInput =
  /** First input after every start of the agent: what was found on the machine. */
  | ({
      readonly type: 'started';
      readonly running: StorePath | null;
      readonly bootId: BootId;
      readonly agentVersion: string;
      readonly deadMan: DeadManReport;
      /** The interrupted activation, if one was: still running, ended, or not known. */
      readonly activation: ActivationOutcome | 'running' | 'unknown';
      /** The loader was told of the newest boot that was asked for. If not, it did not fail: the power may have. */
      readonly wasBootOrdered: boolean;
    } & BootDefault)
  /** Whenever documents, go, brakes or the clock changed; null while there is no verified manifest for this host. */
  | { readonly type: 'intent'; readonly intent: Intent | null }
  | { readonly type: 'fetched'; readonly id: number }
  | {
      readonly type: 'fetch-refused';
      readonly id: number;
      readonly reason: AgentRefusalCode;
      readonly detail: string;
    }
  /** Answer to `recheck`: the intent as it is now, after asking the control plane again. */
  | { readonly type: 'rechecked'; readonly id: number; readonly intent: Intent | null }
  /** `deadline` is `seconds` from the arming, on the wall clock. */
  | { readonly type: 'armed'; readonly id: number; readonly deadline: Instant }
  | { readonly type: 'arm-refused'; readonly id: number; readonly detail: string }
  | { readonly type: 'activated'; readonly id: number; readonly outcome: ActivationOutcome }
  /** The machine stays up. If it goes down, the next input is `started`, in another boot. */
  | { readonly type: 'reboot-refused'; readonly id: number; readonly detail: string }
  /** The closure's declared checks were read: from now on each reports itself by `probe`, with the same `id`. */
  | { readonly type: 'checks-known'; readonly id: number; readonly enforced: readonly CheckName[] }
  | {
      readonly type: 'probe';
      readonly id: number;
      readonly check: CheckName;
      readonly status: 'pass' | 'fail';
      readonly mode: CheckMode;
      readonly failureThreshold: number;
      readonly detail?: string;
    }
  /** The control plane durably accepted the `probes-passed` event over a new look-up, connection and handshake. */
  | { readonly type: 'accepted'; readonly id: number }
  | { readonly type: 'committed'; readonly id: number }
  /** The dead man's switch had fired before it could be disarmed. */
  | { readonly type: 'commit-lost'; readonly id: number }
  | { readonly type: 'commit-failed'; readonly id: number; readonly detail: string }
  /** Answer to `await-dead-man`; and unasked, as soon as the agent sees that the newest one has fired. */
  | { readonly type: 'dead-man'; readonly report: DeadManReport }
  | {
      readonly type: 'reverted';
      readonly id: number;
      readonly running: StorePath | null;
      readonly by: 'agent' | 'dead-man' | 'boot';
      readonly output?: CommandOutput;
      readonly detail?: string;
    }
  /** Drift check: what the machine runs now, and what it boots by itself. */
  | ({ readonly type: 'observed'; readonly running: StorePath | null } & BootDefault)
  /** At least every few seconds while a switch is under way or soaks, and when an `until` or deadline is reached. */
  | { readonly type: 'tick' };

/**
 * What the agent's shell must do, after the step's events are durable. Every effect with an `id` ends in one input with
 * the same `id` (`probe-afresh` in many), within a bound of its worker's; all are safe to repeat. A worker whose `id` is
 * neither `working.busy.id` nor `working.probing` any more may be cancelled; its answer is ignored. A `revert` is never
 * started beside a worker that still changes the machine: end or await that one first.
 */
export type HostEffect =
  /** Realise the closure, recompute its digest → `fetched` | `fetch-refused`. */
  | { readonly type: 'fetch'; readonly id: number; readonly target: HostTarget }
  /** Check in again, read brakes again → `rechecked`. */
  | { readonly type: 'recheck'; readonly id: number; readonly target: HostTarget }
  /** Arm the dead man's switch and read it back → `armed` | `arm-refused`. `seconds` from now, monotonic. */
  | {
      readonly type: 'arm';
      readonly id: number;
      readonly target: HostTarget;
      readonly revertTo: StorePath | null;
      readonly seconds: number;
    }
  /** Start the switch outside the agent → `activated`. */
  | {
      readonly type: 'activate';
      readonly id: number;
      readonly target: HostTarget;
      readonly timeoutSeconds: number;
      readonly onFailedUnits: OnFailedUnits;
    }
  /** Wait for a switch that an earlier incarnation started → `activated`. */
  | { readonly type: 'await-activation'; readonly id: number; readonly target: HostTarget }
  /**
   * Deliver the journal if that can be done soon, then boot the machine once into the target, with a dead man's switch
   * that the boot arms for `guardSeconds` → `reboot-refused`, or this agent ends.
   */
  | {
      readonly type: 'reboot';
      readonly id: number;
      readonly target: HostTarget;
      readonly revertTo: StorePath | null;
      readonly guardSeconds: number;
    }
  /**
   * Forget all probe results and probe `closure`'s checks from now on → `checks-known`, then `probe`, repeatedly. Runs
   * beside other effects until the next `probe-afresh`, or until `working.probing` is null.
   */
  | {
      readonly type: 'probe-afresh';
      readonly id: number;
      readonly closure: StorePath;
      /** The channel's, of the newest switch; null: what the closure itself says. */
      readonly compliance: CompliancePolicy | null;
    }
  /** Deliver the journal over a new connection, until told otherwise → `accepted` when `probes-passed` is durable there. */
  | { readonly type: 'request-acceptance'; readonly id: number }
  /** Check what runs, set profile and boot default, read them back, disarm → `committed` | `commit-lost` | `commit-failed`. */
  | { readonly type: 'commit'; readonly id: number; readonly target: HostTarget }
  /** Take the switch from the dead man (or wait for it), go back to `to`, set profile → `reverted`. */
  | { readonly type: 'revert'; readonly id: number; readonly to: StorePath }
  /** → `dead-man`, when it is done or gone. */
  | { readonly type: 'await-dead-man'; readonly id: number }
  /** The dead man's switch has nothing to guard: take it, so that it reports `absent`. No answer. */
  | { readonly type: 'disarm' };

/** What is known only while the agent runs; after a restart it is found out again. */
export interface HostMemory {
  readonly state: HostState;
  readonly working: WorkingMemory;
}

/** Effects that the machine waits for, one at a time. */
export type AwaitedEffect = Exclude<HostEffect['type'], 'probe-afresh' | 'disarm'>;

export interface WorkingMemory {
  /** The newest intent. */
  readonly intent: Intent | null;
  /** The effect that is under way and still wanted. */
  readonly busy: { readonly type: AwaitedEffect; readonly id: number } | null;
  /** `id` of the newest `probe-afresh`; null where results mean nothing: during a switch and a revert. */
  readonly probing: number | null;
  readonly checks: readonly CheckProgress[];
  /** Names of the enforced checks of the running closure; null until `checks-known`. */
  readonly enforced: readonly CheckName[] | null;
  /** Consecutive refusals of one rollout since this start, for their back-off. */
  readonly refusals: { readonly rolloutId: RolloutId; readonly count: number } | null;
  /** Attempts at the revert under way since this start, and when the newest began. */
  readonly reverts: { readonly count: number; readonly at: Instant } | null;
  /** Given to the next effect. */
  readonly nextId: number;
}

export interface CheckProgress {
  readonly check: CheckName;
  readonly mode: CheckMode;
  readonly consecutiveFailures: number;
  readonly passedSinceActivation: boolean;
  readonly lastStatus: 'pass' | 'fail';
}

export interface StepResult {
  readonly memory: HostMemory;
  /** To be journalled, in order, before any effect is started. */
  readonly events: readonly EventContent[];
  readonly effects: readonly HostEffect[];
}
