import { z } from 'zod';
import {
  ComplianceDecision,
  ComplianceStatus,
  GovernanceLevel,
  InactiveVia,
  NotApplicableReason,
  RuleId,
  WaiverId,
} from './compliance-names.ts';

/** What one rule came to on one host, be it measured there or evaluated over its configuration. */
export const ruleOutcome = {
  id: RuleId,
  severity: GovernanceLevel,
  /** Null where the rule is active. */
  via: InactiveVia.nullable(),
  status: ComplianceStatus,
  reason: NotApplicableReason.optional(),
  decision: ComplianceDecision,
  waiverId: WaiverId.optional(),
  /** The shape that is demanded, and what is there of it. */
  expected: z.json().optional(),
  observed: z.json().optional(),
} as const;
