import { ProbeError } from '../errors.ts';
import { probe, type Violation } from '../probe.ts';

const dayMs = 86_400_000;

export const age = probe({
  name: 'age',
  summary: 'days since declared instants: lock dates of inputs, the release that runs, a snapshot of advisories',
  arguments: {
    of: { kind: 'list', what: '`name=2026-06-01T00:00:00Z`, from the release: a date of the file system says nothing' },
    maxDays: { kind: 'number', what: 'days that may have passed' },
  },
  facts: { ages: 'days since each' },
  violations: ['nothing-declared', 'old', 'future'],
  root: null,
  measure(machine, { of, maxDays }) {
    const violations: Violation[] = of.length === 0 ? [{ what: 'nothing-declared', subject: '--of' }] : [];
    const ages: Record<string, number> = {};
    for (const one of of) {
      const [, name, at = ''] = /^([^=]+)=(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)$/.exec(one) ?? [];
      if (name === undefined) throw new ProbeError('bad-arguments', `--of: expected name=instant, got ${one}`);
      const days = Math.floor((machine.nowMs - Date.parse(at)) / dayMs);
      if (!Number.isSafeInteger(days)) throw new ProbeError('bad-arguments', `--of: no such instant: ${at}`);
      ages[name] = days;
      if (days > maxDays) violations.push({ what: 'old', subject: name, observed: days, expected: maxDays });
      if (days < -1) violations.push({ what: 'future', subject: name, observed: days });
    }
    return { facts: { ages }, violations };
  },
});
