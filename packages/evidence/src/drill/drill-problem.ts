import { addSeconds, type DrillRecord, type DrillStep, type HostName, instantToMs } from '@nixfleet/contracts';
import { type DrillQuestion, type DrillTrace, observeDrill } from './observe-drill.ts';

/** Where a record is at odds with itself; null if it is not. */
export function drillProblem(record: DrillRecord): string | null {
  const { failAt, steps, passed, startedAt, endedAt, limitSeconds, commit } = record;
  if (endedAt < startedAt) return 'it ends before it starts';
  const all = steps.every(({ isObserved }) => isObserved);
  if (passed !== all) return `passed is ${passed}, and its steps say ${all}`;
  const inTime = endedAt <= addSeconds(startedAt, limitSeconds);
  const within = steps.find(({ name }) => name === 'within-limit');
  if (within?.isObserved === true && !inTime) return 'it took longer than its limit, and says that it did not';
  const seconds = (instantToMs(endedAt) - instantToMs(startedAt)) / 1000;
  const late = steps.find(({ afterSeconds }) => afterSeconds !== null && afterSeconds > seconds);
  if (late) return `${late.name} was seen after the end`;
  if (failAt === 'static') return commit === undefined ? 'it does not name the commit that was refused' : null;
  return questionOf(record) === null ? 'it does not name the rollout, and until when it was watched' : null;
}

/** Whether a drill shows that the gate stops a host that fails: one that fails in the configuration reaches none. */
export function provesGate({ failAt, passed }: Pick<DrillRecord, 'failAt' | 'passed'>): boolean {
  return passed && failAt !== 'static';
}

/** What the journals have to be asked again; null for a record of a drill that no host took part in. */
export function questionOf({
  failAt,
  hosts,
  held,
  rolloutId,
  limitSeconds,
  observedUntil,
}: DrillRecord): DrillQuestion | null {
  if (failAt === 'static' || rolloutId === null || observedUntil === undefined) return null;
  return { failAt, hosts, held: held ?? [], rolloutId, limitSeconds, observedUntil };
}

/** How a record stands to journals: what it says that they do not, and the hosts whose journals are not here. */
export interface RecheckedDrill {
  readonly problem: string | null;
  readonly unchecked: readonly HostName[];
}

/**
 * Asks the journals again. Without the journal of every host that took part nothing can be compared; without that of a host
 * that was held, its part alone is the signers' word.
 */
export function recheckDrill(record: DrillRecord, traces: ReadonlyMap<HostName, DrillTrace>): RecheckedDrill {
  const question = questionOf(record);
  if (question === null) return { problem: null, unchecked: [] };
  const unchecked = [...question.hosts, ...question.held].filter((host) => !traces.has(host));
  if (question.hosts.some((host) => !traces.has(host))) return { problem: null, unchecked };
  const held = question.held.filter((host) => traces.has(host));
  const { startedAt, endedAt, steps } = observeDrill({ ...question, held }, traces);
  const wrong = (what: string): RecheckedDrill => ({ problem: `${what}, and the journals say otherwise`, unchecked });
  if (startedAt !== null && startedAt !== record.startedAt) return wrong(`it started at ${record.startedAt}`);
  if (startedAt !== null && endedAt !== record.endedAt) return wrong(`it ended at ${record.endedAt}`);
  for (const step of steps) {
    const said = record.steps.find(({ name }) => name === step.name);
    if (!said) return wrong(`it says nothing of ${step.name}`);
    if (!isSame(said, step)) return wrong(`${said.name} is ${said.isObserved ? 'observed' : 'not observed'}`);
  }
  const known = new Set([...steps.map(({ name }) => name), 'wave-held']);
  const more = record.steps.find(({ name }) => !known.has(name));
  if (more) return wrong(`it says something of ${more.name}`);
  if (question.held.length === 0 && record.steps.some(({ name }) => name === 'wave-held')) {
    return wrong('it names no host that was held');
  }
  return { problem: null, unchecked };
}

function isSame(said: DrillStep, step: DrillStep): boolean {
  if (said.isObserved !== step.isObserved) return false;
  if (said.afterSeconds !== step.afterSeconds) return false;
  return step.shownBy.every((hash) => said.shownBy.includes(hash));
}
