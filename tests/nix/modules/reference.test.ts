import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { evaluated, repositoryRoot } from '../nix.ts';
import { nixpkgsLib, withoutNixpkgsLib } from '../nixpkgs-lib.ts';
import { optionPages, optionPagesFolder } from '../option-pages.ts';

test('docs/options/ is what `node tests/nix/write-golden.ts` writes', async () => {
  const pages = await optionPages();
  assert.deepEqual((await readdir(optionPagesFolder)).sort(), [...pages.keys()].sort());
  for (const [file, page] of pages) assert.equal(await readFile(join(optionPagesFolder, file), 'utf8'), page, file);
});

/** Our stand-in for nixpkgs' `lib` words types, and finds options, as the real one does. */
test('the documented options are those that nixpkgs finds', { skip: withoutNixpkgsLib }, async () => {
  const expression = `
    let
      lib = import ${nixpkgsLib};
      modules = lib.concatMap (page: page.modules) (import ${repositoryRoot}/nix/reference/pages.nix);
      system = import ${import.meta.dirname}/nixos-system.nix { inherit lib; } { inherit modules; };
      isOurs = option: builtins.any (file: lib.hasPrefix (toString ${repositoryRoot}/nix) file) option.declarations;
      byName = options: lib.listToAttrs (map ({ name, type, ... }: lib.nameValuePair name type) options);
    in
    {
      nixpkgs = byName (lib.filter (option: isOurs option) (lib.optionAttrSetToDocList system.options));
      ours = byName (lib.concatMap (import ${repositoryRoot}/nix/reference/options.nix) modules);
    }`;
  const { nixpkgs, ours } = (await evaluated({ expression })) as Record<'nixpkgs' | 'ours', object>;
  assert.ok(Object.keys(ours).length > 30);
  assert.deepEqual(ours, nixpkgs);
});
