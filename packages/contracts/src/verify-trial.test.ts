import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { accepted, createTestFleet, hostileForms, testBytes } from '@nixfleet/testkit';
import { addSeconds, type Instant } from './instant.ts';
import { HostName, type RolloutId } from './names.ts';
import { trialSecondsMax, trialsMax } from './release.ts';
import { RolloutManifest } from './rollout-manifest.ts';
import { sha256Hex } from './sha256.ts';
import type { VerifiedRelease } from './verify-release.ts';
import { trialOf, trialsAt, verifyTrial } from './verify-trial.ts';

const fleet = await createTestFleet();
const expiresAt = addSeconds(fleet.now, 3600);
const real = {
  closure: '/nix/store/00000000000000000000000000000000-tried',
  closureDigest: '0'.repeat(64),
  closureBytes: 1,
};
const host = HostName.parse('canary');
await fleet.publish((next) => {
  next.trials = { canary: { real, expiresAt } };
});
const { ctx, now } = fleet;
const { release, fleet: resolved } = await fleet.verified();
const named = trialOf(release.document, 'canary', now) ?? assert.fail();
const bytes = fleet.files.get(`rollouts/${named.rolloutId}.json`) ?? assert.fail();
const document = RolloutManifest.parse(JSON.parse(new TextDecoder().decode(bytes)));

/** The release that names these bytes as the canary's trial. */
async function naming(other: Uint8Array, change: object = {}): Promise<VerifiedRelease> {
  const rolloutId = (await sha256Hex(ctx.crypto, other)) as string as RolloutId;
  const trial = { rolloutId, bytes: other.length, expiresAt, ...change };
  return { ...release, document: { ...release.document, trials: { [host]: trial } } };
}

async function verdict(
  from: VerifiedRelease,
  given: Uint8Array = bytes,
  { who = host, at = now }: { who?: HostName; at?: Instant } = {},
): Promise<string> {
  const verified = await verifyTrial(ctx, {
    release: from,
    fleet: resolved.document,
    host: who,
    bytes: given,
    now: at,
  });
  return verified.ok ? 'accepted' : verified.reason;
}

describe('verifyTrial', () => {
  test('one host, another closure, until then', async () => {
    const input = { release, fleet: resolved.document, host, bytes, now };
    const trial = accepted(await verifyTrial(ctx, input));
    assert.deepEqual(
      [trial.entry.closure, trial.expiresAt, trial.manifest.isCurrent],
      [real.closure, expiresAt, false],
    );
    assert.deepEqual(
      trialsAt(release.document, now).map(([name]) => name),
      ['canary'],
    );
    assert.deepEqual(trialsAt(release.document, expiresAt), []);
  });

  for (const { name, bytes: hostile, reason } of hostileForms(document)) {
    test(`${name}: ${reason}`, async () => assert.equal(await verdict(await naming(hostile), hostile), reason));
  }

  test('run out, of nobody, for too long, one of too many', async () => {
    assert.equal(await verdict(release, bytes, { at: expiresAt }), 'expired');
    assert.equal(await verdict(release, bytes, { who: HostName.parse('web-1') }), 'expired');
    const late = addSeconds(release.document.createdAt, trialSecondsMax + 1);
    assert.equal(await verdict(await naming(bytes, { expiresAt: late })), 'invalid');
    const many = Object.fromEntries(Array.from({ length: trialsMax }, (_, i) => [`host-${i}`, named]));
    const crowded = { ...release.document, trials: { ...many, [host]: named } };
    assert.equal(await verdict({ ...release, document: crowded }), 'invalid');
  });

  test('other bytes, another size, another version', async () => {
    const other = testBytes({ ...document, displayName: 'other' });
    assert.equal(await verdict(release, other.slice(0, -1)), 'size-mismatch');
    const flipped = Uint8Array.from(bytes);
    flipped[30] = (flipped[30] ?? 0) ^ 1;
    assert.equal(await verdict(release, flipped), 'hash-mismatch');
    const ahead = testBytes({ ...document, introducedIn: 99 });
    assert.equal(await verdict(await naming(ahead), ahead), 'wrong-version');
  });

  test('another channel, other hosts, more than one, more waves', async () => {
    const changed = async (change: object): Promise<string> => {
      const other = testBytes({ ...document, ...change });
      return verdict(await naming(other), other);
    };
    const [entry] = Object.values(document.hosts);
    const [wave] = document.waves;
    assert.equal(await changed({ channel: 'edge' }), 'wrong-channel');
    assert.equal(await changed({ hosts: { 'web-1': entry } }), 'wrong-host');
    assert.equal(await changed({ hosts: { canary: entry, 'web-1': entry } }), 'wrong-host');
    assert.equal(await changed({ waves: [wave, wave] }), 'wrong-host');
    const gone = { ...resolved.document, hosts: {} };
    const verified = await verifyTrial(ctx, { release, fleet: gone, host, bytes, now });
    assert.equal(verified.ok ? 'accepted' : verified.reason, 'unknown-host');
  });
});
