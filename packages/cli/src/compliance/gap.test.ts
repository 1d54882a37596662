import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FrameworkName, RuleId, type StaticRuleResult, WaiverId } from '@nixfleet/contracts';
import { testRule } from '@nixfleet/testkit';
import { gapOf, type Standing } from './gap.ts';

const id = RuleId.parse('AC-01');

function result(change: Partial<StaticRuleResult>): StaticRuleResult {
  return { id, severity: 'standard', via: null, status: 'pass', decision: 'pass', ...change };
}

const inactive = { status: 'not-applicable', decision: 'none', reason: 'inactive' } as const;

function standing(change: Partial<Standing> = {}): Standing {
  const governance = { level: 'standard', hostType: 'server', architecture: 'x86_64', excludes: [] } as const;
  return {
    mode: 'enforce',
    enabling: [],
    optionName: 'accessControl',
    governance: { ...governance, excludes: [] },
    level: 'strict',
    framework: null,
    ...change,
  };
}

const enable = 'compliance.controls.accessControl.enable = true;';
const level = 'compliance.governance.level = "strict";';

test('a rule that fails has its lines and what they would do', () => {
  const fix = 'a.b = true;\nc.d = 1;';
  assert.deepEqual(gapOf(testRule('AC-01'), result({ status: 'fail', decision: 'fail', fix }), standing()), {
    kind: 'failing',
    why: 'fail',
    fix: ['a.b = true;', 'c.d = 1;'],
    effect: 'the rule passes and blocks no release',
  });
  const failing = result({ status: 'fail', decision: 'fail', fix });
  const permissive = gapOf(testRule('AC-01'), failing, standing({ mode: 'permissive' }));
  assert.equal(permissive?.effect, 'the rule passes; in mode permissive it blocks nothing');
  const waived = { status: 'fail', decision: 'waived', waiverId: WaiverId.parse('W-2026-0001'), fix } as const;
  const gap = gapOf(testRule('AC-01'), result(waived), standing());
  assert.deepEqual([gap?.why, gap?.effect], ['waived by W-2026-0001', 'its waiver is not needed any more']);
});

test('a rule that nobody evaluated is a gap, with what to do about it', () => {
  const gap = gapOf(testRule('AC-01'), result({ status: 'error', decision: 'fail' }), standing());
  assert.deepEqual([gap?.kind, gap?.why, gap?.fix], ['failing', 'error', ['by hand: Mend it.']]);
});

test('a rule of a control that is off has the line that enables it, and every other that it takes', () => {
  const off = result({ via: 'control', ...inactive, wouldPass: true });
  const gap = gapOf(testRule('AC-01', { via: 'control' }), off, standing());
  assert.deepEqual([gap?.kind, gap?.why, gap?.fix], ['inactive', 'control', [enable]]);
  assert.equal(gap?.effect, 'active, it would pass as the host is configured now');
  const more = testRule('AC-01', { via: 'control', severity: 'strict', tags: ['ipv6'] });
  const excludes = ['desktop', 'ipv6'];
  const governance = { ...standing().governance, excludes };
  assert.deepEqual(gapOf(more, { ...off, wouldPass: false, fix: 'a.b = 1;' }, standing({ governance }))?.fix, [
    enable,
    level,
    'compliance.governance.excludes = lib.mkForce [ "desktop" ];',
    'a.b = 1;',
  ]);
});

test('a rule below the level says which level was asked for, and promises nothing that only the host knows', () => {
  const rule = testRule('AC-01', { via: 'level', severity: 'strict', hasStatic: false });
  const gap = gapOf(rule, result({ via: 'level', ...inactive }), standing());
  assert.deepEqual(gap, { kind: 'inactive', why: 'level', fix: [level], effect: null });
});

test('a rule of another kind of machine is no gap, whatever else keeps it inactive', () => {
  for (const via of ['hostType', 'architecture', 'control', 'level'] as const) {
    const other = { via, hostTypes: ['workstation'], severity: 'strict' };
    assert.equal(gapOf(testRule('AC-01', other), undefined, standing()), null);
    assert.equal(gapOf(testRule('AC-01', { via, architectures: ['aarch64'] }), undefined, standing()), null);
  }
});

