import { z } from 'zod';

/** One day, in seconds; the longest timeout a policy may set. */
const daySeconds = 24 * 3600;

/**
 * When the next wave may open, and how an agent can tell.
 * `convergedPercent` is what the planner demands of the reachable hosts of the wave;
 * `receiptsPercent` of all its hosts (rounded up, at least one) is the number of host-signed `converged`
 * events that an agent of a later wave demands before it acts. 100 by default, so a wave with an offline host waits;
 * declaring less is what lets a wave pass without some hosts, and also how far a stolen control plane could stretch it.
 */
export const PromoteWhen = z.object({
  convergedPercent: z.int().min(1).max(100),
  receiptsPercent: z.int().min(0).max(100),
});
export type PromoteWhen = z.infer<typeof PromoteWhen>;

/** Failed hosts that a rollout bears before it halts: the smaller of both where both are set, none where neither is. Percent of the rollout's hosts, rounded down. */
export const MaxFailures = z.object({
  count: z.int().min(0).max(10_000).optional(),
  percent: z.int().min(0).max(100).optional(),
});
export type MaxFailures = z.infer<typeof MaxFailures>;

export const ConfirmPolicy = z.object({
  /** `local` for hosts that must not depend on the control plane, such as its own. */
  by: z.enum(['control-plane', 'local']),
  /** From the end of activation until the dead man's switch reverts. */
  timeoutSeconds: z.int().min(5).max(daySeconds),
});
export type ConfirmPolicy = z.infer<typeof ConfirmPolicy>;

/** It is told; and, beyond that, nothing starts while it lasts, or the host's confirmed closure is switched to again. */
export const DriftPolicy = z.enum(['report', 'hold', 'reactivate']);
export type DriftPolicy = z.infer<typeof DriftPolicy>;

/** What is evaluated, and whether a failing control stops a release. */
export const CompliancePolicy = z.object({
  mode: z.enum(['disabled', 'permissive', 'enforce']),
  frameworks: z.array(z.string().min(1).max(64)).max(32),
  /**
   * What becomes of a host whose enforced controls passed and do not any more: it is told; nothing starts there while that
   * lasts; or its closure is switched to once more and measured again. Absent: `report`.
   */
  onDrift: DriftPolicy.optional(),
});
export type CompliancePolicy = z.infer<typeof CompliancePolicy>;

/** System units that had not failed before the switch, any that has failed after it, or none. */
export const OnFailedUnits = z.enum(['new', 'any', 'ignore']);
export type OnFailedUnits = z.infer<typeof OnFailedUnits>;

/** What a channel's manifest says beyond hosts, waves and intervals. Times in seconds. */
export const ChannelPolicy = z.object({
  /** `observe` plans and reports, and switches nothing. */
  mode: z.enum(['switch', 'observe']),
  confirm: ConfirmPolicy,
  activationTimeoutSeconds: z.int().min(5).max(daySeconds),
  /** Which failed units fail an activation, where units are known. Absent: `new`. */
  onFailedUnits: OnFailedUnits.optional(),
  onHealthFailure: z.enum(['halt', 'rollback-and-halt']),
  maxFailures: MaxFailures,
  onNewRelease: z.enum(['finish', 'replace']),
  /** A host silent for longer no longer blocks its wave. Null: it always blocks. */
  offlineGraceSeconds: z
    .int()
    .min(0)
    .max(30 * daySeconds)
    .nullable(),
  /** First wait after an unconfirmed switch; doubles up to `unconfirmedRetryMaxSeconds`. */
  unconfirmedRetrySeconds: z.int().min(1).max(daySeconds),
  unconfirmedRetryMaxSeconds: z
    .int()
    .min(1)
    .max(7 * daySeconds),
  /** Whether hosts boot by themselves for what waits for a boot: never, while a change window is open, or as soon as they may. */
  reboot: z.enum(['never', 'window', 'immediate']),
  /**
   * Raised to have every host boot once more, whatever `reboot` says: wave by wave, as a switch to the closure that it
   * runs. A host that has booted since it first saw the number does nothing.
   */
  reboots: z.int().min(0).max(1_000_000).optional(),
  /** What becomes of a machine that was changed outside NixFleet. Absent: `report`. */
  drift: DriftPolicy.optional(),
  withoutControlPlane: z.enum(['hold', 'timed']),
  /** Most hosts of the channel that fetch at once. Null: no limit. */
  fetchesMax: z.int().min(1).max(10_000).nullable(),
  compliance: CompliancePolicy,
});
export type ChannelPolicy = z.infer<typeof ChannelPolicy>;

/** What a started switch still needs of its policy; journalled with it, so that no restart loses it. */
export const SwitchPolicy = ChannelPolicy.pick({
  confirm: true,
  activationTimeoutSeconds: true,
  onFailedUnits: true,
  onHealthFailure: true,
  unconfirmedRetrySeconds: true,
  unconfirmedRetryMaxSeconds: true,
}).extend({ compliance: CompliancePolicy.optional() });
export type SwitchPolicy = z.infer<typeof SwitchPolicy>;
