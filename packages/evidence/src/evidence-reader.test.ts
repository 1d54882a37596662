import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EvidenceDocument } from '@nixfleet/contracts';
import { createTestFleet, TestEvidence } from '@nixfleet/testkit';
import { evidenceProblems } from './evidence-problems.ts';
import { EvidenceReader } from './evidence-reader.ts';

type Draft = { controls: { [name: string]: unknown; rules: { [name: string]: unknown; probe?: object }[] }[] };

/** Each changes one thing in what an hour later may look like; whether the result is any good is for the schema to say. */
const changes: readonly (readonly [string, (draft: Draft) => unknown])[] = [
  ['nothing', () => undefined],
  ['how a probe ran', (draft) => Object.assign(probe(draft), { durationMs: 77, outputSha256: 'a'.repeat(64) })],
  ['no duration', (draft) => Object.assign(probe(draft), { durationMs: -1 })],
  ['a duration that is text', (draft) => Object.assign(probe(draft), { durationMs: '5' })],
  ['no hash', (draft) => Object.assign(probe(draft), { outputSha256: 'A'.repeat(64) })],
  ['another exit', (draft) => Object.assign(probe(draft), { exitCode: 1 })],
  ['another command', (draft) => Object.assign(probe(draft), { command: '/bin/other' })],
  ['a command that is none', (draft) => Object.assign(probe(draft), { command: '' })],
  ['a member more in a probe', (draft) => Object.assign(probe(draft), { more: 1 })],
  ['a probe that is none', (draft) => Object.assign(draft.controls[0]?.rules[0] ?? {}, { probe: null })],
  ['no probe', (draft) => delete draft.controls[0]?.rules[0]?.probe],
  ['a field that this version does not know', (draft) => Object.assign(draft.controls[0] ?? {}, { later: [1] })],
  ['another observation', (draft) => Object.assign(draft.controls[0]?.rules[0] ?? {}, { observed: { x: 1 } })],
  ['an observation as hidden', (draft) => hide(draft)],
  ['no observation', (draft) => delete draft.controls[0]?.rules[0]?.observed],
  ['more of an observation', (draft) => Object.assign(draft.controls[0]?.rules[0]?.observed ?? {}, { more: [1, {}] })],
  ['a status that is none', (draft) => Object.assign(draft.controls[0]?.rules[0] ?? {}, { status: 'good' })],
  ['a failure', (draft) => Object.assign(draft.controls[0]?.rules[0] ?? {}, { status: 'fail' })],
  ['a rule less', (draft) => draft.controls[0]?.rules.pop()],
  ['a control less', (draft) => draft.controls.pop()],
  ['a control twice', (draft) => draft.controls.push(structuredClone(draft.controls[0]) as never)],
  ['rules that are none', (draft) => Object.assign(draft.controls[0] ?? {}, { rules: {} })],
  ['a control that is none', (draft) => Object.assign(draft.controls, { 0: null })],
  ['another profile', (draft) => Object.assign(draft, { profile: 'x' })],
  ['controls that are none', (draft) => Object.assign(draft, { controls: null })],
];

/** A member that assignment would take for the prototype. */
function hide(draft: Draft): void {
  const observed = JSON.parse('{"__proto__":{"violationCount":0},"violationCount":0}');
  Object.assign(draft.controls[0]?.rules[0] ?? {}, { observed });
}

function probe(draft: Draft): object {
  return draft.controls[0]?.rules[0]?.probe ?? assert.fail('no probe');
}

test('whatever came before, a document is read as it is by itself', async () => {
  const fleet = await createTestFleet();
  await fleet.publish();
  const evidence = new TestEvidence(fleet, 'web-1');
  const { document } = await evidence.collect();
  for (const [before, first] of changes) {
    for (const [after, second] of changes) {
      const reader = new EvidenceReader();
      for (const change of [first, second, () => undefined]) {
        const draft = structuredClone(document) as unknown as Draft;
        change(draft);
        const found = reader.safeParse(draft);
        const expected = EvidenceDocument.safeParse(structuredClone(draft));
        const what = `${before}, then ${after}`;
        assert.equal(found.success, expected.success, what);
        if (found.success && expected.success) {
          assert.deepEqual(found.data, expected.data, what);
          assert.deepEqual(reader.problemsOf(found.data), evidenceProblems(expected.data), what);
        } else {
          assert.deepEqual(found.error?.issues, expected.error?.issues, what);
        }
      }
    }
  }
});

test('anything else than an object is refused as the schema refuses it', () => {
  for (const value of [null, 1, 'x', [], undefined]) {
    assert.deepEqual(
      new EvidenceReader().safeParse(value).error?.issues,
      EvidenceDocument.safeParse(value).error?.issues,
    );
  }
});
