import { z } from 'zod';
import { RuleId } from './compliance-names.ts';
import { envelope } from './document.ts';
import { Instant } from './instant.ts';
import { Commit, HostName, RolloutId, Sha256Hex } from './names.ts';

/** Where the synthetic control fails. */
export const DrillFailAt = z.enum(['static', 'runtime', 'timeout', 'malformed', 'stale', 'unsigned']);
export type DrillFailAt = z.infer<typeof DrillFailAt>;

/** What a gate is expected to do about it; each is observed, or it is not. */
export const DrillStepName = z.enum([
  'release-refused',
  'failure-reported',
  'not-confirmed',
  'reverted',
  'wave-held',
  'quarantined',
  'within-limit',
]);
export type DrillStepName = z.infer<typeof DrillStepName>;

export const DrillStep = z.object({
  name: DrillStepName,
  isObserved: z.boolean(),
  /** From the start of the drill. Null: it was not observed. */
  afterSeconds: z.int().min(0).nullable(),
  /** Host-signed events and evidence documents that show it, by hash. */
  shownBy: z.array(Sha256Hex).max(64),
  detail: z.string().max(1000).optional(),
});
export type DrillStep = z.infer<typeof DrillStep>;

/** Most hosts that take part, and most that are named as held. */
export const drillHostsMax = 64;
export const drillHeldMax = 1024;
/** Longest that a drill may take, in seconds. */
export const drillSecondsMax = 24 * 3600;

/** A drill's identifier, `D-<year>-<number>`. */
export const DrillId = z.string().regex(/^D-[0-9]{4}-[0-9]{4}$/, 'expected a drill identifier such as D-2026-0001');
export type DrillId = z.infer<typeof DrillId>;

/**
 * `compliance/drill.json` of a fleet's repository: the drill that the next release is. It signs nothing and orders nothing;
 * mkFleet makes the option lines of it, and a release like any other carries them.
 */
export const DrillPlan = z.object({
  schemaVersion: z.literal(1),
  id: DrillId,
  failAt: DrillFailAt,
  hosts: z.array(HostName).min(1).max(drillHostsMax),
  /** When it was written. */
  startedAt: Instant,
  /** After it the synthetic control is inert. */
  deadline: Instant,
  /** The same, in seconds since 1970. */
  until: z.int().min(0).max(4_102_444_800),
  /** From the first host that begins to the last one that is back. */
  limitSeconds: z.int().min(1).max(drillSecondsMax),
});
export type DrillPlan = z.infer<typeof DrillPlan>;

/**
 * How a drill ended: expected, observed, durations. Signed by an approver (SSHSIG, namespace `drill@<fleet>`). What it says of
 * hosts follows from their journals, so that it can be checked again. A drill in which one step was not observed shows that the
 * gate does not work.
 */
export const DrillRecord = z.object({
  ...envelope('drill'),
  id: DrillId,
  rule: RuleId,
  failAt: DrillFailAt,
  hosts: z.array(HostName).min(1).max(drillHostsMax),
  /** Hosts of later waves, which were to wait. */
  held: z.array(HostName).max(drillHeldMax).optional(),
  /** Null where no release was made: the static gate refused it. */
  rolloutId: RolloutId.nullable(),
  /** The commit that was refused, where the static gate was to refuse it. */
  commit: Commit.optional(),
  /** When the first host began, by its journal. */
  startedAt: Instant,
  /** After it the synthetic control is inert. */
  deadline: Instant,
  /** When the last host was back. */
  endedAt: Instant,
  /** Events until then were looked at. */
  observedUntil: Instant.optional(),
  limitSeconds: z.int().min(1).max(drillSecondsMax),
  steps: z.array(DrillStep).min(1).max(16),
  /** True exactly where every step was observed. */
  passed: z.boolean(),
});
export type DrillRecord = z.infer<typeof DrillRecord>;