test('what nothing measures is said to be so; what passes is no gap', () => {
  const unmeasured = { probe: null, hasStatic: false, unmeasured: 'There is no way yet.' };
  const gap = gapOf(testRule('AC-01', unmeasured), undefined, standing());
  assert.deepEqual([gap?.kind, gap?.why, gap?.fix], ['unmeasured', 'There is no way yet.', ['by hand: Mend it.']]);
  const off = gapOf(testRule('AC-01', { ...unmeasured, via: 'control' }), undefined, standing());
  assert.deepEqual(off?.fix, [enable, 'by hand: Mend it.']);
  assert.match(off?.effect ?? '', /nothing measures it: There is no way yet/);
  assert.equal(gapOf(testRule('AC-01'), result({}), standing()), null);
  const attested = testRule('AC-01', { via: 'control', probe: null, hasStatic: false, isAttested: true });
  assert.match(gapOf(attested, undefined, standing())?.effect ?? '', /nixfleet compliance attest/);
});

test('a control in mode disabled is a gap, with what would evaluate it and what it would come to', () => {
  const enabling = ['compliance.controls.accessControl.mode = "permissive";'];
  const off = standing({ mode: 'disabled', enabling });
  const disabled = { status: 'not-applicable', decision: 'none', reason: 'disabled' } as const;
  const passing = gapOf(testRule('AC-01'), result({ ...disabled, wouldPass: true }), off);
  assert.deepEqual([passing?.kind, passing?.why, passing?.fix], ['disabled', 'mode', enabling]);
  const failing = gapOf(testRule('AC-01'), result({ ...disabled, wouldPass: false, fix: 'a.b = 1;' }), off);
  assert.deepEqual(failing?.fix, [...enabling, 'a.b = 1;']);
  assert.equal(failing?.effect, 'active, it passes with these lines; as the host is configured now it would fail');
  const both = gapOf(testRule('AC-01', { via: 'control' }), result({ via: 'control', ...inactive }), off);
  assert.deepEqual(both?.fix, [enable, ...enabling]);
  const attested = testRule('AC-01', { probe: null, hasStatic: false, isAttested: true });
  assert.equal(gapOf(attested, undefined, off), null, 'no mode keeps a person from stating it');
});

test('a rule that is not active says what it would come to, and where its lines go', () => {
  const rule = testRule('AC-01', { via: 'level', severity: 'strict' });
  const optionPath = 'security.pam.services.sshd.text' as never;
  const of = (change: Partial<StaticRuleResult>, mode: Standing['mode'] = 'enforce') =>
    gapOf(rule, result({ via: 'level', ...inactive, wouldPass: false, optionPath, ...change }), standing({ mode }));
  const failing = of({ fix: 'a.b = true;' });
  assert.deepEqual(failing?.fix, [level, 'a.b = true;']);
  assert.match(failing?.effect ?? '', /passes with these lines; .* would fail and block a release$/);
  assert.doesNotMatch(of({}, 'permissive')?.effect ?? '', /block/);
  const vague = of({ fix: 'write deny = 5 there' });
  assert.deepEqual(vague?.fix, [level, 'by hand: at security.pam.services.sshd.text: write deny = 5 there']);
  assert.match(vague?.effect ?? '', /once the rest is done by hand/);
});

test('under a framework that is not enabled, its own values are what counts', () => {
  const dora = FrameworkName.parse('dora');
  const under = { [dora]: { passed: false, optionPath: 'a.b', fix: 'a.b = 1;' } };
  const asked = standing({ framework: 'dora' });
  const passing = gapOf(testRule('AC-01'), result({ under }), asked);
  assert.deepEqual(
    [passing?.kind, passing?.why, passing?.fix],
    ['failing', 'passes now, and not under dora', ['a.b = 1;']],
  );
  const off = result({ via: 'control', ...inactive, wouldPass: true, under });
  const inactiveGap = gapOf(testRule('AC-01', { via: 'control' }), off, asked);
  assert.deepEqual(inactiveGap?.fix, [enable, 'a.b = 1;']);
  assert.match(inactiveGap?.effect ?? '', /would fail/);
  assert.equal(gapOf(testRule('AC-01'), result({ under }), standing({ framework: 'nis2' })), null);
  const cured = { [dora]: { passed: true, optionPath: 'a.b', fix: '' } };
  assert.equal(gapOf(testRule('AC-01'), result({ status: 'fail', decision: 'fail', under: cured }), asked), null);
});
