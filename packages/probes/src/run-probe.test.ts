import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ProbeError } from './errors.ts';
import { type Finding, probe } from './probe.ts';
import { RecordedMachine } from './recorded-machine.test.ts';
import { observedCharactersMax, outputBytesMax, runProbe, violationsMax } from './run-probe.ts';

async function ends(measure: () => Finding): Promise<string> {
  const one = probe({
    name: 'one',
    summary: 'a test',
    arguments: {},
    facts: { count: 'how many' },
    violations: ['bad'],
    root: null,
    measure,
  });
  const end = await runProbe(one, new RecordedMachine({}), []);
  return end.ok ? end.text : end.code;
}

test('facts, violations and the verdict', async () => {
  assert.equal(
    await ends(() => ({ facts: { count: 1 }, violations: [] })),
    '{"compliant":true,"count":1,"violationCount":0,"violations":[]}',
  );
  const bad = { what: 'bad', observed: 'x'.repeat(1000) };
  const output = JSON.parse(await ends(() => ({ facts: { count: 1 }, violations: Array(100).fill(bad) })));
  assert.equal(output.compliant, false);
  assert.equal(output.violationCount, 100);
  assert.equal(output.violations.length, violationsMax);
  assert.equal(output.violations[0].observed.length, observedCharactersMax);
});

test('what has no meaning here is not compliant either', async () => {
  const text = await ends(() => ({ notApplicable: 'container', detail: 'no' }));
  assert.equal(text, '{"compliant":false,"notApplicable":"container","detail":"no"}');
});

test('errors and defects are no measurement', async () => {
  const thrown = await ends(() => {
    throw new ProbeError('unreadable', 'x');
  });
  assert.equal(thrown, 'unreadable');
  assert.equal(await ends(() => ({ facts: {}, violations: [] })), 'defect');
  assert.equal(await ends(() => ({ facts: { count: 1, more: 2 }, violations: [] })), 'defect');
  assert.equal(await ends(() => ({ facts: { count: 1.5 }, violations: [] })), 'defect');
  assert.equal(await ends(() => ({ facts: { count: [{ deep: Number.NaN }] }, violations: [] })), 'defect');
  assert.equal(await ends(() => ({ facts: { count: 1 }, violations: [{ what: 'other' }] })), 'defect');
  assert.equal(await ends(() => ({ facts: { count: 'x'.repeat(outputBytesMax) }, violations: [] })), 'oversized');
});
