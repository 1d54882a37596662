import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import {
  addSeconds,
  ChannelName,
  headPath,
  holdPath,
  Instant,
  pinTrust,
  releasePath,
  resumePath,
  Sha256Hex,
  type Signer,
  sealDocument,
  sha256Hex,
} from '@nixfleet/contracts';
import { accepted, createTestFleet, FakeClock, type TestFleet, testKey } from '@nixfleet/testkit';
import { openDirectoryTree } from './directory-tree.ts';
import { ReleaseError } from './errors.ts';
import type { Floors } from './floors.ts';
import type { ProgressEvent } from './progress.ts';
import { signPending } from './release.ts';
import type { ReleaseTarget } from './release-target.ts';
import { overlayTree, type ReleaseTree, treeOfFiles } from './release-tree.ts';
import { type Publisher, renewHead, signAndPublish } from './sign-and-publish.ts';

/**
 * The branch belongs to somebody who can write to the forge and has no key. `files` is the branch: change it at will.
 * The file tree bounds its reads as a git tree does.
 */
async function hostileBranch(fleet: TestFleet, files: Map<string, Uint8Array>) {
  const start = accepted(await pinTrust(fleet.ctx, fleet.trustChain[0]?.bytes ?? new Uint8Array()));
  let revision = 1;
  const plain = treeOfFiles(files);
  const tree: ReleaseTree = {
    ...plain,
    async read(path, bytesMax) {
      const bytes = await plain.read(path, bytesMax);
      if (bytes && bytes.length > bytesMax) throw new ReleaseError('bad-input', `${path}: more than ${bytesMax} bytes`);
      return bytes;
    },
  };
  const target: ReleaseTarget = {
    name: 'branch',
    snapshot: async () => ({
      tree: overlayTree(tree, { files: new Map(), removed: new Set() }),
      revision: `${revision}`,
    }),
    async publish({ change }) {
      for (const path of change.removed) files.delete(path);
      for (const [path, bytes] of change.files) files.set(path, bytes);
      return { ok: true, value: { revision: `${++revision}` } };
    },
  };
  let floors: Floors | null = null;
  const asked: string[] = [];
  const events: ProgressEvent[] = [];
  const recording = async (label: string): Promise<Signer> => {
    const signer = await testKey(label);
    const sign = (bytes: Uint8Array) => {
      asked.push(label);
      return signer.sign(bytes);
    };
    return { publicKey: signer.publicKey, sign };
  };
  const write = async (next: Floors) => {
    floors = next;
  };
  const publisher = async (releaseBy: readonly string[] = []): Promise<Publisher> => ({
    target,
    start,
    floors: { read: async () => floors, write },
    releaseSigners: await Promise.all(releaseBy.map(recording)),
    headSigners: [await recording('ci-head')],
    clock: new FakeClock(fleet.now),
    progress: { report: (event) => void events.push(event) },
    isFirstUse: true,
  });
  const warnings = () => events.flatMap(({ state, detail }) => (state === 'warning' ? [detail ?? ''] : []));
  return { publisher, asked, events, warnings };
}

/** Release 1 is published; release 2 waits with one signature of two. */
async function pendingRelease() {
  const fleet = await createTestFleet({
    trust: (draft) => {
      draft.roles.release.threshold = 2;
    },
  });
  await fleet.publish(() => {}, { signedBy: ['ci', 'ci-spare'] });
  const files = new Map(fleet.files);
  const { document } = await fleet.publish((next) => {
    const canary = next.hosts.canary;
    if (canary) canary.closure = 2;
  });
  const { sha256, bytes } = await sealDocument(fleet.ctx.crypto, document);
  for (const [path, content] of fleet.files) {
    if (!files.has(path) && !path.startsWith(headPath)) files.set(`pending/${sha256}/${path}`, content);
  }
  return { fleet, files, sha256, bytes, document, branch: await hostileBranch(fleet, files) };
}

