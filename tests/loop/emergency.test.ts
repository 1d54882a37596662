// An emergency passes freezes with as many approvers as trust demands, and never a hold.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { addSeconds, type Withheld } from '@nixfleet/contracts';
import { Lab, onAll } from './harness/lab.ts';
import { stays } from './harness/until.ts';

const lab = await Lab.open();
after(() => lab[Symbol.asyncDispose]());
const [v1, v2, v3] = await Promise.all(['1', '2', '3'].map((name) => lab.system(name)));
assert.ok(v1 && v2 && v3);
const canary = lab.host('canary');
const shown = async (): Promise<readonly Withheld[]> => (await lab.controlPlane.why('canary')).withheld;

test('a freeze holds a release, and an emergency that one of two approvers signed', async () => {
  await lab.begin(v1);
  const mark = canary.mark;
  const until = addSeconds(lab.fleet.now, 7200);
  await lab.publish((next) => {
    onAll(v2)(next);
    const { stable } = next.channels;
    if (stable) stable.freezes = [{ from: addSeconds(lab.fleet.now, -3600), to: until, reason: 'audit week' }];
  });
  assert.deepEqual(await shown(), [{ code: 'freeze', until, reason: 'audit week' }]);
  await lab.fleet.publish(
    (next) => {
      next.emergency = { reason: 'CVE-2026-1234', expiresAt: addSeconds(lab.fleet.now, 3600) };
    },
    { approvedBy: ['alice'] },
  );
  lab.writeTree();
  await lab.untilRead();
  await stays('frozen', async () => (await shown())[0]?.code === 'freeze', 2);
  assert.ok(!canary.kinds(mark).includes('fetching'));
});

test('with both approvers it passes the freeze on both sides', async () => {
  await lab.fleet.publish(() => {}, { approvedBy: ['alice', 'bob'] });
  lab.writeTree();
  await lab.converged();
  assert.equal(canary.running, v2.closure);
});

test('a hold stops an approved emergency', async () => {
  const mark = canary.mark;
  const { sha256 } = await lab.fleet.hold('stable', { reason: 'incident 7' });
  await lab.fleet.publish(onAll(v3), { approvedBy: ['alice', 'bob'] });
  lab.writeTree();
  await lab.untilRead();
  await canary.until('withheld', { mark, where: ({ body }) => body.withheld?.code === 'hold' });
  assert.equal((await shown())[0]?.code, 'hold');
  assert.ok(!canary.kinds(mark).includes('fetching'));
  await lab.fleet.resume(sha256);
  lab.writeTree();
  await lab.converged();
  assert.equal(canary.running, v3.closure);
});
