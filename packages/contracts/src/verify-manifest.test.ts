import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { accepted, createTestFleet, hostileForms, testBytes, testHost } from '@nixfleet/testkit';
import { ChannelName, type RolloutId } from './names.ts';
import type { ReleaseChannel } from './release.ts';
import { sha256Hex } from './sha256.ts';
import { manifestEntry, verifyManifest } from './verify-manifest.ts';
import type { VerifiedRelease } from './verify-release.ts';

const fleet = await createTestFleet();
const first = await fleet.publish((next) => {
  Object.assign(next.hosts, { constructor: testHost('stable') });
  next.channels.stable?.waves[1]?.hosts.push('constructor');
});
const second = await fleet.publish((next) => {
  for (const name of ['canary', 'web-1', 'web-2', 'constructor']) Object.assign(next.hosts[name] ?? {}, { closure: 2 });
});
const { ctx } = fleet;
const { release, manifests, fleet: resolved } = await fleet.verified();
const current = second.manifests.get('stable') ?? assert.fail();
const earlier = first.manifests.get('stable') ?? assert.fail();

/** The release in which `stable` has these bytes as its current rollout. */
async function naming(bytes: Uint8Array): Promise<VerifiedRelease> {
  const stable: ReleaseChannel = {
    rolloutId: (await sha256Hex(ctx.crypto, bytes)) as string as RolloutId,
    bytes: bytes.length,
    mayFinish: [],
    freezes: [],
  };
  return {
    ...release,
    document: {
      ...release.document,
      channels: { ...release.document.channels, [ChannelName.parse('stable')]: stable },
    },
  };
}

type Options = Partial<Parameters<typeof verifyManifest>[1]>;

async function verdict(bytes: Uint8Array, options: Options = {}): Promise<string> {
  const verified = await verifyManifest(ctx, { release, channel: 'stable', bytes, ...options });
  return verified.ok ? 'accepted' : verified.reason;
}

async function changed(change: object): Promise<string> {
  const bytes = testBytes({ ...current.document, ...change });
  return verdict(bytes, { release: await naming(bytes) });
}

describe('verifyManifest', () => {
  test('the current rollout', async () => {
    const verified = accepted(await verifyManifest(ctx, { release, channel: 'stable', bytes: current.bytes }));
    assert.equal(verified.rolloutId, current.rolloutId);
    assert.equal(verified.isCurrent, true);
    assert.equal(await verdict(current.bytes, { rolloutId: current.rolloutId, accepted: 2 }), 'accepted');
  });

  for (const { name, bytes, reason } of hostileForms(current.document)) {
    test(`refused: ${name}`, async () => {
      assert.equal(await verdict(bytes, { release: await naming(bytes) }), reason);
    });
  }

  test('an unknown optional field is accepted', async () => {
    assert.equal(await changed({ zz: 'x' }), 'accepted');
  });

  test('an earlier rollout may finish, but never where a later one was accepted', async () => {
    const options = { rolloutId: earlier.rolloutId };
    const verified = accepted(
      await verifyManifest(ctx, { release, channel: 'stable', bytes: earlier.bytes, ...options }),
    );
    assert.equal(verified.isCurrent, false);
    assert.equal(await verdict(earlier.bytes, { ...options, accepted: 1 }), 'accepted');
    assert.equal(await verdict(earlier.bytes, { ...options, accepted: 2 }), 'superseded');
  });

  test('a channel in which nothing changed keeps its rollout', () => {
    assert.equal(second.manifests.get('data'), first.manifests.get('data'));
    assert.equal(manifests.get('data')?.document.introducedIn, 1);
  });

  test('mixed and matched: other rollouts, other channels, other bytes', async () => {
    assert.equal(await verdict(current.bytes, { rolloutId: 'f'.repeat(64) }), 'wrong-rollout');
    const data = second.manifests.get('data') ?? assert.fail();
    assert.equal(await verdict(data.bytes, { rolloutId: data.rolloutId }), 'wrong-rollout');
    assert.equal(await verdict(data.bytes, { release: await naming(data.bytes) }), 'wrong-channel');
    assert.equal(await verdict(earlier.bytes, { rolloutId: current.rolloutId }), 'hash-mismatch');
    assert.equal(await verdict(current.bytes, { rolloutId: earlier.rolloutId }), 'hash-mismatch');
    assert.equal(await verdict(testBytes({ ...current.document, zz: 1 })), 'size-mismatch');
  });

  test('a channel that is not released', async () => {
    for (const channel of ['edge', 'constructor', '__proto__']) {
      assert.equal(await verdict(current.bytes, { channel }), 'unknown-channel');
    }
  });

  test('introduced after the release that names it', async () => {
    assert.equal(await changed({ introducedIn: 3 }), 'wrong-version');
  });

  test('invalid: a wave that does not exist, windows without an end', async () => {
    assert.equal(await changed({ waves: current.document.waves.slice(0, 1) }), 'invalid');
    assert.equal(await changed({ windows: [] }), 'invalid');
    assert.equal(await changed({ resolvedUntil: '2027-01-01T00:00:00Z' }), 'invalid');
    assert.equal(await changed({ windows: [], resolvedUntil: '2027-01-01T00:00:00Z' }), 'accepted');
  });
});

describe('manifestEntry', () => {
  test('what a host is to run, also if it is called constructor', () => {
    assert.equal(accepted(manifestEntry(current.document, resolved, 'canary')).wave, 0);
    assert.equal(accepted(manifestEntry(current.document, resolved, 'constructor')).wave, 1);
  });

  test('unknown hosts, and hosts of another channel', async () => {
    const refusal = (host: string) => {
      const entry = manifestEntry(current.document, resolved, host);
      return entry.ok ? 'accepted' : entry.reason;
    };
    for (const host of ['nobody', 'toString', '__proto__']) assert.equal(refusal(host), 'unknown-host');
    assert.equal(refusal('db'), 'wrong-channel');
    const hosts = Object.fromEntries(Object.entries(current.document.hosts).filter(([name]) => name !== 'canary'));
    const entry = manifestEntry({ ...current.document, hosts }, resolved, 'canary');
    assert.equal(entry.ok ? 'accepted' : entry.reason, 'unknown-host');
  });

  test('a host that moved to another channel no longer finishes there', async () => {
    const moved = await createTestFleet();
    const before = await moved.publish();
    await moved.publish((next) => {
      if (next.hosts['web-1']) next.hosts['web-1'].channel = 'data';
      if (next.channels.stable?.waves[1]) next.channels.stable.waves[1].hosts = ['web-2'];
      next.channels.data?.waves[0]?.hosts.push('web-1');
    });
    const verified = await moved.verified();
    const stable = before.manifests.get('stable') ?? assert.fail();
    const entry = manifestEntry(stable.document, verified.fleet, 'web-1');
    assert.equal(entry.ok ? 'accepted' : entry.reason, 'wrong-channel');
  });
});