describe('pending/, where anybody with write access put something', () => {
  test('other bytes under the hash that a signer names are not signed', async () => {
    const { fleet, files, sha256, document, branch } = await pendingRelease();
    const path = `pending/${sha256}/${releasePath(sha256)}`;
    const forged = await sealDocument(fleet.ctx.crypto, {
      ...document,
      createdAt: Instant.parse('2026-01-01T00:00:00Z'),
    });
    files.set(path, forged.bytes);
    const before = new Map(files);
    const outcome = await signPending(fleet.ctx, await branch.publisher(['ci-spare']), { sha256 });
    assert.equal(outcome.ok ? 'signed' : outcome.reason, 'hash-mismatch');
    assert.deepEqual(branch.asked, [], 'a key was asked');
    assert.deepEqual(files, before);
  });

  test('nor by a caller that skipped the check', async () => {
    const { fleet, files, sha256, branch } = await pendingRelease();
    const trust = accepted(await pinTrust(fleet.ctx, fleet.trustChain[0]?.bytes ?? new Uint8Array()));
    const change = {
      files: new Map([[releasePath(sha256), files.get('trust/1.json') ?? new Uint8Array()]]),
      removed: new Set<string>(),
    };
    const snapshot = { tree: treeOfFiles(files), revision: '1' };
    const publisher = await branch.publisher(['ci']);
    const outcome = await signAndPublish(fleet.ctx, publisher, { snapshot, change, sha256, trust });
    assert.equal(outcome.ok ? 'signed' : outcome.reason, 'hash-mismatch');
    assert.deepEqual(branch.asked, []);
  });

  test('files that the release does not bind are neither published nor kept; wrong bound ones are refused', async () => {
    const { fleet, files, sha256, document, branch } = await pendingRelease();
    const stray = ['release/evil.json', 'fleet/..', 'rollouts/x', 'reports/y.json', `release/${'0'.repeat(64)}.json`];
    for (const name of stray) files.set(`pending/${sha256}/${name}`, new Uint8Array([1]));
    files.set(`pending/${sha256}/trust/2.json`, new Uint8Array([1]));
    const bound = `rollouts/${document.channels[ChannelName.parse('stable')]?.rolloutId}.json`;
    const good = files.get(`pending/${sha256}/${bound}`);
    assert.ok(good);
    files.set(`pending/${sha256}/${bound}`, new Uint8Array([...good, 10]));
    const publisher = await branch.publisher(['ci-spare']);
    const wrong = await signPending(fleet.ctx, publisher, { sha256 });
    assert.equal(wrong.ok ? 'signed' : wrong.reason, 'hash-mismatch');
    assert.deepEqual(branch.asked, []);

    files.set(`pending/${sha256}/${bound}`, good);
    const outcome = accepted(await signPending(fleet.ctx, publisher, { sha256 }));
    assert.equal(outcome.kind, 'published');
    for (const name of stray) assert.equal(files.has(name), false, name);
    assert.equal(files.has('trust/2.json'), false);
    assert.deepEqual(
      [...files.keys()].filter((path) => path.startsWith(`pending/${sha256}/release`)),
      [],
    );
  });

  test('a pending release that was overtaken is refused before a key is asked', async () => {
    const { fleet, files, sha256, branch } = await pendingRelease();
    const waiting = [...files].filter(([path]) => path.startsWith('pending/'));
    accepted(await signPending(fleet.ctx, await branch.publisher(['ci-spare']), { sha256 }));
    for (const [path, bytes] of waiting) files.set(path, bytes);
    branch.asked.length = 0;
    const again = await signPending(fleet.ctx, await branch.publisher(['ci-spare']), { sha256 });
    assert.equal(again.ok ? 'signed' : again.reason, 'wrong-version');
    assert.deepEqual(branch.asked, []);
  });

  test('a release that is not there', async () => {
    const { fleet, branch } = await pendingRelease();
    const sha256 = Sha256Hex.parse('0'.repeat(64));
    const outcome = await signPending(fleet.ctx, await branch.publisher(['ci']), { sha256 });
    assert.equal(outcome.ok ? 'signed' : outcome.reason, 'missing');
  });
});

