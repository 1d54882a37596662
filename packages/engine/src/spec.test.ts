import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { it } from 'node:test';

const invariant = /\b[HP]\d+\b/g;

it('SPEC.md and the tests name the same invariants', () => {
  const spec = readFileSync(new URL('../SPEC.md', import.meta.url), 'utf8');
  const defined = [...spec.matchAll(/^\| ([HP]\d+) \|/gm)].map(([, name]) => name);
  assert.deepEqual(defined, [...new Set(defined)], 'one is defined twice');
  const titles = readdirSync(new URL('.', import.meta.url))
    .filter((file) => file.endsWith('.test.ts'))
    .flatMap((file) => [
      ...readFileSync(new URL(file, import.meta.url), 'utf8').matchAll(/\b(?:it|describe)\(\s*(['`])(.*?)\1/g),
    ])
    .map(([, , title]) => title ?? '');
  const tested = new Set(titles.flatMap((title) => title.match(invariant) ?? []));
  assert.deepEqual(
    defined.filter((name) => name !== undefined && !tested.has(name)),
    [],
    'not tested',
  );
  assert.deepEqual(
    [...tested].filter((name) => !defined.includes(name)),
    [],
    'not in SPEC.md',
  );
});

it('every trap of the earlier reconciler is a test, or SPEC.md says why it cannot be one', () => {
  const spec = readFileSync(new URL('../SPEC.md', import.meta.url), 'utf8');
  const excluded = [...spec.matchAll(/^\| (U?\d+) \|/gm)].map(([, trap]) => trap);
  const tests = readFileSync(new URL('reconciler-traps.test.ts', import.meta.url), 'utf8');
  const tested = [...tests.matchAll(/^ {2}(U?\d+): \[/gm)].map(([, trap]) => trap);
  const numbers = (count: number, prefix: string) => Array.from({ length: count }, (_, i) => `${prefix}${i + 1}`);
  assert.deepEqual([...tested, ...excluded].sort(), [...numbers(18, ''), ...numbers(10, 'U')].sort());
});
