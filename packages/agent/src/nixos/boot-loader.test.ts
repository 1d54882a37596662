import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { StorePath } from '@nixfleet/contracts';
import { type CommandResult, runCommand } from '../run-command.ts';
import { systemClock } from '../system-clock.ts';
import { findBootLoader, grubEntries } from './boot-loader.ts';

const folder = mkdtempSync(join(tmpdir(), 'nixfleet-loader-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const old = StorePath.parse(`/nix/store/${'a'.repeat(32)}-nixos-system-web-1`);
const next = StorePath.parse(`/nix/store/${'b'.repeat(32)}-nixos-system-web-2`);
const done = (stdout = '', exitCode = 0): CommandResult => ({
  exitCode,
  stdout,
  stdoutBytes: new Uint8Array(),
  output: { exitCode, durationMs: 1, outputSha256: '0'.repeat(64) as never, excerpt: stdout },
  ended: 'exit',
});

const grubConfig = `
set timeout=5
menuentry "NixOS" --class nixos --unrestricted {
  search --set=drive1 --fs-uuid 1234
  linux ($drive1)/kernels/k-bzImage init=${old}/init loglevel=4
  initrd ($drive1)/kernels/i-initrd
}
submenu "NixOS - All configurations" --class submenu {
menuentry "NixOS - Configuration 2 (2026-11-25 - 26.05 > rc)" --class nixos {
  linux ($drive1)/kernels/k-bzImage init=${next}/init loglevel=4
}
menuentry "NixOS - Configuration 1 (2026-11-01 - 25.11)" --class nixos {
  linux ($drive1)/kernels/k-bzImage init=${old}/init loglevel=4
}
}
`;

test('entries of GRUB: by titles, a > in one of them written twice', () => {
  assert.deepEqual(grubEntries(grubConfig), [
    { path: 'NixOS', system: old },
    { path: 'NixOS - All configurations>NixOS - Configuration 2 (2026-11-25 - 26.05 >> rc)', system: next },
    { path: 'NixOS - All configurations>NixOS - Configuration 1 (2026-11-01 - 25.11)', system: old },
  ]);
});

test('GRUB boots a generation once, and only what is read back counts', async () => {
  const boot = join(folder, 'grub-machine');
  mkdirSync(join(boot, 'grub'), { recursive: true });
  writeFileSync(join(boot, 'grub/grub.cfg'), grubConfig);
  let environment = '';
  const run = async (argv: readonly string[]): Promise<CommandResult> => {
    if (argv[0] === 'grub-reboot') environment = `next_entry=${argv.at(-1)}\n`;
    return done(environment);
  };
  const deps = { bootDirectories: [join(folder, 'none'), boot], efiVariables: join(folder, 'efi') };
  const loader = await findBootLoader({ ...deps, run });
  assert.equal(await loader?.default(), old);
  assert.deepEqual(await loader?.bootOnce(next), { ok: true });
  // An environment block on a file system that GRUB cannot write to.
  const deaf = await findBootLoader({ ...deps, run: async () => done('') });
  const refused = await deaf?.bootOnce(next);
  assert.ok(refused && !refused.ok && /read back nothing/.test(refused.detail));
  const unknown = await loader?.bootOnce(StorePath.parse(`/nix/store/${'c'.repeat(32)}-nixos-system-web-3`));
  assert.ok(unknown && !unknown.ok && /no entry/.test(unknown.detail));
});

test('systemd-boot: the entry by its system, read back from the firmware’s variable', async () => {
  const boot = join(folder, 'esp');
  const efiVariables = join(folder, 'efivars');
  mkdirSync(join(boot, 'loader/entries'), { recursive: true });
  mkdirSync(efiVariables);
  writeFileSync(join(boot, 'loader/loader.conf'), 'timeout 5\ndefault nixos-generation-1.conf\nconsole-mode keep\n');
  for (const [i, system] of [old, next].entries()) {
    writeFileSync(
      join(boot, `loader/entries/nixos-generation-${i + 1}.conf`),
      `title NixOS\noptions init=${system}/init loglevel=4\n`,
    );
  }
  const variable = join(efiVariables, 'LoaderEntryOneShot-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f');
  // No container has the firmware's variables, so this bootctl is a program of the test's: it takes `set-oneshot <entry>`
  // and nothing else, and writes what bootctl would (UEFI 8.2: attributes, then UTF-16), or takes it away.
  const programs = join(folder, 'programs');
  mkdirSync(programs);
  writeFileSync(
    join(programs, 'bootctl'),
    `#!/bin/sh
[ "$1" = set-oneshot ] && [ $# = 2 ] || exit 64
if [ -z "$2" ]; then rm "${variable}"; exit; fi
[ -e "${boot}/loader/entries/$2" ] || exit 1
{ printf '\\007\\000\\000\\000'; printf '%s\\000' "$2" | iconv -f UTF-8 -t UTF-16LE; } > "${variable}"
`,
    { mode: 0o755 },
  );
  const run = (argv: readonly [string, ...string[]]): Promise<CommandResult> =>
    runCommand({
      argv,
      environment: { PATH: `${programs}:${process.env.PATH}` },
      timeoutMs: 10_000,
      stdoutBytesMax: 4096,
      clock: systemClock,
    });
  const loader = await findBootLoader({ bootDirectories: [boot], efiVariables, run });
  assert.equal(await loader?.default(), old);
  assert.deepEqual(await loader?.bootOnce(next), { ok: true });
  await loader?.forgetOnce();
  assert.equal(existsSync(variable), false);
  const deaf = await findBootLoader({ bootDirectories: [boot], efiVariables, run: async () => done() });
  const refused = await deaf?.bootOnce(next);
  assert.ok(refused && !refused.ok && /read back nothing/.test(refused.detail));
});

test('a default that is a pattern is the loader’s own business; no loader is none', async () => {
  const boot = join(folder, 'pattern');
  mkdirSync(join(boot, 'loader'), { recursive: true });
  writeFileSync(join(boot, 'loader/loader.conf'), 'default nixos-*\n');
  const deps = { efiVariables: folder, run: async () => done() };
  assert.equal(await (await findBootLoader({ bootDirectories: [boot], ...deps }))?.default(), null);
  assert.equal(await findBootLoader({ bootDirectories: [join(folder, 'nothing')], ...deps }), null);
});
