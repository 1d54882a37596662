import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addSeconds } from '@nixfleet/contracts';
import { testCatalogue } from '@nixfleet/testkit';
import { MemoryPacket, web } from './memory-packet.test.ts';
import { renderPacketReport } from './report-html.ts';
import { staleWaivers } from './waiver-use.ts';

const day = 86_400;

/** A fleet that collects daily, under a waiver of AC-01 on web-1; `failingOn`: days on which that rule fails. */
async function lived({
  days,
  failingOn = [],
  waiver = {},
  disabledDays = 0,
}: {
  readonly days: number;
  readonly failingOn?: readonly number[];
  readonly waiver?: object;
  /** Days before the first, in which nothing is measured. */
  readonly disabledDays?: number;
}): Promise<MemoryPacket> {
  const packet = await MemoryPacket.create((host) => ({ ...testCatalogue(host), collectIntervalSeconds: day }));
  const expiresAt = addSeconds(packet.fleet.now, 300 * day);
  const terms = { expiresAt, reviewAt: expiresAt, createdAt: packet.from, ...waiver };
  if (disabledDays > 0) await packet.release('disabled', {}, terms);
  packet.fleet.pass(disabledDays * day);
  await packet.release('enforce', {}, terms);
  for (let i = 0; i < days; i++) {
    await packet.collect(web, 'enforce', failingOn.includes(i) ? { failing: ['AC-01'] } : {});
    packet.fleet.pass(day);
    await packet.fleet.signHead();
  }
  return packet;
}

test('a waiver is stale once its rule has passed for thirty days on every host that it is about', async () => {
  const packet = await lived({ days: 33, failingOn: [1] });
  const found = await packet.verify({ hosts: [web] });
  assert.deepEqual(found.breaks, []);
  assert.deepEqual([...staleWaivers(found)], ['W-2026-0001']);
  assert.ok(renderPacketReport(found).includes('stale: its rule has passed for 30 days'));
  const short = await packet.verify({ hosts: [web], from: addSeconds(packet.from, 4 * day) });
  assert.deepEqual([...staleWaivers(short)], [], 'of less time nobody can say so');
});

test('it is not where the rule failed since, or nothing is known of a host, or of some days', async () => {
  const failed = await (await lived({ days: 33, failingOn: [5] })).verify({ hosts: [web] });
  assert.deepEqual([...staleWaivers(failed)], []);
  assert.ok(renderPacketReport(failed).includes('<td>web-1 (measured)</td>'));
  const wide = await lived({ days: 33, waiver: { scope: { hosts: ['db', 'web-1'] } } });
  assert.deepEqual([...staleWaivers(await wide.verify({ hosts: [web] }))], []);
  const silent = await lived({ days: 33 });
  silent.fleet.pass(4 * day);
  assert.deepEqual([...staleWaivers(await silent.verify({ hosts: [web] }))], []);
  const later = await lived({ days: 10, disabledDays: 23 });
  const found = await later.verify({ hosts: [web] });
  assert.deepEqual(found.incompleteHosts, [], 'it was not asked before');
  assert.deepEqual([...staleWaivers(found)], [], 'and has passed for ten days');
});