describe('holds/, where anybody with write access put something', () => {
  const publishedFleet = async () => {
    const fleet = await createTestFleet();
    await fleet.publish();
    const files = new Map(fleet.files);
    return { fleet, files, branch: await hostileBranch(fleet, files) };
  };
  const holdOf = async (fleet: TestFleet, files: Map<string, Uint8Array>, approvedBy?: string[], seconds = 3600) => {
    const { sha256 } = await fleet.hold('stable', { seconds, ...(approvedBy ? { approvedBy } : {}) });
    for (const [path, bytes] of fleet.files) if (path.startsWith(holdPath(sha256))) files.set(path, bytes);
    return sha256;
  };

  test('what no approver signed, is too large, is no document or is misnamed stops no head, and is told', async () => {
    const { fleet, files, branch } = await publishedFleet();
    const good = await holdOf(fleet, files);
    const unsigned = await holdOf(fleet, files, ['a-stranger'], 1800);
    files.set(`holds/${'1'.repeat(64)}.json`, new Uint8Array(1024 * 1024));
    files.set(`holds/${'2'.repeat(64)}.json`, new Uint8Array([1, 2, 3]));
    files.set('holds/README', new Uint8Array([1]));
    const { head } = accepted(await renewHead(fleet.ctx, await branch.publisher()));
    assert.deepEqual(head.document.holds, [good]);
    const told = branch.warnings().join('\n');
    assert.match(told, new RegExp(`holds/${unsigned}\\.json is ignored: too-few-signers`));
    assert.match(told, /holds\/1{64}\.json is ignored: oversized/);
    assert.match(told, /holds\/2{64}\.json is ignored: hash-mismatch/);
    assert.match(told, /holds\/README is ignored/);
  });

  test('neither many nor large signatures of strangers hide the one of an approver', async () => {
    const { fleet, files, branch } = await publishedFleet();
    const sha256 = await holdOf(fleet, files);
    for (let i = 0; i < 70; i++) {
      const keyId = i.toString(16).padStart(64, '0');
      files.set(`${holdPath(sha256)}.${keyId}.sshsig`, new Uint8Array(i === 0 ? 100_000 : 10));
    }
    const { keyId } = await testKey('alice');
    const other = (await testKey('bob')).keyId;
    files.set(`${holdPath(sha256)}.${other}.sshsig`, new Uint8Array(100_000));
    assert.notEqual(keyId, other);
    const { head } = accepted(await renewHead(fleet.ctx, await branch.publisher()));
    assert.deepEqual(head.document.holds, [sha256]);
  });

  test('many bad files make a bounded number of warnings', async () => {
    const { fleet, files, branch } = await publishedFleet();
    for (let i = 0; i < 40; i++) files.set(`holds/${i.toString(16).padStart(64, '0')}.json`, new Uint8Array([i]));
    accepted(await renewHead(fleet.ctx, await branch.publisher()));
    assert.equal(branch.warnings().length, 11);
    assert.equal(branch.warnings().at(-1), 'and 30 more');
  });

  test('one that ended is dropped without a word, and its files go with the head after', async () => {
    const { fleet, files, branch } = await publishedFleet();
    const short = await holdOf(fleet, files, ['alice'], 60);
    const long = await holdOf(fleet, files, ['alice'], 7200);
    accepted(await renewHead(fleet.ctx, await branch.publisher()));
    fleet.now = addSeconds(fleet.now, 600);
    const next = accepted(await renewHead(fleet.ctx, await branch.publisher()));
    assert.deepEqual(next.head.document.holds, [long]);
    assert.deepEqual(branch.warnings(), []);
    assert.ok(files.has(holdPath(short)), 'readers of the last head still look for it');
    accepted(await renewHead(fleet.ctx, await branch.publisher()));
    assert.deepEqual(
      [...files.keys()].filter((path) => path.includes(short)),
      [],
    );
    assert.ok(files.has(holdPath(long)));
  });

  const named = async () => {
    const { fleet, files, branch } = await publishedFleet();
    const hold = await holdOf(fleet, files);
    accepted(await renewHead(fleet.ctx, await branch.publisher()));
    branch.asked.length = 0;
    const outcome = async (): Promise<string> => {
      const head = await renewHead(fleet.ctx, await branch.publisher());
      return head.ok ? head.value.head.document.holds.join() : head.reason;
    };
    return { fleet, files, branch, hold, outcome };
  };
  const endOf = async (fleet: TestFleet, files: Map<string, Uint8Array>, hold: Sha256Hex, approvedBy = ['alice']) => {
    await fleet.resume(hold, { approvedBy });
    for (const [path, bytes] of fleet.files) if (path.startsWith(resumePath(hold))) files.set(path, bytes);
  };

  test('deleting it, its signature or its bytes lifts nothing: no head is signed without it', async () => {
    const { files, branch, hold, outcome } = await named();
    const path = holdPath(hold);
    const kept = [...files].filter(([name]) => name.startsWith(path));
    assert.equal(kept.length, 2);
    for (const [name, bytes] of kept) {
      files.delete(name);
      assert.equal(await outcome(), 'hold-dropped', name);
      files.set(name, new Uint8Array([123, 125]));
      assert.equal(await outcome(), 'hold-dropped', name);
      files.set(name, bytes);
    }
    assert.deepEqual(branch.asked, [], 'a key was asked');
    assert.equal(await outcome(), hold);
  });

  test('an approver ends it, with its file there or gone; nobody else does', async () => {
    for (const isGone of [false, true]) {
      const { fleet, files, hold, outcome } = await named();
      if (isGone) files.delete(holdPath(hold));
      const stays = isGone ? 'hold-dropped' : hold;
      for (const stranger of ['ci-head', 'ci', 'root-1']) {
        await endOf(fleet, files, hold, [stranger]);
        assert.equal(await outcome(), stays, stranger);
      }
      const other = Sha256Hex.parse('3'.repeat(64));
      await fleet.resume(other);
      files.set(resumePath(hold), fleet.files.get(resumePath(other)) ?? new Uint8Array());
      assert.equal(await outcome(), stays, 'the end of another hold under its name');
      await endOf(fleet, files, hold);
      assert.equal(await outcome(), '');
      assert.equal(await outcome(), '', 'and it stays ended');
    }
  });

  test('one whose approver left trust is not dropped by that: another approver ends it, or its own time does', async () => {
    const { fleet, files, hold, outcome } = await named();
    await fleet.nextTrust((draft) => {
      draft.roles.approver.signers = draft.roles.approver.signers.filter((name) => name !== 'alice');
      draft.roles.approver.emergencyThreshold = 1;
    });
    for (const [path, bytes] of fleet.files) if (path.startsWith('trust/')) files.set(path, bytes);
    assert.equal(await outcome(), 'hold-dropped');
    const { now } = fleet;
    fleet.now = addSeconds(now, 3600);
    const atItsEnd = await hostileBranch(fleet, new Map(files));
    const { head } = accepted(await renewHead(fleet.ctx, await atItsEnd.publisher()));
    assert.deepEqual(head.document.holds, [], 'by the bytes that the head vouched for');
    fleet.now = now;
    await endOf(fleet, files, hold, ['alice']);
    assert.equal(await outcome(), 'hold-dropped', 'the one who left');
    await endOf(fleet, files, hold, ['bob']);
    assert.equal(await outcome(), '');
  });
});

