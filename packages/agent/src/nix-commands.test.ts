import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unpackedBytes } from './nix-commands.ts';

test('what a dry run would unpack, as Nix 2.8 and later ones say it', () => {
  const mebi = 2 ** 20;
  assert.equal(
    unpackedBytes('these 2 paths will be fetched (0.10 MiB download, 1.50 MiB unpacked):\n  /nix/store/x\n'),
    1.5 * mebi,
  );
  assert.equal(unpackedBytes('this path will be fetched (0.5 KiB download, 4.0 KiB unpacked):'), 4096);
  assert.equal(unpackedBytes('these 9 paths will be fetched (1.2 GiB download, 3.0 GiB unpacked):'), 3 * 2 ** 30);
  assert.equal(unpackedBytes(''), 0);
});
