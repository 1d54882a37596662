import {
  addSeconds,
  type BootId,
  type ComplianceCatalogue,
  type ComplianceMode,
  type ComplianceStatus,
  type ControlId,
  type FrameworkArticles,
  type Instant,
  type RuleId,
  type RuntimeGateErrorReason,
  type Sha256Hex,
  type StorePath,
} from '@nixfleet/contracts';
import type { ChainPosition } from './build-evidence.ts';
import { effectiveMode } from './decide.ts';
import { followsChain } from './evidence-chain.ts';
import { rulesProblem } from './verify-against-release.ts';
import type { VerifiedEvidence } from './verify-evidence.ts';

/** How much earlier than the end of activation a collection may say it was, in seconds: clocks are set meanwhile. */
export const activationSkewSecondsMax = 60;

/** A control that keeps a host from passing. */
export interface ControlFailure {
  readonly controlId: ControlId;
  readonly ruleIds: readonly RuleId[];
  readonly status: Extract<ComplianceStatus, 'fail' | 'error'>;
  readonly mode: ComplianceMode;
  readonly frameworkArticles: FrameworkArticles;
}

/**
 * What a collection means for the activation it follows. `failures` are all of them; `isBlocking`: under the modes that are
 * signed the host may not confirm. A gate error blocks wherever anything is enforced: what cannot be judged did not pass.
 */
export type RuntimeVerdict =
  | { readonly kind: 'passed'; readonly evidenceSha256: Sha256Hex; readonly sequence: number }
  | { readonly kind: 'failed'; readonly failures: readonly ControlFailure[]; readonly isBlocking: boolean }
  | {
      readonly kind: 'gate-error';
      readonly reason: RuntimeGateErrorReason;
      readonly detail: string;
      readonly isBlocking: boolean;
    }
  /** The channel's mode is `disabled`: nothing was asked. */
  | { readonly kind: 'not-evaluated' };

/** What the gate asks of a collection after an activation. */
export interface RuntimeQuestion {
  /** The channel's signed mode. */
  readonly mode: ComplianceMode;
  /** The catalogue of the closure that was activated. */
  readonly catalogue: ComplianceCatalogue;
  readonly catalogueSha256: Sha256Hex;
  readonly closure: StorePath;
  readonly bootId: BootId;
  readonly activationCompletedAt: Instant;
  /** Where the chain stood before; null for a new chain. */
  readonly before: ChainPosition | null;
}

/** A gate error by its mode alone: for collectors that are missing, late or fail, before there is any evidence. */
export function gateError(
  mode: ComplianceMode,
  reason: RuntimeGateErrorReason,
  detail: string,
): RuntimeVerdict & { readonly kind: 'gate-error' } {
  return { kind: 'gate-error', reason, detail, isBlocking: mode === 'enforce' };
}

/**
 * Judges verified evidence. The caller verified its signature by the declared key (`verifyEvidence`); evidence that was refused
 * is `gateError(mode, 'unverified', …)`.
 */
export function judgeCollection(question: RuntimeQuestion, evidence: VerifiedEvidence): RuntimeVerdict {
  const { mode, catalogue, closure, bootId, activationCompletedAt, before } = question;
  if (mode === 'disabled') return { kind: 'not-evaluated' };
  const { document } = evidence;
  const wrong = (reason: RuntimeGateErrorReason, detail: string) => gateError(mode, reason, detail);

  if (document.system.toplevel !== closure) {
    return wrong('wrong-closure', `expected ${closure}, collected on ${document.system.toplevel}`);
  }
  if (document.catalogue.sha256 !== question.catalogueSha256) {
    return wrong('wrong-closure', `expected catalogue ${question.catalogueSha256}, got ${document.catalogue.sha256}`);
  }
  if (document.bootId !== bootId) return wrong('wrong-boot', `expected boot ${bootId}, got ${document.bootId}`);
  const earliest = addSeconds(activationCompletedAt, -activationSkewSecondsMax);
  if (document.collectedAt < earliest) {
    return wrong('stale', `collected at ${document.collectedAt}, activation ended at ${activationCompletedAt}`);
  }
  const follows = followsChain(before, evidence);
  if (!follows.ok) return wrong('chain-broken', follows.detail);

  const failures: ControlFailure[] = [];
  const hashes = new Map<string, string>();
  for (const control of catalogue.controls) {
    const found = document.controls.find(({ controlId }) => controlId === control.controlId);
    if (!found) return wrong('incomplete', `control ${control.controlId} is missing`);
    const effective = effectiveMode(mode, control.mode);
    const problem = rulesProblem(found, { control, mode: effective, hashes });
    if (problem !== null) return wrong('incomplete', `${control.controlId}: ${problem}`);
    const failed = found.rules.filter(({ decision }) => decision === 'fail');
    if (failed.length === 0 || effective === 'disabled') continue;
    failures.push({
      controlId: control.controlId,
      ruleIds: failed.map(({ id }) => id),
      status: failed.some(({ status }) => status === 'fail') ? 'fail' : 'error',
      mode: effective,
      frameworkArticles: control.articles,
    });
  }
  if (failures.length > 0) {
    return { kind: 'failed', failures, isBlocking: failures.some((failure) => failure.mode === 'enforce') };
  }
  return { kind: 'passed', evidenceSha256: evidence.sha256, sequence: document.sequence };
}

/** Controls that passed before and do not any more on the same closure: what `compliance-drift` tells. */
export function driftBetween(before: VerifiedEvidence, after: VerifiedEvidence): readonly ControlFailure[] {
  if (before.document.system.toplevel !== after.document.system.toplevel) return [];
  const passed = new Map<string, ReadonlySet<string>>();
  for (const { controlId, rules } of before.document.controls) {
    passed.set(controlId, new Set(rules.filter(({ status }) => status === 'pass').map(({ id }) => id)));
  }
  const drifted: ControlFailure[] = [];
  for (const { controlId, rules, mode, frameworkArticles } of after.document.controls) {
    const lost = rules.filter(({ id, decision }) => decision === 'fail' && passed.get(controlId)?.has(id) === true);
    if (lost.length === 0) continue;
    const status = lost.some((rule) => rule.status === 'fail') ? 'fail' : 'error';
    drifted.push({ controlId, ruleIds: lost.map(({ id }) => id), status, mode, frameworkArticles });
  }
  return drifted;
}
