import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { evaluated, repositoryRoot } from '../nix.ts';

/** The same vectors hold the TypeScript that compares what probes say. */
test('nix/compliance/expectation.nix meets the vectors', async () => {
  const file = join(repositoryRoot, 'vectors', 'expectations.json');
  const vectors = JSON.parse(await readFile(file, 'utf8')) as {
    cases: { name: string; meets: boolean }[];
    refused: { name: string }[];
  };
  const actual = await evaluated({
    expression: `
      let
        inherit (import ./nix/compliance/expectation.nix) meets;
        vectors = builtins.fromJSON (builtins.readFile ./vectors/expectations.json);
      in {
        cases = map (case: meets case.expect case.observed) vectors.cases;
        refused = map (case: (builtins.tryEval (meets case.expect case.observed)).success) vectors.refused;
      }`,
  });
  assert.deepEqual(actual, {
    cases: vectors.cases.map(({ meets }) => meets),
    refused: vectors.refused.map(() => false),
  });
});
