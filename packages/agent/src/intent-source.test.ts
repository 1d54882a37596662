import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { headPath, parseSignaturePath, releasePath, trustPath } from '@nixfleet/contracts';
import { createTestFleet } from '@nixfleet/testkit';
import type { DocumentSource } from './document-source.ts';
import { intentOf } from './intent.ts';
import { facts, never, newFleet, openDocuments, sourceOf } from './opened-documents.test.ts';
import { TrustWalk } from './trust-walk.ts';

test('from the shipped trust to this host’s entry, and again from its own copies after a restart', async () => {
  const fleet = await newFleet();
  const first = await openDocuments(fleet);
  assert.equal(await first.documents.sync(sourceOf(fleet.files), never), 'updated');
  const target = await fleet.target('canary');
  const intent = intentOf(first.documents, first.permission, facts, first.time.now());
  assert.equal(intent?.target.closure, target.closure);
  assert.equal(intent?.hasGo, false);
  assert.equal(intent?.brake, null);
  assert.equal(await first.documents.sync(sourceOf(fleet.files), never), 'unchanged');
  assert.deepEqual(
    first.events.map(({ kind }) => kind),
    ['release-accepted'],
  );

  const again = await openDocuments(fleet, { directory: first.directory });
  assert.equal(again.found, 'intact');
  assert.equal(await again.documents.sync(again.cache.source, never), 'updated');
  assert.equal(again.documents.view?.entry?.closure, target.closure);
  assert.deepEqual(again.events, [], 'nothing new to tell');
});

test('an older head is refused once, whoever serves it, and the newer one stays', async () => {
  const fleet = await newFleet();
  const old = new Map(fleet.files);
  const { documents, floors, refusals } = await openDocuments(fleet);
  await fleet.publish((next) => {
    if (next.hosts.canary) next.hosts.canary.closure = 2;
  });
  assert.equal(await documents.sync(sourceOf(fleet.files), never), 'updated');
  for (let i = 0; i < 3; i++) assert.equal(await documents.sync(sourceOf(old), never), 'refused');
  assert.deepEqual(refusals(), ['head: rolled-back']);
  assert.equal(documents.view?.release.document.version, 2);
  assert.equal(floors.values.release?.version, 2);
});

test('a stolen head key that names an old release moves neither floor', async () => {
  const fleet = await newFleet();
  const oldRelease = { ...fleet.headDocument.release };
  await fleet.publish();
  const { documents, floors, refusals } = await openDocuments(fleet);
  assert.equal(await documents.sync(sourceOf(fleet.files), never), 'updated');
  const before = floors.values;
  await fleet.signHead((draft) => {
    draft.version = 1_000_000;
    draft.release = oldRelease;
  });
  assert.equal(await documents.sync(sourceOf(fleet.files), never), 'refused');
  assert.deepEqual(refusals(), ['release: rolled-back']);
  assert.deepEqual(floors.values, before, 'the head that burns version numbers is not remembered');
});

test('every altered document is refused by name, and an altered copy of our own is fetched again', async () => {
  const fleet = await newFleet();
  const { rolloutId } = await fleet.target('canary');
  const alter = (path: string): Map<string, Uint8Array> => {
    const files = new Map(fleet.files);
    const bytes = Uint8Array.from(files.get(path) ?? []);
    bytes[bytes.length - 10] = (bytes[bytes.length - 10] ?? 0) ^ 1;
    return files.set(path, bytes);
  };
  const release = releasePath(fleet.headDocument.release.sha256);
  const expected: [string, RegExp][] = [
    [headPath, /^head: /],
    [release, /^release: hash-mismatch$/],
    [`fleet/${fleet.current.document.resolvedFleet.sha256}.json`, /^fleet: hash-mismatch$/],
    [`rollouts/${rolloutId}.json`, /^rollout: hash-mismatch$/],
  ];
  for (const [path, reason] of expected) {
    const { documents, refusals } = await openDocuments(fleet);
    assert.equal(await documents.sync(sourceOf(alter(path)), never), 'refused', path);
    assert.match(refusals().join(), reason);
    assert.equal(documents.view, null);
    assert.equal(await documents.sync(sourceOf(fleet.files), never), 'updated', `${path}, the honest source after it`);
  }
  const unsigned = new Map([...fleet.files].filter(([path]) => parseSignaturePath(path)?.path !== release));
  const { documents, refusals, directory } = await openDocuments(fleet);
  assert.equal(await documents.sync(sourceOf(unsigned), never), 'refused');
  assert.deepEqual(refusals(), ['release: too-few-signers']);
  assert.equal(await documents.sync(sourceOf(fleet.files), never), 'updated');
  writeFileSync(join(directory, 'documents/rollouts', `${rolloutId}.json`), '{}');
  const again = await openDocuments(fleet, { directory });
  assert.equal(await again.documents.sync(sourceOf(fleet.files), never), 'updated');
});

