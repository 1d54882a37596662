// An approver's hold: it stops what was not dispatched, whether a head names it yet or not, and whatever a control plane hides.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Lab, onAll, twoWaves } from './harness/lab.ts';
import { writeReleases } from './harness/release-directory.ts';
import { StolenControlPlane } from './harness/stolen-control-plane.ts';
import { stays } from './harness/until.ts';

const intent = twoWaves();
const [first] = intent.channels.stable?.waves ?? [];
// Long enough for a hold to be seen before the next wave.
if (first) first.soakSeconds = 8;
const lab = await Lab.open({ intent });
after(() => lab[Symbol.asyncDispose]());
const [v1, v2, v3] = await Promise.all(['1', '2', '3'].map((name) => lab.system(name)));
assert.ok(v1 && v2 && v3);
const canary = lab.host('canary');
const web = lab.host('web-1');
/** What a host reads where the control plane does not lead: it has everything. */
const mirror = join(lab.directory, 'mirror');
mkdirSync(mirror);
for (const host of lab.hosts) {
  host.configure((config) => {
    config.mirrors = [{ kind: 'directory', path: mirror }];
    config.mirrorSeconds = 1;
  });
}

test('a hold that no head names yet stops the next wave, and `why` says who and until when', async () => {
  await lab.begin(v1);
  const mark = web.mark;
  await lab.release(v2);
  await canary.until('confirmed', { where: ({ body }) => body.target.closure === v2.closure });
  const { sha256 } = await lab.fleet.hold('stable', { reason: 'incident 7', isNamed: false });
  lab.writeTree();
  await lab.controlPlane.until('held', ({ hosts }) =>
    hosts.some(({ name, withheld }) => name === 'web-1' && withheld[0]?.code === 'hold'),
  );
  await canary.until('converged', { where: ({ body }) => body.target.closure === v2.closure });
  await stays('web-1 waits', () => !web.kinds(mark).includes('fetching'), 2);
  const { sentences, withheld } = await lab.controlPlane.why('web-1');
  assert.match(sentences[0] ?? '', /^An approver holds the channel \(incident 7\), until /);
  assert.ok(withheld[0]?.until);
  assert.deepEqual(lab.fleet.headDocument.holds, []);

  await lab.fleet.resume(sha256, { isNamed: false });
  lab.writeTree();
  await lab.converged();
});

test('a control plane that hides a hold, and goes on giving permission, moves nobody', async () => {
  const thief = new StolenControlPlane(null);
  await canary.stop();
  await canary.start({ between: thief.between });
  const mark = canary.mark;
  await lab.fleet.publish(onAll(v3));
  const withoutHold = new Map(lab.fleet.files);
  const { rolloutId, attempt } = await lab.fleet.target('canary');
  const { sha256 } = await lab.fleet.hold('stable', { reason: 'audit' });
  const { version } = lab.fleet.headDocument;
  writeReleases(mirror, lab.fleet.files);
  await canary.until('release-accepted', { mark, where: ({ body }) => body.head.version === version });
  lab.writeTree(withoutHold);
  thief.go = { rolloutId, wave: 0, attempt, receipts: [] };
  await canary.until('withheld', {
    mark,
    where: ({ body }) => body.withheld?.code === 'hold' && body.withheld.reason === 'audit',
  });
  await stays('it does not fetch', () => !canary.kinds(mark).includes('fetching'), 3);

  await lab.fleet.resume(sha256);
  writeReleases(mirror, lab.fleet.files);
  await canary.until('fetching', { mark, where: ({ body }) => body.target.closure === v3.closure });
  thief.go = null;
  lab.writeTree();
  await lab.converged();
});
