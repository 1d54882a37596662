import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import {
  ChannelName,
  type FleetDocument,
  FreezeRule,
  HostName,
  Instant,
  mayFinishMax,
  pinTrust,
  StorePath,
  SystemName,
  type TrustState,
  WindowRule,
} from '@nixfleet/contracts';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import { accepted, createTestFleet, fleetDocumentOf, type TestFleet, testClosure, testKey } from '@nixfleet/testkit';
import { type AssembleInput, type Assembly, assemble } from './assemble.ts';
import { type BuildResult, parseBuildResult } from './build-result.ts';
import { comparePackages, hostChanges } from './host-changes.ts';
import { noFloors, readPublished, readRelease, readTrust, type VerifiedTree } from './read-release.ts';
import { overlayTree, treeOfFiles } from './release-tree.ts';
import { signedFiles } from './sign-document.ts';
import { signHead } from './sign-head.ts';
import { signRelease } from './sign-release.ts';

const now = Instant.parse('2026-06-01T08:00:00Z');
const source = { repository: 'fleet', commit: 'a'.repeat(40) };

/** Builds without Nix: every host of the fleet at a version. */
function buildOf(fleet: FleetDocument, versions: Record<string, number>, commit = source.commit): BuildResult {
  const hosts = Object.fromEntries(
    Object.keys(fleet.hosts).map((host) => [
      host,
      versions[host] === 0
        ? { ok: false, step: 'build', message: 'boom' }
        : { ok: true, packages: [], ...testClosure(host, versions[host] ?? 1) },
    ]),
  );
  const value = { type: 'build-result', schemaVersion: 1, system: 'x86_64-linux', fleet, hosts };
  return parseBuildResult({ ...value, source: { ...source, commit } }, 'test');
}

