import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, statfsSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { bootShortage } from './boot-room.ts';

const folder = mkdtempSync(join(tmpdir(), 'nixfleet-boot-room-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const room = statfsSync(folder);
/** More than this file system has: sizes are looked at, and nothing is copied. */
const hugeBytes = room.bavail * room.bsize + 2 ** 30;

/** A system whose kernel and initrd are files of these sizes. */
function system(name: string, kernelBytes: number, initrdBytes = 10): string {
  mkdirSync(join(folder, name));
  for (const [part, bytes] of [
    ['kernel', kernelBytes],
    ['initrd', initrdBytes],
  ] as const) {
    writeFileSync(join(folder, `${name}-${part}`), '');
    truncateSync(join(folder, `${name}-${part}`), bytes);
    symlinkSync(join(folder, `${name}-${part}`), join(folder, name, part));
  }
  return join(folder, name);
}

const small = system('small', 1000);
const huge = system('huge', hugeBytes);
const partsOf = (of: string) => ({ kernel: `${of}-kernel`, initrd: `${of}-initrd` });

test('what fits is no shortage; what does not is one, with numbers and what to do', async () => {
  const at = { directory: folder, installed: [], running: small };
  assert.equal(await bootShortage(partsOf(small), at), null);
  assert.match(
    (await bootShortage(partsOf(huge), at)) ?? '',
    /^the boot partition at .* needs \d+ KiB and has \d+ KiB free/,
  );
});

test('what an installed generation has is there already', async () => {
  const at = { directory: folder, installed: [small, huge], running: small };
  assert.equal(await bootShortage(partsOf(huge), at), null);
});

test('what is not here yet counts as large as that of the running system', async () => {
  const coming = { kernel: '/nix/store/coming/bzImage', initrd: null };
  assert.equal(await bootShortage(coming, { directory: folder, installed: [], running: small }), null);
  assert.notEqual(await bootShortage(coming, { directory: folder, installed: [], running: huge }), null);
});

test('nothing that is new, or a loader that is not known, is no shortage', async () => {
  assert.equal(
    await bootShortage({ kernel: null, initrd: null }, { directory: folder, installed: [], running: huge }),
    null,
  );
  assert.equal(await bootShortage(partsOf(huge), { directory: null, installed: [], running: huge }), null);
});
