import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type ComplianceCatalogue, utf8 } from '@nixfleet/contracts';
import { testCatalogue, testRule } from '@nixfleet/testkit';
import { coverageOf } from './coverage.ts';
import type { PacketFindings } from './findings.ts';
import { db, MemoryPacket, web } from './memory-packet.test.ts';
import { renderPacketReport } from './report-html.ts';

/** Two measured rules, one of which may be out of place; one of the configuration, one of a person. */
function catalogueOf(host: string): ComplianceCatalogue {
  const point = (article: string) => ({ articles: { 'anssi-bp028': [article] } });
  const control = (controlId: string, type: string, rules: readonly object[]) => ({
    ...{ controlId, type, title: controlId, purpose: 'For tests.', schema: 'test/v1', mode: 'enforce', rules },
    articles: { 'anssi-bp028': ['R1', 'R7', 'R8', 'R9', 'R10'] },
  });
  return testCatalogue(host, [
    control('asset-inventory', 'static', [testRule('AI-01', { probe: null, ...point('R9') })]),
    control('baseline-hardening', 'both', [
      testRule('BH-01', { hasStatic: false, ...point('R7') }),
      testRule('BH-02', point('R8')),
      testRule('BH-03', { via: 'override', ...point('R10') }),
    ]),
    control('platform', 'attested', [
      testRule('PL-01', { probe: null, hasStatic: false, isAttested: true, ...point('R1') }),
    ]),
  ]);
}

const covered = (found: PacketFindings) =>
  Object.fromEntries(coverageOf(found).map(({ article, state, decision }) => [article, [state, decision]]));

const outOfPlace = (id: string) => {
  const stdout = utf8(JSON.stringify({ notApplicable: 'in a container', detail: 'nothing to see' }));
  const run = (output: Uint8Array) => ({ exitCode: 0, durationMs: 1, stdout: output });
  const good = run(utf8(JSON.stringify({ violationCount: 0 })));
  return new Map(['BH-01', 'BH-02'].map((rule) => [rule, rule === id ? run(stdout) : good]));
};

describe('coverage', () => {
  test('a rule that does not apply is not measured because another of its control is', async () => {
    const packet = await MemoryPacket.create(catalogueOf);
    await packet.release('permissive');
    await packet.collect(web, 'permissive', { change: { runs: outOfPlace('BH-01') } });
    packet.fleet.pass(3600);
    const found = await packet.verify({ hosts: [web] });
    assert.deepEqual(found.breaks, []);
    assert.deepEqual(covered(found), {
      R1: ['not-covered', null],
      R7: ['not-covered', null],
      R8: ['measured', 'pass'],
      R9: ['declared', 'pass'],
      R10: ['not-covered', 'fail'],
    });
    const html = renderPacketReport(found);
    assert.ok(!html.includes('<td>attested</td>') && !html.includes('<b>attested</b>'), 'nobody stated anything');
    assert.match(html, /nobody’s statement/);
  });

  test('where a probe is out of place, the configuration is declared', async () => {
    const packet = await MemoryPacket.create(catalogueOf);
    await packet.release('permissive', { 'web-1': ['BH-02'] });
    await packet.collect(web, 'permissive', { change: { runs: outOfPlace('BH-02') } });
    packet.fleet.pass(3600);
    const { R7, R8 } = covered(await packet.verify({ hosts: [web] }));
    assert.deepEqual(
      [R7, R8],
      [
        ['measured', 'pass'],
        ['declared', 'fail'],
      ],
    );
  });

  test('what a newer release declares counts, and a failure of the configuration beside a pass on the host', async () => {
    const packet = await MemoryPacket.create(catalogueOf);
    await packet.release('permissive');
    await packet.collect(web, 'permissive');
    packet.fleet.pass(3600);
    await packet.release('permissive', { 'web-1': ['AI-01', 'BH-02'] });
    packet.fleet.pass(3600);
    const { R8, R9 } = covered(await packet.verify({ hosts: [web] }));
    assert.deepEqual(
      [R8, R9],
      [
        ['measured', 'fail'],
        ['declared', 'fail'],
      ],
    );
  });
});

