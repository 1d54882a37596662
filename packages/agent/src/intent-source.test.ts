import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import {
  type EventContent,
  HostName,
  headPath,
  holdPath,
  instantToMs,
  parseSignaturePath,
  releasePath,
  trustPath,
} from '@nixfleet/contracts';
import { createTestFleet, FakeClock, type TestFleet, type TestFleetOptions } from '@nixfleet/testkit';
import { AgentTime } from './agent-time.ts';
import { DocumentCache } from './document-cache.ts';
import type { DocumentSource } from './document-source.ts';
import { fileSystem } from './file-system.ts';
import { Floors } from './floors.ts';
import { intentOf, Permission } from './intent.ts';
import { IntentSource } from './intent-source.ts';
import { TrustWalk } from './trust-walk.ts';

const directories: string[] = [];
after(() => {
  for (const directory of directories) rmSync(directory, { recursive: true });
});
const never = new AbortController().signal;

function sourceOf(files: ReadonlyMap<string, Uint8Array>, name = 'test'): DocumentSource {
  return {
    name,
    refresh: async () => true,
    async get(path, bytesMax) {
      const bytes = files.get(path);
      if (!bytes) return { ok: false, reason: 'missing', detail: path };
      return bytes.length > bytesMax ? { ok: false, reason: 'oversized', detail: path } : { ok: true, bytes };
    },
  };
}

/** An agent's documents in a state directory; opened again, it is what a restart finds. */
async function openDocuments(fleet: TestFleet, { host = 'canary', directory = '', isFloorLost = false } = {}) {
  const at = directory || mkdtempSync(join(tmpdir(), 'nixfleet-documents-'));
  if (!directory) directories.push(at);
  const clock = new FakeClock(fleet.now);
  const { floors, found } = await Floors.open(fileSystem, join(at, 'floors.json'));
  const cache = new DocumentCache(fileSystem, join(at, 'documents'));
  const time = new AgentTime(clock, floors.values.time);
  const trust = await TrustWalk.open({
    ctx: fleet.ctx,
    floors,
    cache,
    shipped: fleet.trustChain[0]?.bytes ?? new Uint8Array(),
  });
  const events: EventContent[] = [];
  const report = (content: EventContent): void => {
    events.push(content);
  };
  const documents = new IntentSource({
    ctx: fleet.ctx,
    host: HostName.parse(host),
    ownKeyId: (await fleet.hostKey('canary')).keyId,
    trust,
    floors,
    cache,
    time,
    report,
    isFloorLost,
  });
  const permission = new Permission(fleet.ctx, { documents, clock, report });
  const refusals = (): string[] =>
    events.flatMap((event) =>
      event.kind === 'document-refused' ? [`${event.body.document}: ${event.body.reason}`] : [],
    );
  return { documents, permission, floors, found, cache, trust, clock, time, events, refusals, directory: at };
}

async function newFleet(options: TestFleetOptions = {}): Promise<TestFleet> {
  const fleet = await createTestFleet(options);
  await fleet.publish();
  return fleet;
}

const facts = { localHold: null, isClockSynchronised: true, secondsSinceContact: 1 };

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

test('a hold named by the head holds; one that is hidden holds every channel; another’s does not', async () => {
  const fleet = await newFleet();
  const { documents, permission, time } = await openDocuments(fleet);
  const brake = (): string | undefined => {
    const found = intentOf(documents, permission, facts, time.now())?.brake;
    return found?.code === 'hold' ? `hold: ${found.reason}` : found?.code;
  };
  await documents.sync(sourceOf(fleet.files), never);
  await fleet.hold('data', { reason: 'not ours' });
  await documents.sync(sourceOf(fleet.files), never);
  assert.equal(brake(), undefined);
  const { sha256 } = await fleet.hold('stable', { reason: 'ticket 42' });
  const hidden = new Map(fleet.files);
  hidden.delete(holdPath(sha256));
  await documents.sync(sourceOf(hidden), never);
  assert.match(brake() ?? '', /cannot be read/);
  await documents.sync(sourceOf(fleet.files), never);
  assert.equal(brake(), 'hold: ticket 42');
});

