import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { ComplianceCatalogue } from './compliance-catalogue.ts';

function example(): Record<string, unknown> {
  return JSON.parse(readFileSync(new URL('../../../vectors/compliance/catalogue.json', import.meta.url), 'utf8'));
}

/** The example with one member of its first probe changed. */
function withProbe(change: object): unknown {
  const catalogue = example() as { controls: { rules: { probe: object }[] }[] };
  Object.assign(catalogue.controls[0]?.rules[0]?.probe ?? {}, change);
  return catalogue;
}

test('the example is a catalogue, and a field that is not known is accepted', () => {
  assert.equal(ComplianceCatalogue.parse(example()).controls.length, 2);
  assert.equal(ComplianceCatalogue.safeParse({ ...example(), later: 1 }).success, true);
});

test('a probe is a program of the store, bounded', () => {
  const store = `/nix/store/${'0'.repeat(32)}-probe`;
  assert.equal(ComplianceCatalogue.safeParse(withProbe({ command: `${store}/bin/a` })).success, true);
  for (const change of [
    { command: '/bin/sh' },
    { command: `${store}/../../bin/sh` },
    { command: `${store}/bin/../a` },
    { command: `${store}/` },
    { timeoutSecs: 0 },
    { timeoutSecs: 121 },
    { maxOutputBytes: 65_537 },
    { network: 'any' },
    { privilege: 'admin' },
    { expect: 1 },
    { applicability: undefined },
  ]) {
    assert.equal(ComplianceCatalogue.safeParse(withProbe(change)).success, false, JSON.stringify(change));
  }
});

test('an unknown mode is refused, not taken for permissive', () => {
  const { governance } = example() as { governance: object };
  for (const mode of ['observe', 'auto', 'Enforce', undefined]) {
    const changed = { ...example(), governance: { ...governance, mode } };
    assert.equal(ComplianceCatalogue.safeParse(changed).success, false, String(mode));
  }
});
