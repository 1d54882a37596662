import { ProbeError } from '../errors.ts';
import { probe } from '../probe.ts';

const modes = ['static', 'runtime', 'timeout', 'malformed', 'stale', 'unsigned'] as const;

/** A drill: it fails as it is told until its deadline, and is inert afterwards. */
export const synthetic = probe({
  name: 'synthetic',
  summary: 'the failure that a drill asks for, until its deadline',
  arguments: {
    failAt: {
      kind: 'text',
      what: 'how it fails; static, stale and unsigned fail elsewhere, so here it passes',
      oneOf: modes,
    },
    until: { kind: 'text', what: 'after this instant, RFC 3339, it passes' },
  },
  facts: { failAt: 'how it was told to fail', isArmed: 'whether the deadline is still to come' },
  violations: ['drill'],
  root: null,
  async measure(machine, { failAt, until }) {
    const untilMs = Date.parse(until);
    if (Number.isNaN(untilMs)) throw new ProbeError('bad-arguments', `--until: expected an instant, got ${until}`);
    const isArmed = machine.nowMs < untilMs;
    if (isArmed && failAt === 'timeout') await machine.hang();
    if (isArmed && failAt === 'malformed') throw new ProbeError('malformed', 'as the drill asks for');
    const violations = isArmed && failAt === 'runtime' ? [{ what: 'drill', subject: 'synthetic-always-fail' }] : [];
    return { facts: { failAt, isArmed }, violations };
  },
});
