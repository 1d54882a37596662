import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { commands } from './catalog.ts';
import { cliReference } from './reference.ts';
import { nixfleetVersion } from './version.ts';

const root = join(import.meta.dirname, '..', '..', '..');

test('docs/cli.md is what the definitions say', async () => {
  const written = await readFile(join(root, 'docs', 'cli.md'), 'utf8');
  assert.equal(written, cliReference(), 'run scripts/node packages/cli/src/write-reference-main.ts');
});

test('that an option may be repeated is said by what makes it so, and nowhere else', () => {
  for (const { name, options = [] } of commands) {
    for (const { flags, description } of options)
      assert.doesNotMatch(description, /may be repeated/, `${name} ${flags}`);
  }
});

test('every command has its own code, found by its definition', async () => {
  for (const { name, load } of commands) {
    const { run } = await load();
    assert.equal(typeof run, 'function', name);
  }
});

test('every schema that a definition names is there', async () => {
  for (const { json } of commands) {
    if (json && 'schema' in json) await readFile(join(root, 'docs', 'schemas', `${json.schema}.schema.json`));
  }
});

test('every example starts with its command and uses only its options', () => {
  for (const { name, examples, options = [] } of commands) {
    for (const { line } of examples) {
      const own = /(?:^|\s)nixfleet ([^|&]*)/.exec(line)?.[1] ?? '';
      assert.ok(own.startsWith(name), `${name}: ${line}`);
      for (const [, option] of own.matchAll(/(--[a-z0-9-]+)/g)) {
        assert.ok(
          options.some(({ flags }) => flags.split(' ')[0] === option),
          `${name} has no ${option}`,
        );
      }
    }
  }
});

test('the version is that of the package', async () => {
  const manifest: unknown = JSON.parse(await readFile(join(root, 'packages', 'cli', 'package.json'), 'utf8'));
  assert.equal((manifest as { version: string }).version, nixfleetVersion);
});
