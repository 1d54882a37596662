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

const asideBootctl = join(import.meta.dirname, '../../../../.cache/systemd-boot/usr/bin/bootctl');

/**
 * The real bootctl, as on a machine that this systemd-boot has booted: a root of its own with the partition and a folder in
 * place of the firmware's variables, and no sign of a container, in which it would do nothing.
 */
function inPrivateRoot(
  [program, ...args]: readonly [string, ...string[]],
  { boot, efiVariables }: { readonly boot: string; readonly efiVariables: string },
): Promise<CommandResult> {
  assert.equal(program, 'bootctl');
  const bootctl = existsSync(asideBootctl) ? asideBootctl : '/usr/bin/bootctl';
  const script = `
root=$1 bootctl=$2 boot=$3 variables=$4
shift 4
mount -t tmpfs none "$root"
for part in usr bin sbin lib lib64 etc; do
  if [ -L "/$part" ]; then cp -a "/$part" "$root/$part"
  elif [ -d "/$part" ]; then mkdir "$root/$part" && mount --bind "/$part" "$root/$part"; fi
done
mkdir -p "$root/proc" "$root/boot" "$root/sys/firmware/efi/efivars" "$root/run"
mount -t proc proc "$root/proc"
mount --bind "$boot" "$root/boot"
mount --bind "$variables" "$root/sys/firmware/efi/efivars"
cp "$bootctl" "$root/run/bootctl"
exec chroot "$root" /run/bootctl "$@"`;
  const root = mkdtempSync(join(folder, 'root-'));
  const asRoot = process.getuid?.() === 0 ? [] : ['--map-root-user'];
  return runCommand({
    argv: [
      'unshare',
      ...asRoot,
      '--mount',
      '--pid',
      '--fork',
      'sh',
      '-euc',
      script,
      'sh',
      root,
      bootctl,
      boot,
      efiVariables,
      ...args,
    ],
    environment: { PATH: '/usr/bin:/usr/sbin:/bin:/sbin' },
    timeoutMs: 30_000,
    stdoutBytesMax: 4096,
    clock: systemClock,
  });
}

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
  const variable = (name: string): string => join(efiVariables, `${name}-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f`);
  // Whoever came up by systemd-boot has this; without it bootctl does nothing.
  writeFileSync(variable('LoaderInfo'), Buffer.from(`\x06\0\0\0${[...'systemd-boot 257\0'].join('\0')}\0`, 'latin1'));
  const run = (argv: readonly [string, ...string[]]): Promise<CommandResult> =>
    inPrivateRoot(argv, { boot, efiVariables });
  const loader = await findBootLoader({ bootDirectories: [boot], efiVariables, run });
  assert.equal(await loader?.default(), old);
  assert.deepEqual(await loader?.bootOnce(next), { ok: true });
  await loader?.forgetOnce();
  assert.equal(existsSync(variable('LoaderEntryOneShot')), false);
  // Somebody chooses by hand, and what NixOS installs next counts again.
  assert.equal((await run(['bootctl', 'set-default', 'nixos-generation-2.conf'])).exitCode, 0);
  assert.equal(await loader?.default(), next);
  await loader?.installedCounts();
  assert.equal(await loader?.default(), old);
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
