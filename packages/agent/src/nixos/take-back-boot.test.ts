import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { StorePath } from '@nixfleet/contracts';
import { fileSystem } from '../file-system.ts';
import { GuardRecord } from '../guard/guard-record.ts';
import { takeBackBoot } from './take-back-boot.ts';

const root = mkdtempSync(join(tmpdir(), 'nixfleet-boot-'));
after(() => rmSync(root, { recursive: true }));
const to = StorePath.parse(`/nix/store/${'a'.repeat(32)}-nixos-system-one`);

/** How often the loader is told to forget, of a record that was made so. */
async function forgotten(prepare: (record: GuardRecord) => Promise<unknown>): Promise<number> {
  const record = new GuardRecord(fileSystem, mkdtempSync(join(root, 'record-')));
  await prepare(record);
  let count = 0;
  const forgetOnce = async (): Promise<void> => {
    count++;
  };
  await takeBackBoot(record, { boot: 'this', loader: async () => ({ forgetOnce }) });
  return count;
}

const armed = (record: GuardRecord, kind: 'boot' | 'switch', boot: string): Promise<void> =>
  record.arm({ to, kind, deadline: 0, boot, seconds: 60 });

test('a boot that was ordered in this boot and did not come is taken back', async () => {
  const ordered = async (record: GuardRecord): Promise<void> => {
    await armed(record, 'boot', 'this');
    await record.bootOrdered();
  };
  assert.equal(await forgotten(ordered), 1);
});

test('what the loader was not told, has begun, guards a switch or is settled leaves it alone', async () => {
  assert.equal(await forgotten((record) => armed(record, 'boot', 'this')), 0, 'not told');
  const others: [string, 'boot' | 'switch', string][] = [
    ['it came', 'boot', 'the one before'],
    ['no boot', 'switch', 'this'],
  ];
  for (const [what, kind, boot] of others) {
    const made = async (record: GuardRecord): Promise<void> => {
      await armed(record, kind, boot);
      await record.bootOrdered();
    };
    assert.equal(await forgotten(made), 0, what);
  }
  const settled = async (record: GuardRecord): Promise<void> => {
    await armed(record, 'boot', 'this');
    await record.bootOrdered();
    await record.settle('armed', 'released');
  };
  assert.equal(await forgotten(settled), 0, 'settled');
});
