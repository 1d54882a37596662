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
  assert.deepEqual(gapOf(testRule('AC-01'), result({ status: 'fail', decision: 'fail', fix }), 'enforce'), {
    kind: 'failing',
    why: 'fail',
    fix: ['a.b = true;', 'c.d = 1;'],
    effect: 'the rule passes and blocks no release',
  });
  const permissive = gapOf(testRule('AC-01'), result({ status: 'fail', decision: 'fail', fix }), 'permissive');
  assert.equal(permissive?.effect, 'the rule passes; in mode permissive it blocks nothing');
  const waived = { status: 'fail', decision: 'waived', waiverId: WaiverId.parse('W-2026-0001'), fix } as const;
  const gap = gapOf(testRule('AC-01'), result(waived), 'enforce');
  assert.deepEqual([gap?.why, gap?.effect], ['waived by W-2026-0001', 'its waiver is not needed any more']);
});

test('a rule that nobody evaluated is a gap, with what to do about it', () => {
  const gap = gapOf(testRule('AC-01'), result({ status: 'error', decision: 'fail' }), 'enforce');
  assert.deepEqual([gap?.kind, gap?.why, gap?.fix], ['failing', 'error', ['Mend it.']]);
});

test('a rule below the level says which level it takes, and promises nothing', () => {
  const rule = testRule('AC-01', { via: 'level', severity: 'strict' });
  const gap = gapOf(
    rule,
    result({ via: 'level', status: 'not-applicable', decision: 'none', reason: 'inactive' }),
    'enforce',
  );
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
    'enforce',
  );
  assert.deepEqual([gap?.kind, gap?.why], ['unmeasured', 'There is no way yet.']);
  assert.equal(gapOf(testRule('AC-01'), result({}), 'enforce'), null);
  assert.equal(gapOf(testRule('AC-01', { via: 'architecture' }), undefined, 'enforce'), null);
});

test('a rule that is not active says what it would come to, as the host is configured now', () => {
  const inactive = { via: 'level', status: 'not-applicable', decision: 'none', reason: 'inactive' } as const;
  const rule = testRule('AC-01', { via: 'level', severity: 'strict' });
  const level = 'compliance.governance.level = "strict";';
  const passing = gapOf(rule, result({ ...inactive, wouldPass: true }), 'enforce');
  assert.deepEqual([passing?.fix, passing?.effect], [[level], 'active, it would pass as the host is configured now']);
  const failing = gapOf(rule, result({ ...inactive, wouldPass: false, fix: 'a.b = true;' }), 'enforce');
  assert.deepEqual(failing?.fix, [level, 'a.b = true;']);
  assert.match(failing?.effect ?? '', /would fail.*block a release until/);
  assert.doesNotMatch(gapOf(rule, result({ ...inactive, wouldPass: false }), 'permissive')?.effect ?? '', /block/);
});

test('lines of one list are one list, and lines that name no option say where they go', () => {
  const failing = { status: 'fail', decision: 'fail' } as const;
  const lists = 'boot.kernelParams = [ "a" ];\nboot.kernelParams = [ "b" ];\nx.y = 1;';
  assert.deepEqual(gapOf(testRule('AC-01'), result({ ...failing, fix: lists }), 'enforce')?.fix, [
    'x.y = 1;',
    'boot.kernelParams = [ "a" "b" ];',
  ]);
  const vague = result({
    ...failing,
    fix: 'write deny = 5 there',
    optionPath: 'security.pam.services.sshd.text' as never,
  });
  assert.deepEqual(gapOf(testRule('AC-01'), vague, 'enforce')?.fix, [
    'at security.pam.services.sshd.text:',
    'write deny = 5 there',
  ]);
});
