import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { StorePath } from '@nixfleet/contracts';
import { systemRandom } from '@nixfleet/contracts/node-random';
import { guard } from './dead-man.ts';
import { AgentError } from './errors.ts';
import { fileSystem } from './file-system.ts';
import type { Files } from './files.ts';
import { currentBootId } from './process-identity.ts';
import { ProfileHost } from './profile-host.ts';
import { ProfileSystem } from './profile-system.ts';
import { SwitchRecord } from './switch-record.ts';
import { systemClock } from './system-clock.ts';

const root = mkdtempSync(join(tmpdir(), 'nixfleet-dead-man-'));
after(() => rmSync(root, { recursive: true }));

const one = StorePath.parse(`/nix/store/${'1'.repeat(32)}-system`);
const two = StorePath.parse(`/nix/store/${'2'.repeat(32)}-system`);
const settings = {
  storeDirectory: join(root, 'store'),
  systemRoot: join(root, 'root'),
  profile: join(root, 'profile'),
  path: process.env.PATH ?? '',
  environment: {},
};

/** A system whose switch is a variable. */
class Switched extends ProfileSystem {
  current: StorePath = two;

  override async running(): Promise<StorePath> {
    return this.current;
  }
  override async switchTo(closure: StorePath) {
    this.current = closure;
    const output = { exitCode: 0, durationMs: 1, outputSha256: '0'.repeat(64) as never, excerpt: '' };
    const result = { exitCode: 0, stdout: '', stdoutBytes: new Uint8Array(), output, ended: 'exit' as const };
    return { result, running: closure };
  }
  override async setDefault(): Promise<null> {
    return null;
  }
}

async function fires(name: string, files: Files): Promise<StorePath> {
  const record = new SwitchRecord(files, join(root, name));
  const system = new Switched(settings, systemClock);
  await record.arm({ to: one, deadlineMs: systemClock.monotonicMs() + 600, bootId: currentBootId() });
  await guard({ record, system, clock: systemClock });
  return system.current;
}

const fault = async (): Promise<never> => {
  throw new AgentError('io', 'input/output error');
};

test('the dead man’s switch goes back on a disk that takes no rename, and where a read fails for a moment', async () => {
  assert.equal(await fires('sound', fileSystem), one);
  assert.equal(await fires('read-only', { ...fileSystem, rename: fault }), one);
  const renamedUnsynced: Files['rename'] = async (from, to) => {
    await fileSystem.rename(from, to);
    return fault();
  };
  assert.equal(await fires('unsynced', { ...fileSystem, rename: renamedUnsynced }), one);
  let reads = 0;
  const read: Files['read'] = (path, bytesMax) => (++reads === 2 ? fault() : fileSystem.read(path, bytesMax));
  assert.equal(await fires('unread', { ...fileSystem, read }), one);
});

test('a dead man’s switch that fired while a commit set the profile is not done until the boot default is back', async () => {
  const directory = join(root, 'switch');
  const record = join(directory, '0000000001-00000000');
  mkdirSync(record, { recursive: true });
  const armed = { to: one, deadlineMs: 1, bootId: currentBootId() };
  writeFileSync(join(record, 'fired.json'), JSON.stringify(armed));
  writeFileSync(join(record, 'dead-man.json'), JSON.stringify({ ok: true, running: one }));
  const host = new ProfileHost({
    settings,
    directory,
    files: fileSystem,
    clock: systemClock,
    random: systemRandom,
    detachedProgram: join(import.meta.dirname, 'dead-man-main.ts'),
    clockSynchronisedFile: null,
  });
  symlinkSync('profile-2-link', settings.profile);
  symlinkSync(two, join(root, 'profile-2-link'));
  assert.deepEqual(await host.deadMan(), { kind: 'fired', to: one, ok: false });
  rmSync(join(root, 'profile-2-link'));
  symlinkSync(one, join(root, 'profile-2-link'));
  assert.deepEqual(await host.deadMan(), { kind: 'fired', to: one, ok: true });
});
