import { z } from 'zod';
import { ControlId, controlsMax, RuntimeGateErrorReason } from './compliance-names.ts';
import { Instant } from './instant.ts';
import { CheckName, Sha256Hex, StorePath } from './names.ts';

/**
 * The check under which a host's machine knows its collector: it passes with a complete, fresh and verified pass of every
 * enforced control. No declared check may have its name.
 */
export const complianceCheck = CheckName.parse('compliance');

/** What was last measured of the closure that runs: the fold of the journal's events about compliance. */
export const ComplianceStanding = z.object({
  closure: StorePath,
  /** The newest collection, where it was a pass. */
  passed: z.object({ at: Instant, evidenceSha256: Sha256Hex }).nullable(),
  /** Enforced controls that fail, each once, in the order in which they were told. */
  failing: z.array(ControlId).max(controlsMax),
  /** Why the newest collection could not be judged, where `enforce` demands that it can. */
  error: RuntimeGateErrorReason.nullable(),
  /** It passed since this closure was activated, whatever it does now. */
  hasPassed: z.boolean(),
});
export type ComplianceStanding = z.infer<typeof ComplianceStanding>;