test('an expired head starts nothing; a wrong or unsynchronised clock starts nothing', async () => {
  const fleet = await newFleet();
  const { documents, permission, clock, time } = await openDocuments(fleet);
  await documents.sync(sourceOf(fleet.files), never);
  const code = (more: Partial<typeof facts> = {}) =>
    intentOf(documents, permission, { ...facts, ...more }, time.now())?.brake?.code;
  assert.equal(code(), undefined);
  assert.equal(code({ isClockSynchronised: false }), 'clock-unsynchronised');
  assert.equal(code({ secondsSinceContact: 61 }), 'control-plane-silent');
  clock.setWall('2026-06-03T08:00:00Z');
  assert.equal(code(), 'head-expired');
  // A clock set back does not bring it back to life: time does not pass backwards over what was verified.
  clock.setWall('2020-01-01T00:00:00Z');
  assert.equal(instantToMs(time.now()), instantToMs(fleet.headDocument.signedAt));
  fleet.now = '2026-06-02T08:00:00Z' as TestFleet['now'];
  await fleet.publish();
  assert.equal(await documents.sync(sourceOf(fleet.files), never), 'refused');
  assert.equal(code(), 'head-from-the-future');
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

test('a go permits only with the receipts of the earlier wave, for the wave and attempt that were signed', async () => {
  const fleet = await createTestFleet();
  const canary = (await fleet.hostKey('canary')).openssh;
  await fleet.publish((next) => {
    // This agent's key is the canary's; it goes second here.
    const { stable } = next.channels;
    assert.ok(stable);
    const [one, two] = stable.waves;
    assert.ok(one && two && next.hosts.canary);
    next.hosts.canary.pubkeys = [canary];
    one.hosts = ['web-1', 'web-2'];
    two.hosts = ['canary'];
  });
  const { documents, permission, refusals, time } = await openDocuments(fleet);
  const source = sourceOf(fleet.files);
  await documents.sync(source, never);
  const { rolloutId, wave, attempt } = await fleet.target('canary');
  assert.equal(wave, 1);
  const hasGo = (): boolean | undefined => intentOf(documents, permission, facts, time.now())?.hasGo;
  const one = await fleet.receipt('web-1');
  const two = await fleet.receipt('web-2');
  await permission.set({ rolloutId, wave, attempt, receipts: [one] }, source, never);
  assert.equal(hasGo(), false);
  await permission.set({ rolloutId, wave: 0, attempt, receipts: [] }, source, never);
  await permission.set({ rolloutId, wave, attempt: attempt + 1, receipts: [one, two] }, source, never);
  assert.equal(hasGo(), false);
  assert.deepEqual(refusals(), ['go: receipts-missing', 'go: wrong-wave', 'go: wrong-version']);
  await permission.set({ rolloutId, wave, attempt, receipts: [one, two] }, source, never);
  assert.equal(hasGo(), true);
  await permission.set(null, source, never);
  assert.equal(hasGo(), false);
});

test('an earlier rollout may finish, but a host never goes back to one', async () => {
  const fleet = await newFleet();
  const old = await fleet.target('canary');
  await fleet.publish((next) => {
    if (next.hosts.canary) next.hosts.canary.closure = 2;
  });
  const { documents, permission, floors, refusals, time } = await openDocuments(fleet);
  const source = sourceOf(fleet.files);
  await documents.sync(source, never);
  const go = { rolloutId: old.rolloutId, wave: old.wave, attempt: old.attempt, receipts: [] };
  await permission.set(go, source, never);
  const intent = intentOf(documents, permission, facts, time.now());
  assert.equal(intent?.target.closure, old.closure);
  await permission.set(null, source, never);
  await floors.accept(old.channel, 2);
  await permission.set(go, source, never);
  assert.ok(refusals().includes('rollout: superseded'), refusals().join());
  assert.equal(intentOf(documents, permission, facts, time.now())?.hasGo, false);
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

test('timed starts need signed times, silence and a local confirmation, and respect holds', async () => {
  const timed = async (by: 'local' | 'control-plane', silence: number | null) => {
    const fleet = await createTestFleet();
    await fleet.publish((next) => {
      const { stable } = next.channels;
      assert.ok(stable);
      stable.policy.withoutControlPlane = 'timed';
      stable.policy.confirm.by = by;
    });
    const { documents, permission, time } = await openDocuments(fleet);
    assert.equal(await documents.sync(sourceOf(fleet.files), never), 'updated');
    for (const wave of documents.view?.manifest?.document.waves ?? []) Object.assign(wave, { notBefore: fleet.now });
    const localHold = { until: '2999-01-01T00:00:00Z' as never, reason: 'no' };
    const intent = intentOf(documents, permission, { ...facts, secondsSinceContact: silence }, time.now());
    const held = intentOf(documents, permission, { ...facts, secondsSinceContact: silence, localHold }, time.now());
    assert.equal(held?.brake?.code, 'local-hold');
    return intent;
  };
  assert.equal((await timed('local', null))?.hasGo, true);
  assert.equal((await timed('local', null))?.brake, null);
  assert.equal((await timed('local', 1))?.hasGo, false);
  assert.equal((await timed('control-plane', null))?.hasGo, false);
});
