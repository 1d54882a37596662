import assert from 'node:assert/strict';
import { test } from 'node:test';
import { suite } from './suite.ts';
import { readSecurityPage, withAttackTable } from './table.ts';

test('the table in docs/security.md is what the suite has', async () => {
  const page = await readSecurityPage();
  assert.equal(page, withAttackTable(page), 'run scripts/node tests/attacks/write-table-main.ts');
});

test('every attack has a title of its own', () => {
  const titles = suite.flatMap(({ attacks }) => attacks.map(({ title }) => title));
  assert.equal(new Set(titles).size, titles.length);
});
