import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  headPath,
  journalStart,
  lookup,
  pinTrust,
  trustPath,
  verifyEvents,
  verifyHead,
  verifyRelease,
  walkTrust,
} from '@nixfleet/contracts';
import { accepted } from './accepted.ts';
import { readSigned } from './release-files.ts';
import { createTestFleet } from './test-fleet.ts';

test('the published tree alone leads from trust to every manifest', async () => {
  const fleet = await createTestFleet();
  await fleet.nextTrust((draft) => void draft.roles.release.signers.reverse());
  await fleet.publish();
  const { ctx, files, now } = fleet;
  const current = accepted(await pinTrust(ctx, readSigned(files, trustPath(1)).bytes));
  const trust = accepted(await walkTrust(ctx, { current, next: [readSigned(files, trustPath(2))] }));
  const head = accepted(await verifyHead(ctx, { trust, signed: readSigned(files, headPath), floor: null, now }));
  const signed = readSigned(files, `release/${head.document.release.sha256}.json`);
  const release = accepted(await verifyRelease(ctx, { trust, head, signed, floor: null, now }));
  assert.deepEqual(Object.keys(release.document.channels).sort(), ['data', 'stable']);
  assert.deepEqual([...(await fleet.verified()).manifests.keys()], ['stable', 'data']);
  const kinds = [...files.keys()].map((path) => path.replace(/[0-9a-f]{64}/g, '<hash>')).sort();
  assert.deepEqual(kinds, [
    'fleet/<hash>.json',
    'head.json',
    'head.json.<hash>.sig',
    'release/<hash>.json',
    'release/<hash>.json.<hash>.sig',
    'rollouts/<hash>.json',
    'rollouts/<hash>.json',
    ...[1, 2].flatMap((n) => [`trust/${n}.json`, ...Array(3).fill(`trust/${n}.json.<hash>.sig`)]),
  ]);
});

test('two fleets made alike are the same bytes', async () => {
  const [one, other] = [await createTestFleet(), await createTestFleet()];
  await one.publish();
  await other.publish();
  assert.deepEqual(one.files, other.files);
});

test('a new head and a new release keep what did not change', async () => {
  const fleet = await createTestFleet();
  const first = await fleet.publish();
  fleet.pass(3600);
  await fleet.signHead();
  assert.equal(fleet.headDocument.version, 2);
  assert.equal(fleet.headDocument.release.version, 1);
  const second = await fleet.publish((next) => {
    if (next.hosts.db) next.hosts.db.closure = 2;
  });
  assert.equal(second.manifests.get('stable'), first.manifests.get('stable'));
  const before = first.manifests.get('data');
  const after = second.manifests.get('data');
  assert.notEqual(after?.rolloutId, before?.rolloutId);
  assert.equal(after?.document.introducedIn, 2);
  assert.deepEqual(lookup(second.document.channels, 'data')?.mayFinish, [before?.rolloutId]);
});

test('a journal is one that the verifier takes', async () => {
  const fleet = await createTestFleet();
  await fleet.publish();
  await fleet.receipt('canary');
  await fleet.receipt('canary');
  const { host, journal, events, position } = await fleet.journal('canary');
  const keys = (await fleet.verified()).fleet.hostKeys('canary');
  const after = { journal, seq: 0, sha256: journalStart };
  const verified = await verifyEvents(fleet.ctx, { host, keys, journal, after, events, signatures: 'every' });
  assert.deepEqual(accepted(verified).position, position);
});
