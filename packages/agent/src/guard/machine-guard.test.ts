import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { StorePath } from '@nixfleet/contracts';
import { SeededRandom } from '@nixfleet/testkit';
import { fileSystem } from '../file-system.ts';
import { systemClock } from '../system-clock.ts';
import type { GuardState } from './guard-record.ts';
import { MachineGuard } from './machine-guard.ts';

const directory = mkdtempSync(join(tmpdir(), 'nixfleet-guard-'));
after(() => rmSync(directory, { recursive: true }));
const to = StorePath.parse(`/nix/store/${'a'.repeat(32)}-nixos-system-one`);

test('what was begun for a record is taken back while it still guards, by all that releases it', async () => {
  const seen: (GuardState | undefined)[] = [];
  const guard = new MachineGuard({
    ...{ directory, files: fileSystem, clock: systemClock, random: new SeededRandom(1) },
    ...{ standsMsMax: 0, revertSecondsMax: 60 },
    machine: {
      bootId: async () => 'this',
      uptimeSeconds: async () => 1,
      running: async () => to,
      bootDefault: async () => to,
      whatLacks: async () => null,
      watch: async () => null,
      isWatched: async () => true,
      endWatch: async () => {},
      takeBack: async (record) => {
        seen.push((await record.state())?.name);
      },
      isFiring: async () => false,
      isReverting: async () => false,
      forget: async () => {},
    },
  });
  await guard.arm(to, 60);
  assert.deepEqual(seen.splice(0), [], 'there was none');
  await guard.releaseAll();
  assert.deepEqual(seen.splice(0), ['armed']);
  const record = await guard.next();
  await record.arm({ to, kind: 'boot', deadline: 0, boot: 'this', seconds: 60 });
  assert.deepEqual(await guard.arm(to, 60), { ok: true });
  assert.ok(seen.includes('armed'), seen.join(' '));
  assert.equal((await record.state())?.name, 'released');
});
