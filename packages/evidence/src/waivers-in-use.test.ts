import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addSeconds } from '@nixfleet/contracts';
import { testWaiver } from '@nixfleet/testkit';
import { staticLab, web } from './static-lab.test.ts';
import { endingWaivers, waiversInUse } from './waivers-in-use.ts';

const day = 86_400;

test('a waiver that a report rests on is warned of 30, 14 and 7 days ahead, and after its end', async () => {
  const { fleet, gate } = await staticLab();
  const { document: waiver } = await testWaiver(fleet);
  const idle = { ...waiver, id: 'W-2026-0002' as typeof waiver.id, ruleId: 'AC-02' as typeof waiver.ruleId };
  const { report } = await gate({ waivers: [waiver, idle] }, ['AC-01']);
  const inUse = waiversInUse(report, [waiver, idle]);
  assert.deepEqual(inUse, [{ waiver, hosts: [web], isEnforced: true }], 'the other one covers nothing that fails');
  const told = (seconds: number) =>
    endingWaivers(inUse, addSeconds(waiver.expiresAt, -seconds)).map(({ withinDays, daysLeft }) => [
      withinDays,
      daysLeft,
    ]);
  assert.deepEqual(told(30 * day + 1), []);
  assert.deepEqual(told(30 * day), [[30, 30]]);
  assert.deepEqual(told(14 * day + 1), [[30, 14]]);
  assert.deepEqual(told(14 * day), [[14, 14]]);
  assert.deepEqual(told(7 * day), [[7, 7]]);
  assert.deepEqual(told(3 * day), [[7, 3]]);
  assert.deepEqual(told(1), [[7, 0]]);
  assert.deepEqual(told(0), [[7, -1]]);
  assert.deepEqual(told(-1), [[7, -1]]);
});

test('a mode rests on its waiver too; under permissive nothing is stopped', async () => {
  const lab = await staticLab();
  const { document: waiver } = await testWaiver(lab.fleet);
  const weaker = { path: 'x', mode: 'permissive', wider: 'enforce', waiver: waiver.id, control: null } as const;
  const hosts = await lab.everywhere((name) => lab.evaluated(name));
  hosts.set(web, { ...(await lab.evaluated(web)), weakened: [weaker] });
  const { report } = await lab.gate({ hosts, waivers: [waiver] });
  assert.deepEqual(waiversInUse(report, [waiver]), [{ waiver, hosts: [web], isEnforced: true }]);
  const permissive = await staticLab('permissive');
  const { report: warned } = await permissive.gate({ waivers: [waiver] }, ['AC-01']);
  assert.deepEqual(waiversInUse(warned, [waiver]), [{ waiver, hosts: [web], isEnforced: false }]);
});
