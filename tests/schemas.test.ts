import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

test('docs/schemas/ is what the schemas in packages/contracts say', async () => {
  const script = fileURLToPath(new URL('../scripts/write-schemas.ts', import.meta.url));
  const { stderr } = await promisify(execFile)(process.execPath, [script, '--check']);
  assert.equal(stderr, '');
});
