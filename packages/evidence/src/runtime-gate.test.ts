import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addSeconds, BootId, type ComplianceMode, HostName, sha256Hex } from '@nixfleet/contracts';
import { accepted, createTestFleet, type TestCollection, TestEvidence, testWaiver } from '@nixfleet/testkit';
import { positionOf } from './evidence-chain.ts';
import { driftBetween, gateError, judgeCollection, type RuntimeQuestion } from './runtime-gate.ts';
import { verifyEvidence } from './verify-evidence.ts';

async function setUp(mode: ComplianceMode = 'enforce') {
  const fleet = await createTestFleet();
  await fleet.publish();
  const evidence = new TestEvidence(fleet, 'web-1');
  const question: RuntimeQuestion = {
    mode,
    catalogue: evidence.catalogue,
    catalogueSha256: await sha256Hex(fleet.ctx.crypto, evidence.catalogueBytes),
    closure: (await fleet.target('web-1')).closure,
    bootId: BootId.parse('boot-1'),
    activationCompletedAt: fleet.now,
    before: null,
  };
  const keys = [{ key: (await fleet.hostKey('web-1')).publicKey, from: fleet.now, until: null }];
  const verified = async (signed: TestCollection) => {
    const now = addSeconds(fleet.now, 3600);
    const from = keys.map((key) => ({ ...key, from: addSeconds(fleet.now, -86_400) }));
    return accepted(await verifyEvidence(fleet.ctx, { signed, host: HostName.parse('web-1'), keys: from, now }));
  };
  const judge = async (signed: TestCollection, change: Partial<RuntimeQuestion> = {}) =>
    judgeCollection({ ...question, ...change }, await verified(signed));
  return { fleet, evidence, question, verified, judge };
}

test('a complete, fresh pass passes', async () => {
  const { evidence, judge } = await setUp();
  const collection = await evidence.collect();
  assert.deepEqual(await judge(collection), { kind: 'passed', evidenceSha256: collection.sha256, sequence: 1 });
});

test('a failure and an error block under enforce, and are told under permissive', async () => {
  for (const [mode, isBlocking] of [
    ['enforce', true],
    ['permissive', false],
  ] as const) {
    const { evidence, judge } = await setUp(mode);
    const failed = await judge(await evidence.collect({ failing: ['AC-01'], broken: ['AL-01'] }));
    assert.ok(failed.kind === 'failed');
    assert.equal(failed.isBlocking, isBlocking);
    assert.deepEqual(
      failed.failures.map(({ controlId, ruleIds, status }) => [controlId, ruleIds, status]),
      [
        ['access-control', ['AC-01'], 'fail'],
        ['audit-logging', ['AL-01'], 'error'],
      ],
    );
  }
});

test('a waived failure passes; the mode of a control alone does not block', async () => {
  const { fleet, evidence, judge } = await setUp();
  const { document } = await testWaiver(fleet);
  const waived = await evidence.collect({ failing: ['AC-01'], change: { waivers: [document] } });
  assert.equal((await judge(waived)).kind, 'passed');

  const { evidence: other, judge: judgeOther, question } = await setUp();
  const catalogue = structuredClone(question.catalogue);
  const access = catalogue.controls[0] ?? assert.fail();
  access.mode = 'permissive';
  const failed = await judgeOther(await other.collect({ failing: ['AC-01'] }), { catalogue });
  assert.ok(failed.kind === 'failed' && !failed.isBlocking);
});

test('a rule that is active is not passed by saying that there was nothing to measure', async () => {
  const { evidence, question, verified } = await setUp();
  const found = await verified(await evidence.collect({ failing: ['AC-01'] }));
  const document = structuredClone(found.document);
  const control = document.controls[0] ?? assert.fail();
  const [rule] = control.rules;
  assert.equal(rule?.id, 'AC-01');
  Object.assign(rule, { status: 'not-applicable', decision: 'none', reason: 'inactive' });
  Object.assign(control, { status: 'pass', decision: 'pass', passed: true });
  const verdict = judgeCollection(question, { ...found, document });
  assert.ok(verdict.kind === 'gate-error' && verdict.isBlocking, verdict.kind);
  assert.deepEqual([verdict.reason, verdict.detail.split(':')[1]], ['incomplete', ' rule AC-01']);
});

test('a disabled channel asks nothing', async () => {
  const { evidence, judge } = await setUp('disabled');
  assert.deepEqual(await judge(await evidence.collect({ failing: ['AC-01'] })), { kind: 'not-evaluated' });
});

test('each thing that makes a collection no answer to the question is its own error', async () => {
  const { fleet, evidence, question, verified, judge } = await setUp();
  const collection = await evidence.collect();
  const position = positionOf(await verified(collection));
  const more = structuredClone(question.catalogue);
  more.controls.push({ ...(more.controls[0] ?? assert.fail()), controlId: 'added' as never });
  const moreRules = structuredClone(question.catalogue);
  const rules = moreRules.controls[0]?.rules ?? assert.fail();
  rules.push({ ...(rules[0] ?? assert.fail()), id: 'AC-09' as never });
  const cases: readonly [Partial<RuntimeQuestion>, string][] = [
    [{ closure: `/nix/store/${'3'.repeat(32)}-other` as never }, 'wrong-closure'],
    [{ catalogueSha256: 'f'.repeat(64) as never }, 'wrong-closure'],
    [{ bootId: BootId.parse('boot-2') }, 'wrong-boot'],
    [{ activationCompletedAt: addSeconds(fleet.now, 61) }, 'stale'],
    [{ before: position }, 'chain-broken'],
    [{ before: { ...position, sequence: 3 } }, 'chain-broken'],
    [{ catalogue: more }, 'incomplete'],
    [{ catalogue: moreRules }, 'incomplete'],
  ];
  for (const [change, reason] of cases) {
    const verdict = await judge(collection, change);
    assert.ok(verdict.kind === 'gate-error', JSON.stringify(change));
    assert.deepEqual([verdict.reason, verdict.isBlocking], [reason, true]);
    const permissive = await judge(collection, { ...change, mode: 'permissive' });
    assert.ok(permissive.kind === 'gate-error' && !permissive.isBlocking);
  }
  const inTime = await judge(collection, { activationCompletedAt: addSeconds(fleet.now, 60) });
  assert.equal(inTime.kind, 'passed');
});

test('without a collection there is a gate error, which blocks wherever anything is enforced', () => {
  assert.equal(gateError('enforce', 'timeout', 'not done within 120 s').isBlocking, true);
  assert.equal(gateError('permissive', 'no-collector', 'none').isBlocking, false);
});

test('drift is what passed before and does not any more, on the same closure', async () => {
  const { fleet, evidence, verified } = await setUp();
  const before = await verified(await evidence.collect({ failing: ['AC-02'] }));
  const after = await verified(await evidence.collect({ failing: ['AC-01', 'AC-02'], broken: ['AL-01'] }));
  assert.deepEqual(
    driftBetween(before, after).map(({ controlId, ruleIds, status }) => [controlId, ruleIds, status]),
    [
      ['access-control', ['AC-01'], 'fail'],
      ['audit-logging', ['AL-01'], 'error'],
    ],
  );
  assert.deepEqual(driftBetween(after, after), []);
  await fleet.publish((next) => Object.assign(next.hosts['web-1'] ?? {}, { closure: 2 }));
  const elsewhere = await verified(await evidence.collect({ failing: ['AC-01'] }));
  assert.deepEqual(driftBetween(before, elsewhere), []);
});
