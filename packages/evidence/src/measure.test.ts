import assert from 'node:assert/strict';
import { test } from 'node:test';
import { utf8 } from '@nixfleet/contracts';
import { present, testRule } from '@nixfleet/testkit';
import { measure, observedCharactersMax } from './measure.ts';

const descriptor = present(testRule('AC-01').probe, 'a probe');

function measured(stdout: string | Uint8Array, run: object = {}, probe: object = {}) {
  const bytes = typeof stdout === 'string' ? utf8(stdout) : stdout;
  return measure({ ...descriptor, ...probe }, { exitCode: 0, durationMs: 1, stdout: bytes, ...run });
}

test('a clean run that meets the expectation passes, and nothing else does', () => {
  assert.equal(measured('{"violationCount":0}').status, 'pass');
  assert.equal(measured('{"violationCount":0,"compliant":true}').status, 'pass');
  const failed = measured('{"violationCount":2,"compliant":false,"more":1}');
  assert.ok(failed.status === 'fail');
  assert.deepEqual(failed.observed, { violationCount: 2 });
  assert.match(failed.detail ?? '', /violationCount: expected 0, got 2/);
});

const errors: readonly [string, string | Uint8Array, object, RegExp][] = [
  ['another exit', '{"violationCount":0}', { exitCode: 1 }, /expected exit 0, got 1/],
  ['a signal', '{"violationCount":0}', { exitCode: null }, /got none/],
  ['a timeout', '{"violationCount":0}', { problem: 'not done within 30 s' }, /not done within 30 s/],
  ['nothing', '', {}, /malformed/],
  ['half an object', '{"violationCount":0', {}, /malformed/],
  ['a list', '[{"violationCount":0}]', {}, /one JSON object/],
  ['two objects', '{"violationCount":0}{"violationCount":0}', {}, /malformed/],
  ['a fraction', '{"violationCount":0,"x":0.5}', {}, /unsafe-number/],
  ['no UTF-8', Uint8Array.of(0x7b, 0xff, 0x7d), {}, /malformed/],
  ['too much', `{"violationCount":0,"x":"${'x'.repeat(65_536)}"}`, {}, /oversized/],
  ['too deep', `{"violationCount":0,"x":${'['.repeat(40)}${']'.repeat(40)}}`, {}, /too-deep/],
  ['a flag that disagrees', '{"violationCount":1,"compliant":true}', {}, /says compliant is true/],
  ['a flag that disagrees the other way', '{"violationCount":0,"compliant":false}', {}, /says compliant is false/],
  ['a flag that is none', '{"violationCount":0,"compliant":"true"}', {}, /says compliant is "true"/],
  ['not applicable without a reason', '{"notApplicable":true,"violationCount":0}', {}, /expected a reason/],
];
for (const [name, stdout, run, pattern] of errors) {
  test(`${name} is an error`, () => {
    const measurement = measured(stdout, run);
    assert.ok(measurement.status === 'error', measurement.status);
    assert.match(measurement.detail, pattern);
  });
}

test('not applicable counts where the descriptor allows it, and is an error where it does not', () => {
  const output = '{"compliant":false,"notApplicable":"container","detail":"no EFI"}';
  const allowed = measured(output);
  assert.ok(allowed.status === 'not-applicable');
  assert.equal(allowed.reason, 'environment');
  assert.equal(allowed.detail, 'container: no EFI');
  assert.equal(measured(output, {}, { applicability: 'always' }).status, 'error');
});

test('an expectation that cannot be evaluated is an error', () => {
  const measurement = measured('{"a":1}', {}, { expect: { a: { $gt: 0 } } });
  assert.ok(measurement.status === 'error');
  assert.match(measurement.detail, /unknown-operator/);
});

test('an observation that is too large to keep is an error', () => {
  const list = JSON.stringify({ a: Array.from({ length: observedCharactersMax / 4 }, () => 'xxxxx') });
  assert.equal(measured(list, {}, { expect: { a: { $subset: ['xxxxx'] } } }).status, 'error');
});
