import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ComplianceMode, StaticHostReport, StaticReport, StaticRuleResult } from '@nixfleet/contracts';
import { staticChanges } from './static-changes.ts';

type Rule = Partial<Omit<StaticRuleResult, 'id'>>;

/** Hosts with rules of one control, each as said. */
function report(
  hosts: Readonly<Record<string, Readonly<Record<string, Rule>>>>,
  mode: ComplianceMode = 'enforce',
): Pick<StaticReport, 'hosts'> {
  const entries = Object.entries(hosts).map(([host, rules]) => {
    const controls = [
      {
        controlId: 'access-control',
        mode,
        rules: Object.entries(rules).map(([id, rule]) => ({
          ...{ id, severity: 'minimal', via: null, status: 'pass', decision: 'pass' },
          ...rule,
        })),
      },
    ];
    return [host, { controls } as unknown as StaticHostReport] as const;
  });
  return { hosts: Object.fromEntries(entries) as StaticReport['hosts'] };
}

const fail = { status: 'fail', decision: 'fail' } as const;
const waived = { status: 'fail', decision: 'waived', waiverId: 'W-2026-0001' } as Rule;

test('only what stands otherwise is a change: measured, decided, waived by another waiver, or there on one side alone', () => {
  const before = report({ web: { 'AC-01': {}, 'AC-02': fail, 'AC-03': waived, 'AC-04': {}, 'AC-05': {} } });
  const after = report({
    web: {
      'AC-01': fail,
      'AC-02': waived,
      'AC-03': { ...waived, waiverId: 'W-2026-0002' } as Rule,
      'AC-04': {},
      'AC-06': {},
    },
  });
  const changes = staticChanges(before, after);
  assert.deepEqual(
    changes.map(({ host, ruleId, mode, before: one, after: two }) => [
      host,
      ruleId,
      mode,
      one?.decision,
      two?.decision,
    ]),
    [
      ['web', 'AC-01', 'enforce', 'pass', 'fail'],
      ['web', 'AC-02', 'enforce', 'fail', 'waived'],
      ['web', 'AC-03', 'enforce', 'waived', 'waived'],
      ['web', 'AC-05', 'enforce', 'pass', undefined],
      ['web', 'AC-06', 'enforce', undefined, 'pass'],
    ],
  );
  assert.deepEqual(staticChanges(after, after), []);
});

test('hosts come and go, in the order of names; before the first report everything is new', () => {
  const changes = staticChanges(report({ b: { 'AC-01': {} } }), report({ c: { 'AC-01': {} }, a: { 'AC-01': fail } }));
  assert.deepEqual(
    changes.map(({ host, before, after }) => [host, before?.status, after?.status]),
    [
      ['a', undefined, 'fail'],
      ['b', 'pass', undefined],
      ['c', undefined, 'pass'],
    ],
  );
  assert.deepEqual(
    staticChanges(null, report({ a: { 'AC-01': fail } })).map(({ ruleId }) => ruleId as string),
    ['AC-01'],
  );
});

test('a weaker mode is a change though all passes; a stronger one of what does not pass; neither of what does not apply', () => {
  const none = { status: 'not-applicable', decision: 'none', reason: 'attested' } as Rule;
  const rules = { web: { 'AC-01': {}, 'AC-02': waived, 'AC-03': none } };
  const told = (before: ComplianceMode, after: ComplianceMode) =>
    staticChanges(report(rules, before), report(rules, after)).map(({ ruleId, modeBefore, mode }) => [
      ruleId,
      modeBefore,
      mode,
    ]);
  assert.deepEqual(told('enforce', 'permissive'), [
    ['AC-01', 'enforce', 'permissive'],
    ['AC-02', 'enforce', 'permissive'],
  ]);
  assert.deepEqual(told('permissive', 'enforce'), [['AC-02', 'permissive', 'enforce']]);
});
