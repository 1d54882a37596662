import type { DrillFailAt, DrillPlan, DrillRecord, DrillStep, DrillStepName } from '@nixfleet/contracts';

/** What is told of each step: what the gate has to do. */
const sentences: Readonly<Record<DrillStepName, string>> = {
  'release-refused': 'the release was refused',
  'failure-reported': 'the host reported what failed',
  'not-confirmed': 'the closure was not confirmed',
  reverted: 'the host went back to the closure of before',
  'wave-held': 'the later waves waited',
  quarantined: 'the closure was not taken up again',
  'within-limit': 'all of it within the limit',
};

/** What is expected of each way to fail. `wave-held` where there are later waves. */
export function expectedSteps(failAt: DrillFailAt): readonly DrillStepName[] {
  return failAt === 'static'
    ? ['release-refused']
    : ['failure-reported', 'not-confirmed', 'reverted', 'wave-held', 'quarantined', 'within-limit'];
}

export function stepLine({ name, isObserved, afterSeconds, detail }: DrillStep): string {
  const when = isObserved ? `after ${afterSeconds} s` : 'not observed';
  return `${name}: ${sentences[name]}: ${when}${detail === undefined ? '' : ` (${detail})`}`;
}

/** One line of a list. */
export function drillLine({ id, failAt, hosts, startedAt, passed }: DrillRecord): string {
  return `${id}  ${passed ? 'passed' : 'failed'}  ${failAt} on ${hosts.join(', ')}, ${startedAt}`;
}

/** Options for whoever does not use mkFleet. */
export function optionLines({ failAt, until, hosts }: DrillPlan): readonly string[] {
  return [
    'compliance.controls.syntheticAlwaysFail = {',
    '  enable = true;',
    '  mode = "enforce";',
    `  failAt = "${failAt}";`,
    `  until = ${until};`,
    `  hosts = [ ${hosts.map((host) => `"${host}"`).join(' ')} ];`,
    '};',
  ];
}
