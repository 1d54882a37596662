import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reportPath } from '@nixfleet/contracts';
import { type TestFleet, testWaiver } from '@nixfleet/testkit';
import { Fixture, the } from '../fixture.test.ts';

/** A release with a waiver; where its register lies. */
async function publishWaiver(fleet: TestFleet): Promise<string> {
  const { signed } = await testWaiver(fleet);
  const waiver = new TextDecoder().decode(signed.bytes);
  const sshSignatures = Object.fromEntries(signed.sshSignatures ?? []);
  const { document } = await fleet.publish((next) => {
    const waivers = [{ waiver, sshSignatures }];
    next.waiverRegister = { type: 'waiver-register', fleet: fleet.name, schemaVersion: 1, waivers };
  });
  return reportPath(the(document.waiverRegister).sha256);
}

test('hosts read the register of waivers here, also after a restart', async () => {
  await using fixture = await Fixture.start();
  const path = await publishWaiver(fixture.fleet);
  await fixture.refresh();
  for (const _ of ['at once', 'from what is stored']) {
    const { status, body } = await fixture.call('canary', { path: `/v1/signed/${path}` });
    assert.equal(status, 200);
    assert.deepEqual(Buffer.from(body as Uint8Array), Buffer.from(the(fixture.fleet.files.get(path))));
    fixture.source.failure = 'host is down';
    await fixture.restart();
  }
});

test('a release whose register is not there, or has other bytes, is refused, and the one before stays', async () => {
  for (const [reason, change] of [
    [/reports\/.*does not have it \(missing\)/, () => null],
    [/\(hash-mismatch\)/, (bytes: Uint8Array) => bytes.map((byte, i) => (i === 20 ? byte ^ 1 : byte))],
  ] as const) {
    await using fixture = await Fixture.start();
    const path = await publishWaiver(fixture.fleet);
    const changed = change(the(fixture.fleet.files.get(path)));
    if (changed === null) fixture.fleet.files.delete(path);
    else fixture.fleet.files.set(path, changed);
    await fixture.refresh();
    const { problems, release } = await fixture.view();
    assert.match(problems.join(), reason);
    assert.equal(release?.version, 1);
  }
});
