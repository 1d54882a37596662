import { probe, type Violation } from '../probe.ts';
import { lastRun, type UnitRun } from '../systemd.ts';

export const unitRun = probe({
  name: 'unit-run',
  summary: 'that units ran to a good end recently: integrity checks, scans, exports',
  arguments: {
    unit: { kind: 'list', what: 'unit' },
    maxAgeHours: { kind: 'number', what: 'hours since its last good end at most' },
  },
  facts: { runs: '`{unit, result, hours}`: hours since it ended; null: never' },
  violations: ['nothing-declared', 'failed', 'never', 'old'],
  root: 'the journal, where systemd has forgotten the run',
  async measure(machine, { unit, maxAgeHours }) {
    const runs: UnitRun[] = [];
    const violations: Violation[] = unit.length === 0 ? [{ what: 'nothing-declared', subject: 'units' }] : [];
    for (const one of unit) {
      const found = await lastRun(machine, one, maxAgeHours);
      runs.push(found.run);
      violations.push(...found.violations);
    }
    return { facts: { runs: runs.map((run) => ({ ...run })) }, violations };
  },
});
