import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HostName, reportPath, type StaticReport } from '@nixfleet/contracts';
import { createTestFleet, testStaticReport } from '@nixfleet/testkit';
import { verifyHistoricRelease } from './historic-release.ts';

const web = HostName.parse('web-1');

/** A release whose signers signed this report, whatever it says. */
async function released(change: (report: StaticReport) => unknown) {
  const fleet = await createTestFleet();
  const enforced: Parameters<typeof fleet.publish>[0] = ({ channels }) => {
    for (const { policy } of Object.values(channels)) policy.compliance = { mode: 'enforce', frameworks: ['nis2'] };
  };
  const report = await testStaticReport(fleet, { change: enforced });
  change(report);
  const { release } = await fleet.publish((next) => {
    enforced(next);
    next.staticReport = report;
  });
  const { trust } = await fleet.verified();
  const verify = async (hosts?: ReadonlySet<HostName>) => {
    const read = async (path: string) => fleet.files.get(path) ?? null;
    const question = { signed: release, trust: [trust], read, ...(hosts ? { hosts } : {}) };
    const verified = await verifyHistoricRelease(fleet.ctx, question);
    return verified.ok ? 'verified' : `${verified.reason}: ${verified.detail}`;
  };
  return { fleet, verify, report };
}

test('a signed release is none whose report was hollow, whoever signed it', async () => {
  assert.equal(await (await released(() => {})).verify(), 'verified');
  const hollow = await released((report) => Object.assign(report.hosts[web] ?? {}, { controls: [] }));
  assert.match(await hollow.verify(), /invalid: release 1: .*web-1: control access-control is missing/);
  assert.match(await hollow.verify(new Set([web])), /control access-control is missing/);
});

test('catalogues are needed of the hosts that are asked about', async () => {
  const { fleet, verify, report } = await released(() => {});
  assert.ok(fleet.files.delete(reportPath(report.hosts[web]?.catalogue?.sha256 ?? assert.fail())));
  assert.match(await verify(), /web-1: its catalogue: .* is not there/);
  assert.match(await verify(new Set([web])), /web-1: its catalogue: .* is not there/);
  assert.equal(await verify(new Set([HostName.parse('db')])), 'verified');
});

test('a policy asks for a report', async () => {
  const fleet = await createTestFleet();
  const { release } = await fleet.publish(({ channels }) => {
    Object.assign(channels.stable?.policy ?? {}, { compliance: { mode: 'permissive', frameworks: ['nis2'] } });
  });
  const { trust } = await fleet.verified();
  const read = async (path: string) => fleet.files.get(path) ?? null;
  const found = await verifyHistoricRelease(fleet.ctx, { signed: release, trust: [trust], read });
  assert.ok(!found.ok && found.reason === 'invalid');
  assert.match(found.detail, /channel stable has a compliance policy, and the release no static report/);
});
