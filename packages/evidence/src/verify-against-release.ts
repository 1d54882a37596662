import {
  accept,
  type CatalogueControl,
  type CatalogueRule,
  type ChannelName,
  type Commit,
  type ComplianceCatalogue,
  type ComplianceMode,
  type EvidenceControl,
  type Json,
  type RolloutId,
  refuse,
  type Sha256Hex,
  type StorePath,
  type TagName,
  type WaiverDocument,
} from '@nixfleet/contracts';
import { effectiveMode, unmeasuredBecause } from './decide.ts';
import type { EvidenceOutcome } from './outcome.ts';
import { isRedactionOf } from './redact.ts';
import { isSameJson } from './same-json.ts';
import type { VerifiedEvidence } from './verify-evidence.ts';
import type { VerifiedWaiver } from './verify-waiver.ts';
import { covers } from './waiver-scope.ts';

/** What one verified release says of one host: what evidence is held against. */
export interface ReleasedHost {
  readonly releaseId: Sha256Hex;
  readonly sourceCommit: Commit;
  readonly rolloutId: RolloutId;
  readonly channel: ChannelName;
  readonly tags: readonly TagName[];
  /** The channel's, as the manifest has it. */
  readonly mode: ComplianceMode;
  readonly closure: StorePath;
  readonly closureDigest: Sha256Hex;
  /** From the static report; null where the release has none for the host. */
  readonly catalogueSha256: Sha256Hex | null;
  readonly waiverRegister: Sha256Hex | null;
  readonly waivers: readonly Pick<VerifiedWaiver, 'document'>[];
}

/**
 * Verified evidence against the release that it names. Order, and what each check stops:
 * 1. it names this release, rollout, channel and commit (`release-unverified`);
 * 2. closure, closure digest and catalogue are those released to the host (`closure-mismatch`): a good result of another
 *    closure, or of another question;
 * 3. its mode is the manifest's, and what was to be measured was, under the modes and with the expectations of the catalogue,
 *    where the catalogue is at hand (`malformed`): a failure under a weaker mode would seem to stop nothing, and a rule that is
 *    not applicable for no reason would not seem to fail;
 * 4. every waiver it rests on is one of that release, in scope, and counted when it was collected (`waiver-invalid`).
 */
export function checkAgainstRelease(
  evidence: VerifiedEvidence,
  released: ReleasedHost | null,
  catalogue: ComplianceCatalogue | null = null,
): EvidenceOutcome<null> {
  const { document } = evidence;
  const what = `evidence ${document.sequence} of ${document.hostname}`;
  const named = document.release;
  if (named === null) return refuse('release-unverified', `${what}: it names no release`);
  if (released === null || named.releaseId !== released.releaseId) {
    return refuse('release-unverified', `${what}: release ${named.releaseId} is not there, or was not verified`);
  }
  const wrong = (['rolloutId', 'channel', 'sourceCommit'] as const).find((name) => named[name] !== released[name]);
  if (wrong) return refuse('release-unverified', `${what}: ${wrong} is ${named[wrong]}, released ${released[wrong]}`);
  if (named.artifactSha256 !== (released.rolloutId as string)) {
    return refuse('release-unverified', `${what}: artifactSha256 is not the manifest's`);
  }

  const { toplevel, closureDigest } = document.system;
  if (toplevel !== released.closure) {
    return refuse('closure-mismatch', `${what}: runs ${toplevel}, released was ${released.closure}`);
  }
  if (closureDigest !== null && closureDigest !== released.closureDigest) {
    return refuse('closure-mismatch', `${what}: closure digest ${closureDigest}, released ${released.closureDigest}`);
  }
  const { sha256 } = document.catalogue;
  if (released.catalogueSha256 !== null && sha256 !== released.catalogueSha256) {
    return refuse('closure-mismatch', `${what}: catalogue ${sha256}, released ${released.catalogueSha256}`);
  }
  if (document.governance.mode !== released.mode) {
    return refuse('malformed', `${what}: its mode is ${document.governance.mode}, released was ${released.mode}`);
  }
  if (catalogue !== null) {
    const problem = catalogueProblem(document.controls, catalogue, released.mode);
    if (problem !== null) return refuse('malformed', `${what}: ${problem}`);
  }
  const waiver = waiverProblem(evidence, released);
  return waiver === null ? accept(null) : refuse('waiver-invalid', `${what}: ${waiver}`);
}

