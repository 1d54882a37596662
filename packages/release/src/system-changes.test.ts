import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { StorePath } from '@nixfleet/contracts';
import { systemChanges } from './system-changes.ts';

const root = await mkdtemp(join(tmpdir(), 'nixfleet-systems-'));
after(() => rm(root, { recursive: true }));

const path = (digit: string, name: string): string => `/nix/store/${digit.repeat(32)}-${name}`;

/** A system as NixOS lays it out: `etc` and its units are links into the store, and only that store has them. */
async function system(
  digit: string,
  parts: { kernel?: string; params?: string; units: Record<string, string> | null },
) {
  const toplevel = path(digit, 'nixos-system-web-1');
  const etc = path(digit, 'etc');
  await mkdir(`${root}${toplevel}`, { recursive: true });
  await symlink(`${path(parts.kernel ?? '0', 'linux')}/bzImage`, `${root}${toplevel}/kernel`);
  await symlink(`${path('0', 'initrd')}/initrd`, `${root}${toplevel}/initrd`);
  await writeFile(`${root}${toplevel}/kernel-params`, parts.params ?? 'loglevel=4');
  if (parts.units === null) return StorePath.parse(toplevel);
  const units = path(digit, 'system-units');
  await mkdir(`${root}${units}`, { recursive: true });
  for (const [name, target] of Object.entries(parts.units)) await symlink(target, `${root}${units}/${name}`);
  await mkdir(`${root}${etc}/systemd`, { recursive: true });
  await symlink(units, `${root}${etc}/systemd/system`);
  await symlink(etc, `${root}${toplevel}/etc`);
  return StorePath.parse(toplevel);
}

const before = await system('a', { units: { 'nginx.service': '/nix/store/n1/x', 'old.service': '/nix/store/o/x' } });

test('units that come, go and change', async () => {
  const units = { 'nginx.service': '/nix/store/n2/x', 'new.timer': '/nix/store/t/x' };
  assert.deepEqual(await systemChanges(before, await system('b', { units }), { root }), {
    units: { added: ['new.timer'], removed: ['old.service'], changed: ['nginx.service'] },
    reboot: [],
  });
});

test('another kernel and other parameters wait for a boot; the same system changes nothing', async () => {
  const units = { 'nginx.service': '/nix/store/n1/x', 'old.service': '/nix/store/o/x' };
  const next = await system('c', { kernel: '1', params: 'quiet', units });
  assert.deepEqual((await systemChanges(before, next, { root }))?.reboot, ['kernel', 'kernel-params']);
  assert.deepEqual(await systemChanges(before, before, { root }), {
    units: { added: [], removed: [], changed: [] },
    reboot: [],
  });
});

test('a system that is not here, or is no NixOS, is not compared', async () => {
  const absent = StorePath.parse(path('z', 'nixos-system-web-1'));
  assert.equal(await systemChanges(before, absent, { root }), null);
  assert.equal(await systemChanges(await system('d', { units: null }), before, { root }), null);
});

test('links that lead round are followed a bounded number of times', async () => {
  const loop = StorePath.parse(path('f', 'nixos-system-web-1'));
  await mkdir(`${root}${loop}`, { recursive: true });
  await symlink(`${loop}/etc`, `${root}${loop}/etc`);
  assert.equal(await systemChanges(before, loop, { root }), null);
});
