import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { systemClock } from '@nixfleet/contracts/node-clock';
import { probeMsMax, SystemMachine } from './system-machine.ts';

const directory = mkdtempSync(join(tmpdir(), 'nixfleet-probe-'));
after(() => rmSync(directory, { recursive: true }));

const files = new SystemMachine({ clock: systemClock, root: directory, path: '' });
const running = new SystemMachine({ clock: systemClock, root: '/', path: directory });

function script(name: string, text: string): string {
  const at = join(directory, name);
  writeFileSync(at, `#!/bin/sh\n${text}\n`);
  chmodSync(at, 0o755);
  return name;
}

test('files: there, not there, too long, no file at all', () => {
  mkdirSync(join(directory, 'etc'));
  writeFileSync(join(directory, 'etc/a'), 'abc');
  symlinkSync('a', join(directory, 'etc/link'));
  execFileSync('mkfifo', [join(directory, 'etc/fifo')]);
  assert.equal(files.read('/etc/a'), 'abc');
  assert.equal(files.read('/etc/a', 3), 'abc');
  assert.throws(() => files.read('/etc/a', 2), { code: 'oversized' });
  assert.equal(files.read('/etc/b'), null);
  assert.equal(files.read('/etc/a/b'), null);
  // A FIFO without a writer would hold a reader for ever.
  assert.throws(() => files.read('/etc/fifo'), { code: 'unreadable' });
  assert.throws(() => files.read('/etc'), { code: 'unreadable' });
  assert.deepEqual(files.list('/etc'), ['a', 'fifo', 'link']);
  assert.equal(files.list('/none'), null);
  assert.equal(files.status('/etc/link')?.kind, 'link');
  assert.equal(files.status('/etc/link', { follow: true })?.kind, 'file');
  assert.equal(files.readLink('/etc/link'), 'a');
  assert.equal(files.readLink('/etc/a'), null);
});

test('files of /proc, which say that they have no bytes', () => {
  assert.match(running.read('/proc/self/mountinfo') ?? '', / - /);
});

test('commands: answers, exit codes, what is not there, and files only', async () => {
  const environment = script('environment', '/usr/bin/env | /usr/bin/sort');
  const { stdout } = await running.run([environment]);
  assert.match(stdout, /^LC_ALL=C\nPATH=.*\nPWD=.*\n(?:SHLVL=.*\n)?(?:_=.*\n)?$/);
  assert.equal((await running.run([script('three', 'exit 3')], { exitCodes: [0, 3] })).exitCode, 3);
  await assert.rejects(running.run(['three']), { code: 'command-failed' });
  await assert.rejects(running.run(['no-such-program']), { code: 'command-missing' });
  await assert.rejects(files.run(['three']), { code: 'needs-machine' });
  assert.equal((await running.run([script('copy', 'exec /bin/cat')], { input: 'said' })).stdout, 'said');
});

test('commands: bounds of output and time', async () => {
  const much = script('much', 'while :; do echo 0123456789; done');
  await assert.rejects(running.run([much], { bytesMax: 1000 }), { code: 'oversized' });
  const hangs = script('hangs', 'exec /bin/sleep 100');
  await assert.rejects(running.run([hangs], { timeoutMs: 50 }), { code: 'command-failed' });
});

test('its own time ends', () => {
  let now = 0;
  const clock = { ...systemClock, monotonicMs: () => now };
  const machine = new SystemMachine({ clock, root: '/', path: '' });
  machine.checkTime();
  now = probeMsMax;
  assert.throws(() => machine.checkTime(), { code: 'no-time' });
  assert.throws(() => machine.read('/etc/passwd'), { code: 'no-time' });
});
