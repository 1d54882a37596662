import { z } from 'zod';
import { ComplianceStanding } from './compliance-standing.ts';
import { CheckMode } from './health-check.ts';
import { Instant } from './instant.ts';
import { BootId, ChannelName, CheckName, RolloutId, Sha256Hex, StorePath } from './names.ts';
import { AgentRefusalCode } from './refusal.ts';
import { SwitchPolicy } from './rollout-policy.ts';
import { Withheld } from './withheld.ts';

/** What a host was told to run, as verified from the manifest. */
export const HostTarget = z.object({
  rolloutId: RolloutId,
  channel: ChannelName,
  introducedIn: z.int().min(1),
  wave: z.int().min(0),
  closure: StorePath,
  closureDigest: Sha256Hex,
  attempt: z.int().min(1),
  /** From `confirmed` to `converged`. */
  soakSeconds: z.int().min(0),
  /** The channel's `reboots`: the host converges only after having booted for it. */
  reboots: z.int().min(0).optional(),
  /** A trial: the host goes back at this instant at the latest, and never makes it its boot default. */
  trialUntil: Instant.optional(),
});
export type HostTarget = z.infer<typeof HostTarget>;

export const UnconfirmedCause = z.enum(['no-contact', 'probes-pending', 'agent-restarted', 'rebooted', 'dead-man']);
export type UnconfirmedCause = z.infer<typeof UnconfirmedCause>;

export const FailedCause = z.enum([
  'activation-failed',
  'activation-timeout',
  'pre-switch-check',
  'failed-units',
  'probe-failed',
  'system-mismatch',
  'profile-not-set',
  /** It came up, and does not run what it was to boot into. */
  'boot-failed',
  /** A control of the closure that is enforced fails, or what measures it could not be believed. */
  'compliance-failed',
]);
export type FailedCause = z.infer<typeof FailedCause>;

export const RevertCause = z.enum(['unconfirmed', 'failed', 'withdrawn', 'trial-ended']);
export type RevertCause = z.infer<typeof RevertCause>;

/** Longest detail of a refusal that is kept in a host's state, in characters. */
export const refusalDetailMax = 300;

/** Where a host stands with its newest target (design §7). */
export const HostPhase = z.discriminatedUnion('name', [
  z.object({ name: z.literal('pending') }),
  z.object({ name: z.literal('fetching'), target: HostTarget, since: Instant }),
  z.object({
    name: z.literal('activating'),
    target: HostTarget,
    since: Instant,
    revertTo: StorePath.nullable(),
    deadline: Instant,
  }),
  z.object({
    name: z.literal('confirming'),
    target: HostTarget,
    since: Instant,
    revertTo: StorePath.nullable(),
    deadline: Instant,
  }),
  z.object({
    name: z.literal('soaking'),
    target: HostTarget,
    confirmedAt: Instant,
    soakUntil: Instant,
    revertTo: StorePath.nullable(),
  }),
  z.object({
    name: z.literal('trying'),
    target: HostTarget,
    since: Instant,
    revertTo: StorePath.nullable(),
    /** The dead man's switch stands until then. */
    deadline: Instant,
  }),
  z.object({ name: z.literal('converged'), target: HostTarget, at: Instant }),
  z.object({
    name: z.literal('refused'),
    target: HostTarget,
    at: Instant,
    reason: AgentRefusalCode,
    /** Absent where the journal does not tell it. */
    retryNotBefore: Instant.optional(),
    /** In words for people. */
    detail: z.string().max(refusalDetailMax).optional(),
  }),
  z.object({
    name: z.literal('rebooting'),
    target: HostTarget,
    since: Instant,
    revertTo: StorePath.nullable(),
    /** By then it is back and confirmed, or has gone back by itself. */
    deadline: Instant,
  }),
  z.object({ name: z.literal('deferred'), target: HostTarget, at: Instant, component: z.string().max(64) }),
  z.object({
    name: z.literal('unconfirmed'),
    target: HostTarget,
    at: Instant,
    cause: UnconfirmedCause,
    revertTo: StorePath.nullable(),
  }),
  z.object({
    name: z.literal('failed'),
    target: HostTarget,
    at: Instant,
    cause: FailedCause,
    /** Null where policy `halt` leaves the host where it is, and where there is nothing to go back to. */
    revertTo: StorePath.nullable(),
  }),
  z.object({
    name: z.literal('reverting'),
    target: HostTarget,
    since: Instant,
    to: StorePath,
    cause: RevertCause,
  }),
  z.object({
    name: z.literal('reverted'),
    target: HostTarget,
    at: Instant,
    to: StorePath,
    cause: RevertCause,
  }),
]);
export type HostPhase = z.infer<typeof HostPhase>;
export type HostPhaseName = HostPhase['name'];

export const quarantineMax = 64;

/** A closure that failed here at this attempt: refused until a higher attempt or another closure. */
export const Quarantine = z.object({
  closure: StorePath,
  attempt: z.int().min(1),
  rolloutId: RolloutId,
  at: Instant,
  cause: FailedCause,
});
export type Quarantine = z.infer<typeof Quarantine>;

export const ProbeStatus = z.object({
  status: z.enum(['pass', 'fail']),
  mode: CheckMode,
  at: Instant,
  consecutiveFailures: z.int().min(0),
  detail: z.string().max(512).optional(),
});
export type ProbeStatus = z.infer<typeof ProbeStatus>;

/** One persisted monotonic floor. */
export const Floor = z.object({ version: z.int().min(1), sha256: Sha256Hex });
export type Floor = z.infer<typeof Floor>;

/** What a host knows of its channel's `reboots`. */
export const RebootsSeen = z.object({
  /** The highest number seen. */
  number: z.int().min(0),
  /** The boot in which it was seen first; null for a host that has just been installed, which owes no boot. */
  bootId: BootId.nullable(),
  /** The highest number that was booted for. */
  done: z.int().min(0),
});
export type RebootsSeen = z.infer<typeof RebootsSeen>;

/**
 * Everything a host's journal says of it, folded. The agent holds the same value as the control plane after a replay,
 * and a `checkpoint` event carries it whole.
 */
export const HostState = z.object({
  bootId: BootId.nullable(),
  running: StorePath.nullable(),
  /** What it boots by itself, where somebody else than NixFleet has set that. */
  bootDefault: StorePath.optional(),
  /** The closure a revert goes to. */
  confirmed: z.object({ closure: StorePath, rolloutId: RolloutId.nullable(), at: Instant }).nullable(),
  phase: HostPhase,
  /** The rules of the newest switch, from its own manifest; null before the first. */
  policy: SwitchPolicy.nullable(),
  quarantine: z.array(Quarantine).max(quarantineMax),
  /** Back-off after unconfirmed switches of one rollout. */
  retry: z.object({ rolloutId: RolloutId, closure: StorePath, count: z.int().min(1), notBefore: Instant }).nullable(),
  rebootPending: z.object({ since: Instant, component: z.string().max(64) }).nullable(),
  /** Absent where the journal says nothing of it: then the host boots once for whatever number it meets. */
  reboots: RebootsSeen.optional(),
  /** The newest trial that is over here, however it ended: it does not begin again. */
  trialEnded: RolloutId.optional(),
  localHold: z.object({ until: Instant, reason: z.string().max(1000) }).nullable(),
  withheld: Withheld.nullable(),
  trust: Floor.nullable(),
  release: Floor.nullable(),
  head: Floor.nullable(),
  probes: z.record(CheckName, ProbeStatus),
  /** Absent before the first collection after an activation. */
  compliance: ComplianceStanding.optional(),
});
export type HostState = z.infer<typeof HostState>;
