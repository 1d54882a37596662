import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { partAwaitingBoot, switchInhibitor } from './switch-inhibitors.ts';

const folder = mkdtempSync(join(tmpdir(), 'nixfleet-inhibitors-'));
after(() => rmSync(folder, { recursive: true, force: true }));

interface Parts {
  readonly init?: string;
  readonly systemd?: string;
  readonly bus?: string;
  readonly declared?: unknown;
  readonly kernel?: string;
}
let count = 0;

function system({
  init = 'systemd 257',
  systemd = 'systemd-257.3',
  bus = 'dbus-daemon',
  declared,
  kernel = 'linux-6.6',
}: Parts): string {
  const path = join(folder, String(++count));
  mkdirSync(join(path, 'etc/systemd/system'), { recursive: true });
  writeFileSync(join(path, 'init-interface-version'), init);
  writeFileSync(
    join(path, 'etc/systemd/system/dbus.service'),
    `[Service]\nExecStart=@/nix/store/x/bin/${bus} ${bus} --system\n`,
  );
  if (declared !== undefined) writeFileSync(join(path, 'switch-inhibitors'), JSON.stringify(declared));
  for (const [link, name] of [
    ['systemd', systemd],
    ['kernel', kernel],
  ] as const) {
    // Each system has builds of its own: only names are the same.
    const target = join(folder, `${String(count).padStart(32, '0')}-${name}`);
    mkdirSync(target, { recursive: true });
    symlinkSync(target, join(path, link));
  }
  return path;
}

test('another build of the same systemd, and another kernel, inhibit nothing', async () => {
  assert.equal(await switchInhibitor(system({}), system({ kernel: 'linux-6.12' })), null);
});

test('another init interface, version of systemd or message bus does', async () => {
  assert.equal(await switchInhibitor(system({}), system({ init: 'systemd 300' })), 'init');
  assert.equal(await switchInhibitor(system({}), system({ systemd: 'systemd-258' })), 'systemd');
  assert.equal(await switchInhibitor(system({}), system({ bus: 'dbus-broker-launch' })), 'dbus');
});

test('what both systems declare themselves is believed instead', async () => {
  const now = system({ declared: { 'dbus-implementation': 'dbus', fstab: 'a' } });
  assert.equal(
    await switchInhibitor(now, system({ systemd: 'systemd-258', declared: { 'dbus-implementation': 'dbus' } })),
    null,
  );
  assert.equal(
    await switchInhibitor(now, system({ declared: { 'dbus-implementation': 'broker', fstab: 'a' } })),
    'dbus-implementation',
  );
  assert.equal(
    await switchInhibitor(now, system({ bus: 'dbus-broker-launch' })),
    'dbus',
    'one that declares nothing is compared',
  );
  assert.equal(await switchInhibitor(now, system({ init: 'systemd 300', declared: {} })), 'init');
});

test('a kernel that runs and was not booted awaits a boot', async () => {
  const booted = system({});
  assert.equal(await partAwaitingBoot(booted, booted), null);
  assert.equal(await partAwaitingBoot(booted, system({ kernel: 'linux-6.12' })), 'kernel');
});