function catalogueProblem(
  controls: readonly EvidenceControl[],
  catalogue: ComplianceCatalogue,
  mode: ComplianceMode,
): string | null {
  const hashes = new Map<string, string>();
  const measured = new Map<string, EvidenceControl>(controls.map((control) => [control.controlId, control]));
  for (const control of catalogue.controls) {
    const found = measured.get(control.controlId);
    if (!found) return `control ${control.controlId} is missing`;
    measured.delete(control.controlId);
    const expectedMode = effectiveMode(mode, control.mode);
    if (found.mode !== expectedMode) return `${control.controlId}: its mode is ${found.mode}, not ${expectedMode}`;
    const problem = rulesProblem(found, { control, mode: expectedMode, hashes });
    if (problem !== null) return `${control.controlId}: ${problem}`;
  }
  const [extra] = measured.keys();
  return extra === undefined ? null : `control ${extra} is not in the catalogue`;
}

/** How a control's results do not answer what the catalogue asks under the effective mode; null if they do. */
export function rulesProblem(
  found: EvidenceControl,
  {
    control,
    mode,
    hashes,
  }: {
    readonly control: CatalogueControl;
    readonly mode: ComplianceMode;
    /** Of names in expectations, by their texts: the same throughout one document. */
    readonly hashes: Map<string, string>;
  },
): string | null {
  if (found.type !== control.type || found.schema !== control.schema) return 'another type or vocabulary';
  const rules = new Map(found.rules.map((rule) => [rule.id, rule]));
  for (const rule of control.rules) {
    const result = rules.get(rule.id);
    if (!result) return `rule ${rule.id} is missing`;
    rules.delete(rule.id);
    if (result.via !== rule.via) return `rule ${rule.id}: via is ${result.via}, in the catalogue ${rule.via}`;
    const misplaced = misplacedReason(result, rule, mode);
    if (misplaced !== null) return `rule ${rule.id}: ${misplaced}`;
    const { probe } = rule;
    const isMeasured = result.status === 'pass' || (result.status === 'fail' && rule.via !== 'override');
    if (!isMeasured) continue;
    if (probe === null) return `rule ${rule.id}: ${result.status}, and it has no probe`;
    if (result.probe?.command !== probe.command) return `rule ${rule.id}: measured by another program`;
    // Names in an expectation are hashed like those in what was observed; everything else must be the catalogue's.
    const [said, asked] = [result.expected as Json | undefined, probe.expect as Json];
    const redaction = { members: found.redactions, hashes };
    if (!(found.redactions.length === 0 ? isSameJson(said, asked) : isRedactionOf(said, asked, redaction))) {
      return `rule ${rule.id}: expected something else than the catalogue does`;
    }
  }
  return rules.size === 0 ? null : `rule ${[...rules.keys()][0]} is not in the catalogue`;
}

/** Where a rule claims to have nothing to measure, or to have measured, and the catalogue says otherwise. */
function misplacedReason(
  { status, reason, probe }: EvidenceControl['rules'][number],
  rule: CatalogueRule,
  mode: ComplianceMode,
): string | null {
  if (rule.via === 'override') return null;
  const unmeasured = unmeasuredBecause(rule, mode);
  if (unmeasured !== null) {
    return reason === unmeasured ? null : `${status} (${reason ?? 'measured'}), in the catalogue it is ${unmeasured}`;
  }
  if (status !== 'not-applicable') return null;
  // Only its probe can have found that there is nothing it could be about, and only where it may say so.
  const isProbed = rule.probe?.applicability === 'probed' && probe?.command === rule.probe.command;
  if (reason === 'environment' && isProbed && probe?.exitCode === 0) return null;
  return `not-applicable (${reason ?? 'no reason'}), and the catalogue has it measured`;
}

function waiverProblem({ document }: VerifiedEvidence, released: ReleasedHost): string | null {
  const { hostname: host, collectedAt: at, governance } = document;
  const byId = new Map<string, WaiverDocument>(released.waivers.map(({ document: one }) => [one.id, one]));
  for (const { controlId, rules } of document.controls) {
    for (const { id: ruleId, waiverId } of rules) {
      if (waiverId === undefined) continue;
      if (governance.waiverRegister !== released.waiverRegister) return 'the register is not the release’s';
      const waiver = byId.get(waiverId);
      if (!waiver) return `${ruleId}: ${waiverId} is not a valid waiver of the release`;
      const { channel, tags } = released;
      if (!covers(waiver, { controlId, ruleId, host, channel, tags, at })) {
        return `${ruleId}: ${waiverId} does not cover it, or not at ${at}`;
      }
    }
  }
  return null;
}
