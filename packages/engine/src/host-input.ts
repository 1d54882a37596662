import type {
  AgentRefusalCode,
  BootId,
  ChannelPolicy,
  CheckMode,
  CheckName,
  CommandOutput,
  EventContent,
  FailedCause,
  HostState,
  HostTarget,
  Instant,
  StorePath,
  Withheld,
} from '@nixfleet/contracts';

/** What the newest verified documents want of this host, and whether it may start now. */
export interface Intent {
  readonly target: HostTarget;
  readonly policy: ChannelPolicy;
  /** The first brake that stands now (`brakeOn`), or null. */
  readonly brake: Withheld | null;
  /** A `go` for exactly this rollout, wave and attempt is held, its receipts verified. */
  readonly hasGo: boolean;
}

/** How a switch ended, as the backend observed it. `failed` and `timeout` may have changed the machine. */
export type ActivationOutcome =
  | { readonly kind: 'ok'; readonly running: StorePath | null; readonly output: CommandOutput }
  | { readonly kind: 'failed'; readonly cause: FailedCause; readonly output: CommandOutput }
  /** Nothing was changed: the lock stayed busy, or a pre-switch check of the machine refused. */
  | { readonly kind: 'refused'; readonly reason: AgentRefusalCode; readonly detail: string }
  /** A switch inhibitor: the closure needs a reboot. */
  | { readonly kind: 'needs-reboot'; readonly component: string };

/** What the dead man's switch says of itself, read back from outside the agent. */
export type DeadManReport =
  /** None was ever armed, or its record was cleared. */
  | { readonly kind: 'absent' }
  | { readonly kind: 'armed'; readonly to: StorePath }
  /** The agent won the rename: everything before `confirmed` had succeeded. */
  | { readonly kind: 'disarmed' }
  /** It fired. `ok` is whether the machine ran `to` afterwards, null while it is still at work. */
  | { readonly kind: 'fired'; readonly to: StorePath; readonly ok: boolean | null; readonly output?: CommandOutput };

/** Facts that workers bring. The agent's loop hands them to `step` one at a time. */
export type HostInput =
  /** First input after every start of the agent: what was found on the machine. */
  | {
      readonly type: 'started';
      readonly running: StorePath | null;
      readonly bootId: BootId;
      readonly agentVersion: string;
      readonly deadMan: DeadManReport;
      /** The interrupted activation, if one was: still running, ended, or not known. */
      readonly activation: ActivationOutcome | 'running' | 'unknown';
    }
  /** Whenever documents, go, brakes or the clock changed; null while there is no verified manifest for this host. */
  | { readonly type: 'intent'; readonly intent: Intent | null }
  | { readonly type: 'fetched' }
  | { readonly type: 'fetch-refused'; readonly reason: AgentRefusalCode; readonly detail: string }
  /** Answer to `recheck`: the intent as it is now, after asking the control plane again. */
  | { readonly type: 'rechecked'; readonly intent: Intent | null }
  | { readonly type: 'armed'; readonly deadline: Instant }
  | { readonly type: 'arm-refused'; readonly detail: string }
  | { readonly type: 'activated'; readonly outcome: ActivationOutcome }
  | {
      readonly type: 'probe';
      readonly check: CheckName;
      readonly status: 'pass' | 'fail';
      readonly mode: CheckMode;
      readonly failureThreshold: number;
      readonly detail?: string;
    }
  /** The closure's declared checks were read: from now on each reports itself by `probe`. */
  | { readonly type: 'checks-known'; readonly enforced: readonly CheckName[] }
  /** The control plane durably accepted the `probes-passed` event over a new look-up, connection and handshake. */
  | { readonly type: 'accepted' }
  | { readonly type: 'committed' }
  /** The dead man's switch had fired before it could be disarmed. */
  | { readonly type: 'commit-lost' }
  | { readonly type: 'commit-failed'; readonly detail: string }
  | { readonly type: 'dead-man'; readonly report: DeadManReport }
  | {
      readonly type: 'reverted';
      readonly running: StorePath | null;
      readonly by: 'agent' | 'dead-man' | 'boot';
      readonly output?: CommandOutput;
      readonly detail?: string;
    }
  /** Drift check: what the machine runs now. */
  | { readonly type: 'observed'; readonly running: StorePath | null }
  | { readonly type: 'tick' };

/** What the agent's shell must do. Each ends in an input; all are safe to repeat. */
export type HostEffect =
  /** Realise the closure, recompute its digest → `fetched` | `fetch-refused`. */
  | { readonly type: 'fetch'; readonly target: HostTarget }
  /** Check in again, read brakes again → `rechecked`. */
  | { readonly type: 'recheck'; readonly target: HostTarget }
  /** Arm the dead man's switch and read it back → `armed` | `arm-refused`. `seconds` from now, monotonic. */
  | { readonly type: 'arm'; readonly target: HostTarget; readonly revertTo: StorePath | null; readonly seconds: number }
  /** Start the switch outside the agent → `activated`. */
  | { readonly type: 'activate'; readonly target: HostTarget; readonly timeoutSeconds: number }
  /** Wait for a switch that an earlier incarnation started → `activated`. */
  | { readonly type: 'await-activation'; readonly target: HostTarget }
  /** Forget all probe results and probe `closure`'s checks from now on → `checks-known`, then `probe`, repeatedly. */
  | { readonly type: 'probe-afresh'; readonly closure: StorePath }
  /** Deliver the journal over a new connection → `accepted` when `probes-passed` is durable there. */
  | { readonly type: 'request-acceptance' }
  /** Set profile and boot default, read them back, disarm → `committed` | `commit-lost` | `commit-failed`. */
  | { readonly type: 'commit'; readonly target: HostTarget }
  /** Take the switch from the dead man (or wait for it), go back to `to`, set profile → `reverted`. */
  | { readonly type: 'revert'; readonly to: StorePath }
  | { readonly type: 'await-dead-man' }
  /** The dead man's switch has nothing to guard any more. */
  | { readonly type: 'disarm' };

/** What is known only while the agent runs; after a restart it is found out again. */
export interface HostMemory {
  readonly state: HostState;
  readonly working: WorkingMemory;
}

export interface WorkingMemory {
  /** The newest intent, so that policy is at hand after the switch. */
  readonly intent: Intent | null;
  /** The effect now under way, by its type. */
  readonly busy: HostEffect['type'] | null;
  readonly checks: readonly CheckProgress[];
  /** Names of the enforced checks of the running closure; null until `checks-known`. */
  readonly enforced: readonly CheckName[] | null;
  readonly revertAttemptedAt: Instant | null;
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
