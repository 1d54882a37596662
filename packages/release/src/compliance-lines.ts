import type { StaticFailure } from '@nixfleet/evidence';
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

export function reportComplianceWarnings(progress: Progress, compliance: AssembledCompliance | null): void {
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