test('signatures of strangers do not crowd out those of the release and the head', async () => {
  const fleet = await createTestFleet();
  await fleet.publish();
  const files = new Map(fleet.files);
  const sha256 = await sha256Hex(fleet.ctx.crypto, fleet.releases[0]?.release.bytes ?? new Uint8Array());
  for (const path of [headPath, releasePath(sha256)]) {
    for (let i = 0; i < 70; i++) files.set(`${path}.${i.toString(16).padStart(64, '0')}.sig`, new Uint8Array(64));
  }
  const branch = await hostileBranch(fleet, files);
  accepted(await renewHead(fleet.ctx, await branch.publisher()));
});

test('a folder with a named pipe, a dangling link or an endless file in it is read without hanging', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'nixfleet-hostile-'));
  try {
    execFileSync('mkfifo', [join(directory, 'pipe.json')]);
    await symlink('/dev/zero', join(directory, 'zero.json'));
    await symlink('/proc/self/environ', join(directory, 'sizeless.json'));
    await symlink('nowhere', join(directory, 'dangling.json'));
    const tree = openDirectoryTree(directory);
    for (const name of ['pipe.json', 'zero.json', 'dangling.json']) assert.equal(await tree.read(name, 10), null, name);
    await assert.rejects(tree.read('sizeless.json', 10), { code: 'bad-input' });
  } finally {
    await rm(directory, { recursive: true });
  }
});

test('of two runs with one floors file only one signs a version', async () => {
  const fleet = await createTestFleet();
  await fleet.publish();
  const branch = await hostileBranch(fleet, new Map(fleet.files));
  const publisher = await branch.publisher();
  const { read } = publisher.floors;
  let isFirstRead = true;
  const floors = {
    ...publisher.floors,
    async read() {
      const before = await read();
      if (!isFirstRead) return before;
      isFirstRead = false;
      accepted(await renewHead(fleet.ctx, publisher));
      return before;
    },
  };
  const outcome = await renewHead(fleet.ctx, { ...publisher, floors });
  assert.equal(outcome.ok ? 'signed' : outcome.reason, 'lost-race');
  assert.deepEqual(branch.asked, ['ci-head'], 'the second asked its key too');
});