describe('failures of configurations', () => {
  /** One release under which every host collects and passes. */
  async function packetOf(...args: Parameters<MemoryPacket['release']>): Promise<MemoryPacket> {
    const packet = await MemoryPacket.create();
    await packet.release(...args);
    for (const host of [web, db]) await packet.collect(host, args[0]);
    packet.fleet.pass(3600);
    return packet;
  }
  const assetWaiver = { controlId: 'asset-inventory', ruleId: 'AI-01' };

  test('one that no waiver covers is a failure, and is shown with its host', async () => {
    const packet = await packetOf('permissive', { 'web-1': ['AI-01'] });
    const found = await packet.verify();
    assert.deepEqual(found.breaks, []);
    assert.equal(found.hasFailures, true);
    const row = '<td>1</td><td>asset-inventory AI-01</td><td>permissive</td><td>fail</td><td>fail</td>';
    assert.ok(renderPacketReport(found).includes(row));
    const other = await packet.verify({ hosts: [db] });
    assert.equal(other.hasFailures, false, 'it is not of a host that the packet is about');
    assert.ok(!renderPacketReport(other).includes('asset-inventory AI-01'));
  });

  test('a waiver that covers one is not called unneeded, and one that covers none is', async () => {
    const packet = await packetOf('enforce', { 'web-1': ['AI-01'] }, assetWaiver);
    const found = await packet.verify();
    assert.deepEqual(found.breaks, []);
    assert.equal(found.hasFailures, false);
    const html = renderPacketReport(found);
    assert.ok(html.includes('<td>web-1 (declared)</td>'));
    assert.ok(html.includes('<td>waived</td><td>W-2026-0001</td>'));
    assert.ok(renderPacketReport(await packet.verify({ hosts: [db] })).includes('<td>no failure of these hosts</td>'));
    const both = await MemoryPacket.create();
    await both.release('enforce', { 'web-1': ['AC-01'] }, {});
    await both.collect(web, 'enforce', { failing: ['AC-01'] });
    both.fleet.pass(3600);
    assert.ok(renderPacketReport(await both.verify({ hosts: [web] })).includes('<td>web-1 (measured, declared)</td>'));
  });

  test('only releases of the period count, and those that hosts collected under', async () => {
    const packet = await packetOf('permissive', { 'web-1': ['AI-01'] });
    packet.fleet.pass(3600);
    await packet.release('permissive');
    const mended = packet.fleet.now;
    await packet.collect(db, 'permissive');
    packet.fleet.pass(3600);
    await packet.release('permissive', { 'web-1': ['AI-01'] });
    const failing = async (period: Parameters<MemoryPacket['verify']>[0]) => (await packet.verify(period)).hasFailures;
    assert.equal(await failing({}), true);
    assert.equal(await failing({ from: mended }), false, 'the first was before, and the third comes after');
    packet.fleet.pass(3600);
    assert.equal(await failing({ from: mended }), true);
  });

  test('what is disabled stops nothing and tells nothing; a drill fails on purpose', async () => {
    const packet = await MemoryPacket.create();
    await packet.release('disabled', { 'web-1': ['AI-01'] });
    packet.fleet.pass(3600);
    const found = await packet.verify();
    assert.deepEqual([found.hasFailures, found.incompleteHosts], [false, []]);
    assert.match(renderPacketReport(found), /never in this period, by release 1, the newest that is here/);
    const overridden = (host: string) => {
      const [control] = testCatalogue(host).controls;
      const rules = [testRule('AC-01', { via: 'override', hasStatic: false, probe: null })];
      return testCatalogue(host, [{ ...control, mode: 'disabled', rules }]);
    };
    const off = await MemoryPacket.create(overridden);
    await off.release('permissive');
    off.fleet.pass(3600);
    assert.equal((await off.verify({ hosts: [web] })).hasFailures, false);
    const synthetic = (host: string) => {
      const [control] = testCatalogue(host).controls;
      const rules = [testRule('SY-01', { probe: null, articles: {} })];
      return testCatalogue(host, [{ ...control, controlId: 'synthetic-always-fail', type: 'static', rules }]);
    };
    const drilled = await MemoryPacket.create(synthetic);
    await drilled.release('permissive', { 'web-1': ['SY-01'] });
    await drilled.collect(web, 'permissive');
    drilled.fleet.pass(3600);
    assert.equal((await drilled.verify({ hosts: [web] })).hasFailures, false);
  });
});

test('a host of which nothing was evaluated, though something was to be, fails', async () => {
  const packet = await MemoryPacket.create();
  await packet.release('permissive', { 'web-1': null });
  packet.fleet.pass(3600);
  const found = await packet.verify({ hosts: [web] });
  assert.equal(found.hasFailures, true);
  assert.match(renderPacketReport(found), /Nothing was evaluated, and something was to be, in: 1\./);
});

test('a host without a collection is incomplete in the shortest period; hosts that are left out are told', async () => {
  const packet = await MemoryPacket.create();
  await packet.release('permissive');
  await packet.collect(web, 'permissive');
  packet.fleet.pass(60);
  const found = await packet.verify();
  assert.deepEqual(found.incompleteHosts, [db]);
  assert.ok(renderPacketReport(found).includes(`${packet.from} to ${packet.fleet.now}: nothing was collected`));
  assert.deepEqual(found.leftOut, ['canary', 'web-2']);
  assert.ok(renderPacketReport(found).includes('<td>canary, web-2</td>'));
});