describe('assemble', () => {
  let test1: TestFleet;
  let trust: TrustState;
  let fleet: FleetDocument;

  before(async () => {
    test1 = await createTestFleet();
    trust = accepted(await pinTrust(test1.ctx, test1.trustChain[0]?.bytes ?? new Uint8Array()));
    for (const [name, host] of Object.entries(test1.intent.hosts))
      host.pubkeys = [(await testKey(`host:${name}`)).openssh];
    test1.intent.operators = {};
    fleet = fleetDocumentOf(test1.name, test1.intent);
  });

  const run = (input: Partial<AssembleInput>) =>
    assemble({ crypto: nodeCrypto, builds: [buildOf(fleet, {})], previous: null, trust, now, ...input });
  const assembled = async (input: Partial<AssembleInput>): Promise<Assembly> => {
    const value = accepted(await run(input));
    assert.ok(value.kind === 'assembled', value.kind);
    return value.assembly;
  };
  /** Signs and reads it back, as if it had been published. */
  const publish = async (assembly: Assembly, before: VerifiedTree | null): Promise<VerifiedTree> => {
    const ctx = test1.ctx;
    const kept = new Map<string, Uint8Array>();
    for (const manifest of [...(before?.manifests.values() ?? []), ...(before?.mayFinish ?? [])]) {
      kept.set(`rollouts/${manifest.rolloutId}.json`, manifest.bytes);
    }
    const signed = accepted(
      await signRelease(ctx, { ...assembly, trust, signers: [await testKey('ci')], now: test1.now }),
    );
    assert.equal(signed.missing, null);
    const base = overlayTree(treeOfFiles(kept), signed.change);
    const head = accepted(
      await signHead(ctx, {
        tree: base,
        start: trust,
        floors: { read: async () => null, write: async () => {} },
        isFirstUse: true,
        signers: [await testKey('ci-head')],
        now,
        release: { version: assembly.release.version, sha256: assembly.sha256, bytes: assembly.bytes.length },
      }),
    );
    const tree = overlayTree(base, head.change);
    const read = accepted(await readRelease(ctx, { tree, trust, floors: noFloors, now }));
    assert.ok(read);
    return read;
  };
  const refused = async (input: Partial<AssembleInput>, reason: string, detail: RegExp) => {
    const result = await run(input);
    assert.ok(!result.ok, 'expected a refusal');
    assert.equal(result.reason, reason);
    assert.match(result.detail, detail);
  };

  test('the same input gives the same bytes', async () => {
    assert.deepEqual((await assembled({})).bytes, (await assembled({})).bytes);
  });

  test('mayFinish is a bounded chain, newest first; `replace` empties it', async () => {
    let previous = await publish(await assembled({}), null);
    const ids: string[] = [];
    for (let n = 2; n < mayFinishMax + 4; n++) {
      ids.unshift(previous.manifests.get('data')?.rolloutId ?? '');
      previous = await publish(await assembled({ builds: [buildOf(fleet, { db: n })], previous }), previous);
      const { data, stable } = previous.release.document.channels as Record<string, { mayFinish: string[] }>;
      assert.deepEqual(data?.mayFinish, ids.slice(0, mayFinishMax));
      assert.deepEqual(stable?.mayFinish, []);
    }
    const replacing = structuredClone(fleet);
    for (const channel of Object.values(replacing.channels)) channel.policy.onNewRelease = 'replace';
    const next = await assembled({ builds: [buildOf(replacing, { db: 99 })], previous });
    for (const channel of Object.values(next.release.channels)) assert.deepEqual(channel.mayFinish, []);
    assert.deepEqual(next.changedChannels, ['data', 'stable']);
  });

  test('attempts: carried over with the closure, from 1 with another, raised by retry', async () => {
    const db = HostName.parse('db');
    const attempt = (of: VerifiedTree) => of.manifests.get('data')?.document.hosts[db]?.attempt;
    const first = await publish(await assembled({}), null);
    const second = await publish(await assembled({ previous: first, retry: [db] }), first);
    assert.equal(attempt(second), 2);
    const third = await publish(await assembled({ previous: second, force: true }), second);
    assert.equal(attempt(third), 2);
    assert.equal(third.manifests.get('data')?.rolloutId, second.manifests.get('data')?.rolloutId);
    const fourth = await publish(await assembled({ previous: third, builds: [buildOf(fleet, { db: 2 })] }), third);
    assert.equal(attempt(fourth), 1);
  });

  test('what makes a channel changed, and what does not', async () => {
    const base = structuredClone(fleet);
    const data = (of: FleetDocument) =>
      Object.entries(of.channels).find(
        ([name]) => name === 'data',
      )?.[1] as FleetDocument['channels'][keyof FleetDocument['channels']];
    const night = (days: readonly string[], timezone = 'Europe/Paris') =>
      WindowRule.parse({ days, starts: ['22:00'], durationMinutes: 240, timezone });
    data(base).windows = [night(['mon', 'thu'])];
    const previous = await publish(await assembled({ builds: [buildOf(base, {})] }), null);
    const changes = async (change: (fleet: FleetDocument) => void, at = now) => {
      const next = structuredClone(base);
      change(next);
      const result = accepted(await run({ previous, builds: [buildOf(next, {}, 'b'.repeat(40))], now: at }));
      return result.kind === 'assembled' ? result.assembly.changedChannels : result.kind;
    };
    assert.deepEqual(await changes(() => {}), 'nothing-to-release');
    assert.deepEqual(await changes((next) => (data(next).description = 'other')), []);
    assert.deepEqual(await changes((next) => (data(next).policy.confirm.timeoutSeconds = 99)), ['data']);
    assert.deepEqual(
      await changes((next) =>
        data(next).waves.push({
          hosts: [],
          soakSeconds: 1,
          promoteWhen: { convergedPercent: 100, receiptsPercent: 100 },
        }),
      ),
      ['data'],
    );
    assert.deepEqual(await changes((next) => (next.channelEdges = [])), ['data']);
    // As time passes windows end, one is cut by now, others become known: the manifest stays, to a day before 340 are over.
    for (const at of ['2026-06-01T22:00:00Z', '2026-06-03T08:00:00Z', '2027-05-06T08:00:00Z']) {
      assert.deepEqual(await changes(() => {}, Instant.parse(at)), 'nothing-to-release', at);
    }
    assert.deepEqual(await changes(() => {}, Instant.parse('2027-05-08T08:00:00Z')), ['data']);
    // Said in another way, the same windows: the fleet is another document, its rollout is not.
    assert.deepEqual(await changes((next) => (data(next).windows = [night(['mon']), night(['thu'])])), []);
    assert.deepEqual(await changes((next) => (data(next).windows = [night(['mon', 'thu', 'fri'])])), ['data']);
    assert.deepEqual(await changes((next) => (data(next).windows = [night(['mon', 'thu'], 'UTC')])), ['data']);
    assert.deepEqual(await changes((next) => (data(next).windows = null)), ['data']);
    // Freezes are read from the release: a new one brakes what runs.
    const freeze = FreezeRule.parse({
      from: '2026-12-23T18:00',
      to: '2027-01-04T08:00',
      timezone: 'Europe/Paris',
      reason: 'end of year',
    });
    const frozen = structuredClone(base);
    data(frozen).freezes = [freeze];
    const next = await assembled({ previous, builds: [buildOf(frozen, {})] });
    assert.deepEqual(next.changedChannels, []);
    assert.deepEqual(
      Object.values(next.release.channels).map(({ freezes }) => freezes),
      [[{ from: '2026-12-23T17:00:00Z', to: '2027-01-04T07:00:00Z', reason: 'end of year' }], []],
    );
    const nowhere = structuredClone(base);
    data(nowhere).windows = [night(['mon'], 'Europe/Nowhere')];
    await refused({ builds: [buildOf(nowhere, {})] }, 'fleet-invalid', /^channels\.data\.windows\[0\]\.timezone: /);
  });

  test('budgets take the smaller of count and percent, never less than one', async () => {
    const next = structuredClone(fleet);
    const hosts = ['canary', 'web-1', 'web-2'].map((name) => HostName.parse(name));
    const budget = (name: string, limit: object) =>
      ({ name, hosts, ...limit }) as FleetDocument['disruptionBudgets'][number];
    next.disruptionBudgets = [
      budget('a', { maxInFlight: 2, maxInFlightPercent: 34 }),
      budget('b', { maxInFlightPercent: 1 }),
      budget('c', { maxInFlight: 2 }),
      budget('d', {}),
    ];
    const read = await publish(await assembled({ builds: [buildOf(next, {})] }), null);
    const limits = read.manifests.get('stable')?.document.budgets.map(({ maxInFlight }) => maxInFlight);
    assert.deepEqual(limits, [1, 1, 2, 3]);
    assert.deepEqual(read.manifests.get('data')?.document.budgets, []);
  });

  test('timed channels get absolute starts', async () => {
    const next = structuredClone(fleet);
    for (const channel of Object.values(next.channels)) channel.policy.withoutControlPlane = 'timed';
    const read = await publish(await assembled({ builds: [buildOf(next, {})] }), null);
    const starts = read.manifests.get('stable')?.document.waves.map(({ notBefore }) => notBefore);
    // 300 s to activate, 120 s to confirm, 60 s to soak.
    assert.deepEqual(starts, ['2026-06-01T08:00:00Z', '2026-06-01T08:08:00Z']);
  });

  test('builds that do not fit together', async () => {
    const build = buildOf(fleet, {});
    await refused({ builds: [] }, 'not-built', /no build results/);
    const some = { ...build, hosts: Object.fromEntries(Object.entries(build.hosts).slice(1)) };
    await refused({ builds: [some] }, 'not-built', /canary \(x86_64-linux\)/);
    await refused({ builds: [build, build] }, 'builds-disagree', /built twice/);
    const empty = { ...build, system: SystemName.parse('aarch64-linux'), hosts: {} };
    await refused(
      { builds: [build, { ...empty, source: buildOf(fleet, {}, 'b'.repeat(40)).source }] },
      'builds-disagree',
      /built from/,
    );
    await refused(
      {
        builds: [
          build,
          {
            ...empty,
            fleet: {
              ...fleet,
              operators: {},
              edges: [{ gated: HostName.parse('web-1'), gates: HostName.parse('canary') }],
            },
          },
        ],
      },
      'builds-disagree',
      /differs/,
    );
    assert.equal((await run({ builds: [build, empty] })).ok, true);
    await refused({ builds: [buildOf(fleet, { db: 0 })] }, 'build-failed', /db \(build: boom\)/);
    await refused({ builds: [buildOf(fleet, { db: 0 })], carryOver: true }, 'nothing-to-carry-over', /db/);
  });

  test('a channel that declares more signers than trust demands is not released', async () => {
    const strict = structuredClone(fleet);
    const [channel] = Object.entries(strict.channels).filter(([name]) => name === 'data');
    assert.ok(channel);
    channel[1].signersMin = 2;
    const builds = [buildOf(strict, {})];
    const detail = /^channel data declares signersMin 2, but trust 1 demands 1: raise it in trust first/;
    await refused({ builds }, 'signers-not-demanded', detail);
    const demanding = structuredClone(trust);
    demanding.document.roles.release.channels = { [ChannelName.parse('data')]: { threshold: 2 } };
    assert.equal((await run({ builds, trust: demanding })).ok, true);
    demanding.document.roles.release.channels = { [ChannelName.parse('stable')]: { threshold: 2 } };
    await refused({ builds, trust: demanding }, 'signers-not-demanded', detail);
    demanding.document.roles.release.threshold = 2;
    assert.equal((await run({ builds, trust: demanding })).ok, true);
  });

  test('a fleet that its readers would refuse is not sealed', async () => {
    const wrong = { ...fleet, fleet: 'Not A Name' } as unknown as FleetDocument;
    assert.throws(() => buildOf(wrong, {}), /not a resolved fleet/);
  });

  test('under replaced signers only the release seen before is a base', async () => {
    const own = await createTestFleet();
    const start = accepted(await pinTrust(own.ctx, own.trustChain[0]?.bytes ?? new Uint8Array()));
    const release = await own.publish();
    await own.nextTrust((draft) => {
      draft.roles.release.signers = ['ci-spare'] as typeof draft.roles.release.signers;
    });
    const tree = treeOfFiles(own.files);
    const chain = accepted(await readTrust(own.ctx, { tree, start }));
    const read = (sha256: string | null) =>
      readPublished(own.ctx, {
        tree,
        chain,
        floors: { trust: null, head: null, release: sha256 === null ? null : ({ version: 1, sha256 } as never) },
        now: own.now,
      });
    const unseen = await read(null);
    assert.ok(!unseen.ok && unseen.reason === 'too-few-signers');
    const other = await read('0'.repeat(64));
    assert.ok(!other.ok);
    const { sha256 } = own.headDocument.release;
    assert.equal(accepted(await read(sha256))?.release.document.version, release.version);
  });

  test('after the head key was replaced, the new one goes on from the old head', async () => {
    const own = await createTestFleet();
    const start = accepted(await pinTrust(own.ctx, own.trustChain[0]?.bytes ?? new Uint8Array()));
    await own.publish();
    await own.nextTrust((draft) => {
      draft.roles.head.signers = ['ci-spare'] as typeof draft.roles.head.signers;
    });
    const floors = { read: async () => null, write: async () => {} };
    const input = { tree: treeOfFiles(own.files), start, floors, isFirstUse: true, now: own.now };
    const old = await signHead(own.ctx, { ...input, signers: [await testKey('ci-head')] });
    assert.ok(!old.ok && old.reason === 'not-a-signer');
    const signed = accepted(await signHead(own.ctx, { ...input, signers: [await testKey('ci-spare')] }));
    assert.equal(signed.document.version, 2);
    const [stale] = [...signed.change.removed];
    assert.match(stale ?? '', /^head\.json\.[0-9a-f]{64}\.sig$/);
    assert.equal(signedFiles('head.json', { bytes: new Uint8Array(), signatures: new Map() }).size, 1);
  });

  test('a signer never signs one head version twice', async () => {
    const own = await createTestFleet();
    const start = accepted(await pinTrust(own.ctx, own.trustChain[0]?.bytes ?? new Uint8Array()));
    await own.publish();
    let stored: Parameters<Parameters<typeof signHead>[1]['floors']['write']>[0] | null = null;
    const floors = {
      read: async () => stored,
      write: async (next: NonNullable<typeof stored>) => {
        stored = next;
      },
    };
    const input = {
      tree: treeOfFiles(own.files),
      start,
      floors,
      isFirstUse: true,
      now: own.now,
      signers: [await testKey('ci-head')],
    };
    // Signed and not published, twice: a crash, or a lost race.
    assert.equal(accepted(await signHead(own.ctx, input)).document.version, 2);
    assert.equal(accepted(await signHead(own.ctx, input)).document.version, 3);
  });
});

