import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RuleId, type StaticRuleResult, WaiverId } from '@nixfleet/contracts';
import { testRule } from '@nixfleet/testkit';
import { gapOf } from './gap.ts';

const id = RuleId.parse('AC-01');

function result(change: Partial<StaticRuleResult>): StaticRuleResult {
  return { id, severity: 'standard', via: null, status: 'pass', decision: 'pass', ...change };
}

test('a rule that fails has its lines and what they would do', () => {
  const fix = 'a.b = true;\nc.d = 1;';
  assert.deepEqual(gapOf(testRule('AC-01'), result({ status: 'fail', decision: 'fail', fix })), {
    kind: 'failing',
    why: 'fail',
    fix: ['a.b = true;', 'c.d = 1;'],
    effect: 'the rule passes and blocks no release',
  });
  const waived = { status: 'fail', decision: 'waived', waiverId: WaiverId.parse('W-2026-0001'), fix } as const;
  const gap = gapOf(testRule('AC-01'), result(waived));
  assert.deepEqual([gap?.why, gap?.effect], ['waived by W-2026-0001', 'its waiver is not needed any more']);
});

test('a rule that nobody evaluated is a gap, with what to do about it', () => {
  const gap = gapOf(testRule('AC-01'), result({ status: 'error', decision: 'fail' }));
  assert.deepEqual([gap?.kind, gap?.why, gap?.fix], ['failing', 'error', ['Mend it.']]);
});

test('a rule below the level says which level it takes, and promises nothing', () => {
  const rule = testRule('AC-01', { via: 'level', severity: 'strict' });
  const gap = gapOf(rule, result({ via: 'level', status: 'not-applicable', decision: 'none', reason: 'inactive' }));
  assert.deepEqual(gap, {
    kind: 'inactive',
    why: 'level',
    fix: ['compliance.governance.level = "strict";'],
    effect: null,
  });
});

test('what nothing measures is said to be so; what passes is no gap', () => {
  const gap = gapOf(
    testRule('AC-01', { probe: null, hasStatic: false, unmeasured: 'There is no way yet.' }),
    undefined,
  );
  assert.deepEqual([gap?.kind, gap?.why], ['unmeasured', 'There is no way yet.']);
  assert.equal(gapOf(testRule('AC-01'), result({})), null);
  assert.equal(gapOf(testRule('AC-01', { via: 'architecture' }), undefined), null);
});
