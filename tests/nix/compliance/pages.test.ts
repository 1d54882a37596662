import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { compliancePages, compliancePagesFolder } from '../option-pages.ts';

test('docs/compliance/ is what `node tests/nix/write-golden.ts` writes', async () => {
  for (const [file, page] of await compliancePages())
    assert.equal(await readFile(join(compliancePagesFolder, file), 'utf8'), page, file);
});

test('every point of acceptance 2 has a row with a state', async () => {
  const coverage = (await compliancePages()).get('coverage.md') ?? '';
  const states = ['measured', 'static only', 'attested', 'not covered'];
  const sections = coverage.split('\n## ').slice(1);
  /** First cells of a section's rows; each row has exactly one cell that is a state. */
  const points = (at: number): string[] =>
    (sections[at] ?? '')
      .split('\n')
      .filter((line) => line.startsWith('| ') && !/^\| (Point|Recommendation) /.test(line))
      .map((line) => {
        const cells = line.split('|').map((text) => text.trim());
        assert.equal(cells.filter((text) => states.includes(text)).length, 1, line);
        return cells[1] ?? '';
      });
  const numbers = (from: number, to: number, prefix = ''): string[] =>
    Array.from({ length: to - from + 1 }, (_, at) => `${prefix}${from + at}`);
  assert.deepEqual(points(0), numbers(1, 80, 'R'));
  assert.deepEqual(
    points(1),
    [...'abcdefghij'].map((letter) => `21(2)(${letter})`),
  );
  assert.deepEqual(points(2), numbers(1, 13));
  assert.ok(points(3).length > 15);
  assert.deepEqual(points(4), numbers(2, 27));
  const annex = points(5);
  assert.equal(annex.length, 93);
  assert.deepEqual(annex.slice(0, 37), numbers(1, 37, 'A.5.'));
});
