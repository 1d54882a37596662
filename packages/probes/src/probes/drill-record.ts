import { ProbeError } from '../errors.ts';
import { objectOf } from '../json-object.ts';
import { probe, type Violation } from '../probe.ts';

/**
 * The record of something that is done now and then and can be shown only afterwards: a drill, a restore test, a marker that
 * was found at the collector, an alert that was acknowledged. `{"kind", "endedAt", "outcome": "passed"|"failed", "durationSeconds"}`
 */
export const drillRecord = probe({
  name: 'drill-record',
  summary: 'that a drill, a test or an export of a kind passed, recently, and fast enough',
  arguments: {
    file: { kind: 'text', what: 'the record, JSON' },
    kind: { kind: 'text', what: 'the kind it has to be of' },
    maxAgeHours: { kind: 'number', what: 'oldest that it may be' },
    maxSeconds: { kind: 'number', what: 'longest that it may have taken', default: null },
  },
  facts: {
    outcome: 'passed, failed; null: there is no record',
    ageHours: 'hours since it ended; null: there is no record',
    durationSeconds: 'how long it took; null: not said',
  },
  violations: ['no-record', 'failed', 'old', 'slow', 'future'],
  root: 'records of the agent',
  measure(machine, { file, kind, maxAgeHours, maxSeconds }) {
    const text = machine.read(file);
    if (text === null) {
      const facts = { outcome: null, ageHours: null, durationSeconds: null };
      return { facts, violations: [{ what: 'no-record', subject: file, expected: kind }] };
    }
    const record = objectOf(file, text);
    const endedMs = typeof record.endedAt === 'string' ? Date.parse(record.endedAt) : Number.NaN;
    if (record.kind !== kind || Number.isNaN(endedMs) || (record.outcome !== 'passed' && record.outcome !== 'failed'))
      throw new ProbeError('malformed', `${file}: expected a record of a ${kind}, with endedAt and outcome`);
    const { durationSeconds = null } = record;
    if (durationSeconds !== null && !Number.isSafeInteger(durationSeconds))
      throw new ProbeError('malformed', `${file}: durationSeconds: expected whole seconds`);
    const ageHours = Math.floor((machine.nowMs - endedMs) / 3_600_000);
    const violations: Violation[] = [];
    if (record.outcome === 'failed') violations.push({ what: 'failed', subject: kind });
    if (ageHours < 0) violations.push({ what: 'future', subject: kind, observed: ageHours });
    if (ageHours > maxAgeHours)
      violations.push({ what: 'old', subject: kind, observed: ageHours, expected: maxAgeHours });
    if (maxSeconds !== null && (durationSeconds === null || Number(durationSeconds) > maxSeconds))
      violations.push({
        what: 'slow',
        subject: kind,
        observed: durationSeconds as number | null,
        expected: maxSeconds,
      });
    return {
      facts: { outcome: record.outcome, ageHours, durationSeconds: durationSeconds as number | null },
      violations,
    };
  },
});