test('trust is walked first, at once, and kept across a restart with the old one shipped', async () => {
  const fleet = await newFleet();
  const first = await openDocuments(fleet);
  await first.documents.sync(sourceOf(fleet.files), never);
  await fleet.nextTrust((draft) => {
    draft.roles.release.signers = draft.roles.release.signers.filter((name) => name !== 'ci');
  });
  assert.equal(await first.documents.sync(sourceOf(fleet.files), never), 'refused');
  assert.deepEqual(first.refusals(), ['release: too-few-signers'], 'its signer is revoked');
  assert.deepEqual(first.events.filter(({ kind }) => kind === 'trust-accepted').length, 1);
  const intent = intentOf(first.documents, first.permission, facts, first.time.now());
  assert.equal(intent?.brake?.refusal, 'trust-behind', 'what a revoked key signed starts nothing any more');
  await fleet.publish(() => {}, { signedBy: ['ci-spare'] });
  assert.equal(await first.documents.sync(sourceOf(fleet.files), never), 'updated');
  const again = await openDocuments(fleet, { directory: first.directory });
  assert.equal(again.trust.current.document.version, 2);

  rmSync(join(first.directory, 'documents', trustPath(2)));
  const lost = await openDocuments(fleet, { directory: first.directory });
  assert.equal(lost.trust.current.document.version, 1);
  const withoutTwo = new Map([...fleet.files].filter(([path]) => !path.startsWith(trustPath(2))));
  assert.equal(await lost.documents.sync(sourceOf(withoutTwo), never), 'refused');
  assert.deepEqual(lost.refusals(), ['head: trust-behind'], 'nothing is believed under an older trust');
  assert.equal(await lost.documents.sync(sourceOf(fleet.files), never), 'updated');
});

test('a forged next trust document is refused and changes nothing', async () => {
  const fleet = await newFleet();
  const { documents, trust, refusals } = await openDocuments(fleet);
  await fleet.nextTrust(() => {}, ['root-1', 'ci']);
  await documents.sync(sourceOf(fleet.files), never);
  assert.deepEqual(refusals(), ['trust: too-few-signers']);
  assert.equal(trust.current.document.version, 1);
});

test('with floors lost only a head younger than two hours is accepted', async () => {
  const fleet = await newFleet();
  const { documents, clock, refusals } = await openDocuments(fleet, { isFloorLost: true });
  clock.setWall('2026-06-01T10:00:01Z');
  assert.equal(await documents.sync(sourceOf(fleet.files), never), 'refused');
  assert.deepEqual(refusals(), ['head: floor-lost']);
  clock.setWall('2026-06-01T09:59:59Z');
  assert.equal(await documents.sync(sourceOf(fleet.files), never), 'updated');
  assert.equal(documents.isFloorLost, false);
});

test('a key declared for another host is not this host', async () => {
  const fleet = await newFleet();
  const { documents, refusals } = await openDocuments(fleet, { host: 'web-1' });
  assert.equal(await documents.sync(sourceOf(fleet.files), never), 'refused');
  assert.deepEqual(refusals(), ['fleet: unknown-host']);
});

test('a source that fails half way is unreachable: nothing is refused, nothing changes', async () => {
  const fleet = await newFleet();
  const { documents, refusals } = await openDocuments(fleet);
  const good = sourceOf(fleet.files);
  for (let answers = 0; answers < 30; answers++) {
    let left = answers;
    const flaky: DocumentSource = {
      ...good,
      get: async (path, bytesMax, signal) =>
        left-- > 0 ? good.get(path, bytesMax, signal) : { ok: false, reason: 'unreachable', detail: 'cut' },
    };
    if ((await documents.sync(flaky, never)) !== 'unreachable') break;
    assert.deepEqual(refusals(), []);
  }
  assert.deepEqual(refusals(), []);
  assert.ok(documents.view);
});

test('a newer trust document that a closure ships is walked to, not adopted', async () => {
  const fleet = await newFleet();
  const first = await openDocuments(fleet);
  assert.equal(await first.documents.sync(sourceOf(fleet.files), never), 'updated');
  // Whoever can release can ship any file; only the root role makes a next trust document.
  const shipped = await createTestFleet();
  await shipped.nextTrust(() => {});
  const newest = shipped.trustChain.at(-1)?.bytes ?? new Uint8Array();
  const trust = await TrustWalk.open({ ctx: fleet.ctx, floors: first.floors, cache: first.cache, shipped: newest });
  assert.equal(trust.current.document.version, 1);
  assert.equal(first.floors.values.trust?.version, 1);
});

test('documents bound by hash are read no further than their signed size', async () => {
  const fleet = await newFleet();
  const sizes = new Map<string, number>();
  const { documents } = await openDocuments(fleet);
  const whole = sourceOf(fleet.files);
  const source: DocumentSource = {
    ...whole,
    get: (path, bytesMax, signal) => {
      sizes.set(path, bytesMax);
      return whole.get(path, bytesMax, signal);
    },
  };
  assert.equal(await documents.sync(source, never), 'updated');
  for (const [path, bytesMax] of sizes) {
    const isBound = /^(release|fleet|rollouts)\/[0-9a-f]{64}\.json$/.test(path);
    if (isBound) assert.equal(bytesMax, fleet.files.get(path)?.length, path);
  }
  assert.ok(sizes.size > 4);
});
