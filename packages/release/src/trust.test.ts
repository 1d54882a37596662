import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { type DeclaredKey, pinTrust, type TrustState } from '@nixfleet/contracts';
import { accepted, createTestFleet, type TestFleet, testKey } from '@nixfleet/testkit';
import { publishTrust } from './publish.ts';
import { readTrust } from './read-release.ts';
import type { ReleaseTarget } from './release-target.ts';
import { emptyTree, overlayTree, type ReleaseTree } from './release-tree.ts';
import { showTrust } from './show-trust.ts';
import { initTrust, readPendingTrust, signTrust, type TrustContent, trustChange, updateTrust } from './trust.ts';

/** A target in memory. */
function memoryTarget(): ReleaseTarget {
  let tree: ReleaseTree = emptyTree;
  let revision = 0;
  return {
    name: 'memory',
    snapshot: async () => ({ tree, revision: String(revision) }),
    async publish({ change, expected }) {
      if (expected !== String(revision)) return { ok: false, reason: 'lost-race', detail: '' };
      tree = overlayTree(tree, change);
      return { ok: true, value: { revision: String(++revision) } };
    },
  };
}

describe('trust', () => {
  let fleet: TestFleet;
  let content: TrustContent;
  const keys = (...labels: string[]) => Promise.all(labels.map((label) => testKey(label)));
  const declared = async (label: string): Promise<DeclaredKey> => (await testKey(label)).declared;

  before(async () => {
    fleet = await createTestFleet();
    content = fleet.trustDocument;
  });
  const first = async (...labels: string[]) =>
    accepted(
      await initTrust(fleet.ctx, { fleet: fleet.name, content, now: fleet.now, signers: await keys(...labels) }),
    );
  const pinned = async (): Promise<TrustState> => accepted(await pinTrust(fleet.ctx, (await first()).signed.bytes));

  test('version 1 needs its own root threshold; signatures come one by one', async () => {
    const one = await first('root-1');
    assert.match(one.missing ?? '', /expected 2 distinct signers of the root role of trust 1, got 1 \(root-1\)/);
    const same = accepted(
      await signTrust(fleet.ctx, { signed: one.signed, previous: null, signers: await keys('root-1') }),
    );
    assert.ok(same.missing);
    const two = accepted(
      await signTrust(fleet.ctx, { signed: one.signed, previous: null, signers: await keys('root-2') }),
    );
    assert.equal(two.missing, null);
    assert.deepEqual(
      [...trustChange(two).files.keys()].filter((path) => !path.endsWith('.sig')),
      ['trust/1.json'],
    );
    assert.ok([...trustChange(one).files.keys()].every((path) => path.startsWith('pending/trust/1.json')));
  });

  test('a key outside the root role is told so', async () => {
    const result = await initTrust(fleet.ctx, {
      fleet: fleet.name,
      content,
      now: fleet.now,
      signers: await keys('ci'),
    });
    assert.ok(!result.ok && result.reason === 'not-a-signer');
  });

  test('the next version needs both thresholds: a new root cannot sign itself in, an old one cannot leave alone', async () => {
    const current = await pinned();
    const newRoot = { keys: [await declared('new-root')] };
    const change = (draft: TrustContent) => {
      Object.assign(draft.signers, { 'new-root': newRoot });
      draft.roles.root = { threshold: 2, signers: ['new-root', 'root-3'] as typeof draft.roles.root.signers };
      return draft;
    };
    const update = async (...labels: string[]) =>
      accepted(await updateTrust(fleet.ctx, { current, change, now: fleet.now, signers: await keys(...labels) }));
    assert.match((await update('new-root', 'root-3')).missing ?? '', /root role of trust 1, got 1 \(root-3\)/);
    assert.match((await update('root-1', 'root-2')).missing ?? '', /root role of trust 2, got none/);
    assert.equal((await update('new-root', 'root-3', 'root-1')).missing, null);
  });

  test('through pending/ to the chain, and shown', async () => {
    const target = memoryTarget();
    const start = await pinned();
    const publish = async (proposal: Parameters<typeof publishTrust>[1]['proposal']) =>
      publishTrust(fleet.ctx, { target, snapshot: await target.snapshot(), proposal, start });
    accepted(await publish(await first('root-1', 'root-2')));
    const change = (draft: TrustContent) => ({ ...draft, cacheKeys: [`new-1:${'A'.repeat(43)}=`] });
    const update = { current: start, change, now: fleet.now };
    const pending = accepted(await updateTrust(fleet.ctx, { ...update, signers: await keys('root-1') }));
    accepted(await publish(pending));
    const waiting = await readPendingTrust((await target.snapshot()).tree, 2);
    assert.ok(waiting);
    assert.equal(
      accepted(await readTrust(fleet.ctx, { tree: (await target.snapshot()).tree, start })).newest.document.version,
      1,
    );
    const done = accepted(
      await signTrust(fleet.ctx, { signed: waiting, previous: start, signers: await keys('root-3') }),
    );
    accepted(await publish(done));
    const { tree } = await target.snapshot();
    const { newest, states } = accepted(await readTrust(fleet.ctx, { tree, start }));
    assert.deepEqual(
      states.map(({ document }) => document.version),
      [1, 2],
    );
    assert.equal(await readPendingTrust(tree, 2), null);
    const shown = showTrust(newest);
    assert.equal(shown.version, 2);
    assert.equal(shown.signers.find(({ name }) => name === 'root-1')?.keys[0]?.keyId, (await testKey('root-1')).keyId);
  });

  test('a proposal that would not continue the chain is not published', async () => {
    const target = memoryTarget();
    const start = await pinned();
    const other = await createTestFleet({ now: '2026-07-01T00:00:00Z' });
    const rival = accepted(
      await initTrust(other.ctx, {
        fleet: other.name,
        content: other.trustDocument,
        now: other.now,
        signers: await keys('root-1', 'root-2'),
      }),
    );
    const result = await publishTrust(fleet.ctx, { target, snapshot: await target.snapshot(), proposal: rival, start });
    assert.ok(!result.ok && result.reason === 'equivocation', JSON.stringify(result));
  });

  test('a floor above the chain is a rollback', async () => {
    const start = await pinned();
    const floor = { version: 2, sha256: start.sha256 };
    const result = await readTrust(fleet.ctx, { tree: emptyTree, start, floor });
    assert.ok(!result.ok && result.reason === 'rolled-back');
    const same = await readTrust(fleet.ctx, {
      tree: emptyTree,
      start,
      floor: { version: 1, sha256: '0'.repeat(64) as typeof start.sha256 },
    });
    assert.ok(!same.ok && same.reason === 'equivocation');
  });
});
