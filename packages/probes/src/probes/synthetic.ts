import { DrillFailAt } from '@nixfleet/contracts';
import { ProbeError } from '../errors.ts';
import { probe } from '../probe.ts';

/** A drill: it fails as it is told until its deadline, and is inert afterwards. */
export const synthetic = probe({
  name: 'synthetic',
  summary: 'the failure that a drill asks for, until its deadline',
  arguments: {
    failAt: {
      kind: 'text',
      what: 'how it fails; static, stale and unsigned fail elsewhere, so here it passes',
      oneOf: DrillFailAt.options,
    },
    until: { kind: 'number', what: 'the second since 1970 from which it passes' },
  },
  facts: { failAt: 'how it was told to fail', isArmed: 'whether the deadline is still to come' },
  violations: ['drill'],
  root: null,
  async measure(machine, { failAt, until }) {
    const isArmed = machine.nowMs < until * 1000;
    if (isArmed && failAt === 'timeout') await machine.hang();
    if (isArmed && failAt === 'malformed') throw new ProbeError('malformed', 'as the drill asks for');
    const violations = isArmed && failAt === 'runtime' ? [{ what: 'drill', subject: 'synthetic-always-fail' }] : [];
    return { facts: { failAt, isArmed }, violations };
  },
});
