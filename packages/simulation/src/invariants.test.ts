import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { gateSites } from './gate-sites.ts';
import { mutations } from './mutations.ts';
import { unmutatedGates } from './unmutated-gates.ts';

const here = new URL('.', import.meta.url);

test('INVARIANTS.md, the rules and this package’s tests name the same invariants', () => {
  const text = readFileSync(new URL('../INVARIANTS.md', import.meta.url), 'utf8');
  const defined = [...text.matchAll(/^\| (S\d+) \|/gm)].map(([, name]) => name ?? '');
  assert.deepEqual(defined, [...new Set(defined)], 'one is defined twice');
  const sources = readdirSync(here).filter(
    (file) => file.endsWith('.ts') && !['mutations.ts', 'unmutated-gates.ts'].includes(file),
  );
  const judged = new Set<string>();
  for (const file of sources) {
    const source = readFileSync(new URL(file, here), 'utf8');
    const found = file.endsWith('.test.ts')
      ? source.matchAll(/\btest\('(S\d+):/g)
      : source.matchAll(/broken\('(S\d+)'/g);
    for (const [, name] of found) judged.add(name ?? '');
  }
  const byNumber = (left: string, right: string): number => Number(left.slice(1)) - Number(right.slice(1));
  assert.deepEqual([...judged].sort(byNumber), defined, 'what is judged, and what is written down');
});

test('every mutation has the text that it replaces, once', () => {
  for (const { name, file, from } of mutations) {
    const source = readFileSync(new URL(`../../${file}`, here), 'utf8');
    assert.equal(source.split(from).length, 2, `${name}: ${file}`);
  }
});

test('every gate of the planner and check of the agent is switched off by a mutation, or it is said why not', () => {
  const mutated = new Set(mutations.flatMap(({ gates = [] }) => gates));
  const excused = Object.keys(unmutatedGates);
  assert.deepEqual(
    excused.filter((site) => mutated.has(site)),
    [],
    'mutated, and excused all the same',
  );
  assert.deepEqual([...mutated, ...excused].sort(), gateSites(), 'what the table has, and what the sources have');
});
