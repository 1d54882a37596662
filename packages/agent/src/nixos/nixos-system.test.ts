import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { StorePath } from '@nixfleet/contracts';
import { systemClock } from '../system-clock.ts';
import { lockAttemptsMax, NixosSystem } from './nixos-system.ts';
import { Systemd } from './systemd.ts';

const closure = StorePath.parse(`/nix/store/${'a'.repeat(32)}-nixos-system-web-1`);

/** Sets the boot default where the first so many attempts end like this: what came of it, and how many there were. */
async function setWhileBusy(
  busy: number,
  how: string,
  isWanted?: () => Promise<boolean>,
): Promise<{ problem: string | null; attempts: number }> {
  const directory = mkdtempSync(join(tmpdir(), 'nixfleet-system-'));
  try {
    const count = join(directory, 'count');
    writeFileSync(count, '');
    const program = `#!/bin/sh\necho >> ${count}\n[ "$(wc -l < ${count})" -gt ${busy} ] || { ${how}; }\n`;
    writeFileSync(join(directory, 'systemd-run'), program, { mode: 0o755 });
    const system = new NixosSystem({
      systemd: new Systemd({ path: `${directory}:${process.env.PATH}`, clock: systemClock }),
      path: '',
      unitName: () => 'unused',
      clock: { ...systemClock, sleep: async () => {} },
    });
    const problem = await system.setBootDefault(closure, isWanted);
    return { problem, attempts: readFileSync(count, 'utf8').length };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const refused = /^switch-to-configuration boot/;

test('the boot default is set once nobody else holds the lock any more', async () => {
  for (const how of ['exit 11', 'echo "Could not acquire lock" >&2; exit 1']) {
    const { problem, attempts } = await setWhileBusy(2, how);
    assert.equal(attempts, 3, how);
    // No loader of this machine was told; that it is not read back is another matter.
    assert.doesNotMatch(problem ?? '', refused);
  }
});

test('a lock that is never let go is what is wrong in the end, and any other end is so at once', async () => {
  const busy = await setWhileBusy(1000, 'exit 11');
  assert.match(busy.problem ?? '', refused);
  assert.equal(busy.attempts, lockAttemptsMax);
  const failed = await setWhileBusy(1000, 'echo "no space left" >&2; exit 1');
  assert.match(failed.problem ?? '', /no space left/);
  assert.equal(failed.attempts, 1);
});

test('what was undone while the lock was held is not booted after all', async () => {
  const { problem, attempts } = await setWhileBusy(1, 'exit 11', async () => false);
  assert.deepEqual([problem, attempts], ['it was undone meanwhile', 1]);
});
