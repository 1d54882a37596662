import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCanonical, utf8 } from '@nixfleet/contracts';
import { createTestFleet, TestEvidence, testCatalogue, testRule, testWaiver } from '@nixfleet/testkit';
import { evidenceProblems } from './evidence-problems.ts';

async function evidenceOf(host = 'web-1', controls?: readonly object[]) {
  const fleet = await createTestFleet();
  await fleet.publish();
  return { fleet, evidence: new TestEvidence(fleet, host, testCatalogue(host, controls)) };
}

function control(rules: readonly object[], change: object = {}): object {
  return {
    controlId: 'access-control',
    title: 'Access control',
    purpose: 'For tests.',
    type: 'runtime',
    schema: 'test/v1',
    articles: {},
    mode: 'enforce',
    rules,
    ...change,
  };
}

test('every control and every rule of the catalogue is there, and what nobody measured says why', async () => {
  const { evidence } = await evidenceOf();
  const { document } = await evidence.collect({ failing: ['AL-01'] });
  const rules = document.controls.flatMap(({ controlId, status, decision, passed, rules: all }) =>
    all.map((rule) => [controlId, status, decision, passed, rule.id, rule.status, rule.reason]),
  );
  assert.deepEqual(rules, [
    ['access-control', 'pass', 'pass', true, 'AC-01', 'pass', undefined],
    ['access-control', 'pass', 'pass', true, 'AC-02', 'pass', undefined],
    ['asset-inventory', 'not-applicable', 'none', false, 'AI-01', 'not-applicable', 'static-only'],
    ['audit-logging', 'fail', 'fail', false, 'AL-01', 'fail', undefined],
    ['platform', 'not-applicable', 'none', false, 'PL-01', 'not-applicable', 'attested'],
  ]);
  const counts = { total: 4, pass: 1, fail: 1, error: 0, waived: 0, notApplicable: 2, attested: 1 };
  assert.deepEqual(document.summary, counts);
  assert.deepEqual(evidenceProblems(document), []);
});

test('a waiver changes the decision and leaves the measurement alone; an error it does not cover', async () => {
  const { fleet, evidence } = await evidenceOf();
  const { document: waiver } = await testWaiver(fleet);
  const waived = await evidence.collect({ failing: ['AC-01'], change: { waivers: [waiver] } });
  const [access] = waived.document.controls;
  assert.deepEqual(
    [access?.status, access?.passed, access?.decision, access?.rules[0]?.waiverId],
    ['fail', false, 'waived', 'W-2026-0001'],
  );
  assert.equal(waived.document.summary.waived, 1);
  assert.equal(waived.document.summary.fail, 1);

  const broken = await evidence.collect({ broken: ['AC-01'], change: { waivers: [waiver] } });
  assert.deepEqual([broken.document.controls[0]?.status, broken.document.controls[0]?.decision], ['error', 'fail']);
  assert.match(String(broken.document.controls[0]?.details.error), /AC-01: expected exit 0, got 1/);
});

test('a rule that was not run, or was forced off by hand, never passes', async () => {
  const { evidence } = await evidenceOf('web-1', [
    control([testRule('AC-01'), testRule('AC-02', { via: 'override' })]),
  ]);
  const { document } = await evidence.collect({ change: { runs: new Map() } });
  const [access] = document.controls;
  assert.deepEqual(
    access?.rules.map(({ status, decision }) => [status, decision]),
    [
      ['error', 'fail'],
      ['fail', 'fail'],
    ],
  );
});

test('a disabled control is not evaluated and says so', async () => {
  const { evidence } = await evidenceOf('web-1', [control([testRule('AC-01')], { mode: 'disabled' })]);
  const { document } = await evidence.collect();
  assert.equal(document.controls[0]?.rules[0]?.reason, 'disabled');
  assert.equal(document.controls[0]?.decision, 'none');
});

test('names of people and addresses of others are salted hashes, equal where they were equal', async () => {
  const rule = testRule('AC-03');
  const { evidence } = await evidenceOf('web-1', [control([rule])]);
  const violations = [
    { what: 'key', user: 'ada' },
    { what: 'key', user: 'ada', address: '192.0.2.7' },
    { what: 'key', user: 'bob' },
  ];
  const stdout = utf8(JSON.stringify({ violationCount: 3, violations }));
  const run = { exitCode: 0, durationMs: 1, stdout };
  const { document, bytes } = await evidence.collect({ change: { runs: new Map([['AC-03', run]]) } });
  const text = new TextDecoder().decode(bytes);
  for (const secret of ['ada', 'bob', '192.0.2.7']) assert.ok(!text.includes(secret), secret);
  assert.deepEqual(document.controls[0]?.redactions, ['address', 'user']);
  const kept = document.controls[0]?.details['AC-03'] as { violations: { user: string }[] };
  assert.match(kept.violations[0]?.user ?? '', /^salted:[0-9a-f]{16}$/);
  assert.equal(kept.violations[0]?.user, kept.violations[1]?.user);
  assert.notEqual(kept.violations[0]?.user, kept.violations[2]?.user);
});

test('the bytes are canonical, and the next document names them', async () => {
  const { evidence } = await evidenceOf();
  const first = await evidence.collect();
  const second = await evidence.collect();
  assert.ok(parseCanonical(first.bytes, { bytesMax: 1 << 20 }).ok);
  assert.equal(second.document.previousSha256, first.sha256);
  assert.deepEqual([first.document.sequence, second.document.sequence], [1, 2]);
});

test('facts that make no valid document are a fault, not a document', async () => {
  const { evidence } = await evidenceOf();
  await assert.rejects(evidence.collect({ change: { facts: { sequence: 0 } } }), { code: 'bad-input' });
});
