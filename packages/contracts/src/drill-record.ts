import { z } from 'zod';
import { RuleId } from './compliance-names.ts';
import { envelope } from './document.ts';
import { Instant } from './instant.ts';
import { HostName, RolloutId, Sha256Hex } from './names.ts';

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

/**
 * How a drill ended: expected, observed, durations. Signed by a person (SSHSIG, namespace `drill@<fleet>`), or with the
 * host's key. A drill in which one step was not observed shows that the gate does not work.
 */
export const DrillRecord = z.object({
  ...envelope('drill'),
  id: z.string().regex(/^D-[0-9]{4}-[0-9]{4}$/, 'expected a drill identifier such as D-2026-0001'),
  rule: RuleId,
  failAt: DrillFailAt,
  hosts: z.array(HostName).min(1).max(64),
  rolloutId: RolloutId.nullable(),
  startedAt: Instant,
  /** After it the synthetic control is inert. */
  deadline: Instant,
  endedAt: Instant,
  limitSeconds: z
    .int()
    .min(1)
    .max(24 * 3600),
  steps: z.array(DrillStep).min(1).max(16),
  /** True exactly where every step was observed. */
  passed: z.boolean(),
});
export type DrillRecord = z.infer<typeof DrillRecord>;
