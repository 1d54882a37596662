import { z } from 'zod';
import { ComplianceMode, ControlId, FrameworkArticles, RuleId, RuntimeGateErrorReason } from './compliance-names.ts';
import { HostTarget } from './host-state.ts';
import { Instant } from './instant.ts';
import { Sha256Hex, StorePath } from './names.ts';

const subject = {
  /** What was running when it was measured. */
  closure: StorePath,
  /** The target whose activation is judged by it; null where a regular collection found it. */
  activation: HostTarget.nullable(),
};

/** Bodies of the journal's events about compliance. That a host goes back is the ordinary `failed` and `reverting`. */
export const complianceEventBodies = {
  /** One control with a failure that no waiver covers, or an error. */
  'compliance-failure': z.object({
    ...subject,
    controlId: ControlId,
    ruleIds: z.array(RuleId).max(128),
    status: z.enum(['fail', 'error']),
    mode: ComplianceMode,
    frameworkArticles: FrameworkArticles,
    evidenceSha256: Sha256Hex,
    evidenceCollectedAt: Instant,
    /** Of the canonical form of the control's entry in the evidence; and that form, or its size and first 900 characters. */
    evidenceSnippetSha256: Sha256Hex,
    snippet: z.string().max(1024),
  }),
  'runtime-gate-error': z.object({
    ...subject,
    reason: RuntimeGateErrorReason,
    mode: ComplianceMode,
    collectorExitCode: z.int().nullable(),
    evidenceCollectedAt: Instant.nullable(),
    activationCompletedAt: Instant.nullable(),
    detail: z.string().max(1000).optional(),
  }),
  /** A complete, fresh and verified pass of every enforced control: what promotion needs, since silence says nothing. */
  'compliance-passed': z.object({ ...subject, evidenceSha256: Sha256Hex, sequence: z.int().min(1) }),
  /** A control that passed on this closure and does not any more. */
  'compliance-drift': z.object({
    closure: StorePath,
    controlId: ControlId,
    ruleIds: z.array(RuleId).max(128),
    mode: ComplianceMode,
    passedSha256: Sha256Hex,
    evidenceSha256: Sha256Hex,
  }),
} as const;
