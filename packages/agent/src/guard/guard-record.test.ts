import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, test } from 'node:test';
import { StorePath } from '@nixfleet/contracts';
import { fileSystem } from '../file-system.ts';
import { lostActivation } from '../lost-activation.ts';
import { type GuardFacts, GuardRecord } from './guard-record.ts';

const to = StorePath.parse(`/nix/store/${'a'.repeat(32)}-nixos-system-one`);
const target = StorePath.parse(`/nix/store/${'b'.repeat(32)}-nixos-system-two`);
const facts: GuardFacts = { to, kind: 'switch', deadline: 4200, boot: 'one', seconds: 120 };
const start = { target, failedBefore: ['backup.service'], onFailedUnits: 'new' as const };

const root = mkdtempSync(join(tmpdir(), 'nixfleet-guard-'));
after(() => rmSync(root, { recursive: true }));
let record: GuardRecord;
beforeEach(() => {
  record = new GuardRecord(fileSystem, mkdtempSync(join(root, 'record-')));
});
const damage = (name: string, bytes: string): void => writeFileSync(join(record.directory, name), bytes);
const damages = ['', '{', '\0'.repeat(200), 'to=/tmp/x\n', `{"a":"${'x'.repeat(300 * 1024)}"}`];

test('what is written down is read back, and is in one state', async () => {
  assert.equal(await record.state(), null);
  await record.arm(facts);
  await record.begin(start);
  await record.writeOutcome(lostActivation('the power'));
  assert.deepEqual(await record.state(), { name: 'armed', facts });
  assert.deepEqual(await record.switchStart(), start);
  assert.deepEqual(await record.outcome(), lostActivation('the power'));
  assert.equal(await record.settle('armed', 'disarmed'), true);
  assert.equal(await record.settle('armed', 'fired'), false, 'one wins');
  assert.deepEqual(await record.state(), { name: 'disarmed', facts });
});

test('a damaged file says as little as none, so that an agent that reads it starts', async () => {
  for (const bytes of damages) {
    for (const name of ['armed', 'switch.json', 'outcome.json']) damage(name, bytes);
    assert.equal(await record.state(), null, 'it does not guard');
    assert.equal(await record.switchStart(), null);
    assert.equal(await record.outcome(), null);
  }
});

test('over a damaged one the revert is written down, and is what counts', async () => {
  for (const name of ['armed', 'fired']) {
    damage(name, '\0\0');
    await record.arm(facts);
    await record.settle('armed', 'reverting');
    assert.deepEqual(await record.state(), { name: 'reverting', facts });
  }
});
