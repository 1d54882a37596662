import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addSeconds, type Instant } from '@nixfleet/contracts';
import type { HistoricRelease } from './historic-release.ts';
import { hostQuestion } from './host-question.ts';
import { MemoryPacket, web } from './memory-packet.test.ts';

const hour = 3600;

test('a host that is measured from the second release on has no gap before it, and one from then on', async () => {
  const packet = await MemoryPacket.create();
  await packet.release('disabled');
  packet.fleet.pass(24 * hour);
  const begun = packet.fleet.now;
  await packet.release('permissive');
  await packet.collect(web, 'permissive');
  packet.fleet.pass(hour);
  await packet.collect(web, 'permissive');
  packet.fleet.pass(10 * hour);
  const to = packet.fleet.now;
  const [found] = (await packet.verify({ hosts: [web] })).hosts;
  assert.deepEqual(found?.asked, [{ from: begun, to }]);
  assert.deepEqual(found?.timeline.gaps, [{ from: addSeconds(begun, hour), to }]);
});

test('it is asked while a release has it; what was before the first release that is here is not known', async () => {
  const packet = await MemoryPacket.create();
  await packet.release('permissive');
  packet.fleet.pass(hour);
  const [first = assert.fail()] = (await packet.verify()).releases;
  const at = (hours: number): Instant => addSeconds(packet.from, hours * hour);
  const { [web]: _, ...others } = first.fleet.hosts;
  const release = (version: number, hours: number, hasHost: boolean): HistoricRelease => ({
    ...first,
    document: { ...first.document, version, createdAt: at(hours) },
    fleet: hasHost ? first.fleet : { ...first.fleet, hosts: others },
  });
  const asked = (...releases: readonly HistoricRelease[]) =>
    hostQuestion(web, { from: at(0), to: at(100) }, { releases, drills: [] }).asked;
  const time = (from: number, to: number) => ({ from: at(from), to: at(to) });
  assert.deepEqual(asked(release(1, 10, true)), [time(10, 100)], 'there was no fleet before');
  assert.deepEqual(asked(release(2, 10, true)), [time(0, 100)], 'there was one');
  assert.deepEqual(asked(release(2, 10, false), release(3, 40, true)), [time(0, 10), time(40, 100)]);
  assert.deepEqual(
    asked(release(2, 120, false), release(3, 130, true)),
    [time(0, 100)],
    'all of the period is before it',
  );
  assert.deepEqual(asked(release(2, -10, false), release(3, 20, true), release(4, 30, true), release(5, 60, false)), [
    time(20, 60),
  ]);
  assert.deepEqual(asked(release(2, -10, true), release(3, 20, false), release(4, 30, true)), [
    time(0, 20),
    time(30, 100),
  ]);
  assert.deepEqual(asked(release(2, -10, true), release(3, 20, true), release(4, 15, true)), [time(0, 100)], 'a clock');
  assert.deepEqual(asked(release(2, -10, false)), [time(0, 100)], 'of a stranger nothing is known');
});