test('packages are compared by name', () => {
  const p = (name: string, version: string) => ({ name, version });
  assert.deepEqual(comparePackages([p('a', '1'), p('b', '1'), p('c', '1')], [p('a', '2'), p('c', '1'), p('d', '')]), {
    added: [p('d', '')],
    removed: [p('b', '1')],
    changed: [{ name: 'a', from: ['1'], to: ['2'] }],
  });
});

test("a system is no package of its own, though its host's name ends like a version", async () => {
  const path = (digit: string, name: string) => StorePath.parse(`/nix/store/${digit.repeat(32)}-${name}`);
  const [before, after] = [path('0', 'nixos-system-can-1-1.0'), path('1', 'nixos-system-can-1-2.0')];
  const host = HostName.parse('can-1');
  const manifest = (closure: StorePath) => ({ document: { source, hosts: { [host]: { closure } } } });
  const fleet = { hosts: { [host]: { channel: 'stable' } } };
  const [row] = await hostChanges({
    assembly: {
      ...{ fleet, release: { createdAt: now }, carriedOver: [] },
      closures: new Map([[host, { closure: after }]]),
    } as unknown as Assembly,
    previous: {
      fleet: { document: fleet },
      manifests: new Map([['stable', manifest(before)]]),
    } as unknown as VerifiedTree,
    pathsOf: async (closure) => [closure, path('2', closure === before ? 'app-1.0' : 'app-2.0')],
  });
  assert.deepEqual(row?.packages, { added: [], removed: [], changed: [{ name: 'app', from: ['1.0'], to: ['2.0'] }] });
});
