import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { mutations } from './mutations.ts';

const here = new URL('.', import.meta.url);

test('INVARIANTS.md, the rules and this package’s tests name the same invariants', () => {
  const text = readFileSync(new URL('../INVARIANTS.md', import.meta.url), 'utf8');
  const defined = [...text.matchAll(/^\| (S\d+) \|/gm)].map(([, name]) => name ?? '');
  assert.deepEqual(defined, [...new Set(defined)], 'one is defined twice');
  const sources = readdirSync(here).filter((file) => file.endsWith('.ts') && file !== 'mutations.ts');
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
