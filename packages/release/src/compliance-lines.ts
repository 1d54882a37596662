import type { EndingWaiver, StaticFailure } from '@nixfleet/evidence';
import type { AssembledCompliance, StaticGateRefusal } from './compliance.ts';
import type { Progress } from './progress.ts';
import type { ReleaseRefusal } from './release-refusal.ts';

/** Failures that are told one by one; a release that has more is not mended line by line. */
const failuresToldMax = 200;
/** Longest value that is shown, in characters of JSON. */
const valueCharactersMax = 300;

/** Control, rule, option path, what is there, what is expected, and what to write: all that a person needs. */
export function staticFailureLines({
  kind,
  controlId,
  ruleId,
  optionPath,
  observed,
  expected,
  fix,
}: Pick<StaticFailure, 'kind' | 'controlId' | 'ruleId' | 'optionPath' | 'observed' | 'expected' | 'fix'>): string[] {
  const what = {
    rule: `${controlId} ${ruleId}`,
    'weaker-mode': `the mode of ${controlId ?? 'several controls'} is weakened`,
    'no-catalogue': 'no compliance module',
  }[kind];
  return [
    `${what}: ${optionPath}`,
    `observed ${shown(observed)}`,
    `expected ${shown(expected)}`,
    ...fix.split('\n').map((line) => `fix: ${line}`),
  ];
}

export function reportStaticFailures(
  progress: Progress,
  { failures = [], refusedWaivers = [] }: ReleaseRefusal & Partial<StaticGateRefusal>,
): void {
  for (const detail of refusedWaivers) progress.report({ step: 'static-gate', state: 'warning', detail });
  for (const failure of failures.slice(0, failuresToldMax)) {
    const detail = staticFailureLines(failure).join('\n');
    progress.report({ step: 'static-gate', state: 'failed', host: failure.host, detail });
  }
  const more = failures.length - failuresToldMax;
  if (more > 0) progress.report({ step: 'static-gate', state: 'failed', detail: `and ${more} more` });
}

/** Hosts that are named of one waiver. */
const hostsToldMax = 10;

/** Which waiver, when it ends, what rests on it, who answers for it, and what to do. */
export function endingWaiverLine({ waiver, hosts, isEnforced, daysLeft }: EndingWaiver): string {
  const { id, controlId, ruleId, owner, approver, expiresAt } = waiver;
  const days = daysLeft === 1 ? '1 day' : `${daysLeft} days`;
  const ends =
    daysLeft < 0 ? `ran out at ${expiresAt}` : `ends in ${daysLeft === 0 ? 'less than a day' : days}, at ${expiresAt}`;
  const more = hosts.length > hostsToldMax ? ` and ${hosts.length - hostsToldMax} more` : '';
  const rests = `${controlId} ${ruleId} on ${hosts.slice(0, hostsToldMax).join(', ')}${more}`;
  const then = isEnforced ? 'after that no release passes with it' : 'after that it is a failure again';
  return `${id} ${ends}: ${rests} rests on it (owner ${owner}, approved by ${approver}). Mend the rule, or have another waiver approved: ${then}`;
}

/** Also where there is nothing to release: a waiver ends all the same. */
export function reportComplianceWarnings(progress: Progress, compliance: AssembledCompliance | null): void {
  for (const one of compliance?.ending ?? []) {
    progress.report({ step: 'static-gate', state: 'warning', detail: endingWaiverLine(one) });
  }
  for (const detail of compliance?.refusedWaivers ?? []) {
    progress.report({ step: 'static-gate', state: 'warning', detail });
  }
  for (const failure of (compliance?.warnings ?? []).slice(0, failuresToldMax)) {
    const detail = `${failure.host}: ${staticFailureLines(failure).join('; ')}`;
    progress.report({ step: 'static-gate', state: 'warning', host: failure.host, detail });
  }
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length <= valueCharactersMax ? text : `${text.slice(0, valueCharactersMax)}…`;
}
