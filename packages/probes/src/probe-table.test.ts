import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { probeTable } from './probe-table.ts';
import { probeLoaders } from './registry.ts';

test('the README describes every probe as it is; scripts/write-probe-table.ts writes it', async () => {
  const probes = await Promise.all([...probeLoaders.values()].map((load) => load()));
  const readme = readFileSync(join(import.meta.dirname, '../README.md'), 'utf8');
  const [, between] = /<!-- probes: [^\n]*\n\n([\s\S]*)\n<!-- end of probes -->/.exec(readme) ?? [];
  assert.equal(between, probeTable(probes));
});

test('every probe is listed under its own name, and none is forgotten', async () => {
  for (const [name, load] of probeLoaders) assert.equal((await load()).name, name);
  const files = readdirSync(join(import.meta.dirname, 'probes')).filter((file) => !file.endsWith('.test.ts'));
  assert.equal(probeLoaders.size, new Set(probeLoaders.keys()).size);
  assert.ok(files.length <= probeLoaders.size, `${files.length} files, ${probeLoaders.size} probes`);
});
