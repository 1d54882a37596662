import type {
  CatalogueRule,
  ComplianceDecision,
  ComplianceMode,
  ComplianceStatus,
  NotApplicableReason,
  WaiverId,
} from '@nixfleet/contracts';
import { type ApplicableWaiver, type WaiverQuestion, waiverFor } from './waiver-scope.ts';

/** What follows for one rule. `mode` is what a failure does. */
export interface RuleDecision {
  readonly decision: ComplianceDecision;
  readonly waiverId?: WaiverId;
}

/** A waiver covers a failure, never an error: what could not be measured was accepted by nobody. */
export function decideRule(
  status: ComplianceStatus,
  waivers: readonly ApplicableWaiver[],
  question: WaiverQuestion,
): RuleDecision {
  switch (status) {
    case 'pass':
      return { decision: 'pass' };
    case 'not-applicable':
      return { decision: 'none' };
    case 'error':
      return { decision: 'fail' };
    case 'fail': {
      const waiver = waiverFor(waivers, question);
      return waiver ? { decision: 'waived', waiverId: waiver.id } : { decision: 'fail' };
    }
    default:
      return status satisfies never;
  }
}

/** A control's status: a definite failure first, then an error, then a pass if anything was measured at all. */
export function combineStatuses(statuses: readonly ComplianceStatus[]): ComplianceStatus {
  for (const status of ['fail', 'error', 'pass'] as const) if (statuses.includes(status)) return status;
  return 'not-applicable';
}

export function combineDecisions(decisions: readonly ComplianceDecision[]): ComplianceDecision {
  for (const decision of ['fail', 'waived', 'pass'] as const) if (decisions.includes(decision)) return decision;
  return 'none';
}

/**
 * What a control's failure does under a channel's signed policy: the weaker of both, since the gate is the channel's, and a
 * control's own mode was refined from the fleet's.
 */
export function effectiveMode(channel: ComplianceMode, control: ComplianceMode): ComplianceMode {
  for (const mode of ['disabled', 'permissive'] as const) if (channel === mode || control === mode) return mode;
  return 'enforce';
}

/**
 * Why a rule is not measured on the host, as its catalogue says under the effective mode; null where it is, and then it can be out
 * of place at most by what its probe found (`environment`). A rule that was forced off by hand is none of these: it fails.
 */
export function unmeasuredBecause(
  { via, isAttested, unmeasured, probe }: CatalogueRule,
  mode: ComplianceMode,
): NotApplicableReason | null {
  if (via !== null) return via === 'override' ? null : 'inactive';
  if (isAttested) return 'attested';
  if (unmeasured !== null) return 'unmeasured';
  if (probe === null) return 'static-only';
  return mode === 'disabled' ? 'disabled' : null;
}
