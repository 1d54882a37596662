import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { accepted, createTestFleet, hostileForms, signTestBytes, testBytes, testKey } from '@nixfleet/testkit';
import { addSeconds } from './instant.ts';
import { SignerName } from './names.ts';
import type { ReleaseDocument } from './release.ts';
import { sha256Hex } from './sha256.ts';
import type { SignedBytes } from './signed-bytes.ts';
import type { TrustDocument } from './trust.ts';
import type { VerifiedHead } from './verify-head.ts';
import { releaseFloorOf, verifyRelease } from './verify-release.ts';
import { pinTrust } from './walk-trust.ts';

const fleet = await createTestFleet();
await fleet.publish();
const { ctx, now, trustDocument } = fleet;
const { trust, head } = await fleet.verified();
const { document } = fleet.current;

interface Approval {
  readonly labels: readonly string[];
  readonly namespace?: string;
}

async function release(
  change: Partial<ReleaseDocument> & Record<string, unknown>,
  labels: readonly string[] = ['ci'],
  { labels: people, namespace = 'release@demo' }: Approval = { labels: [] },
): Promise<SignedBytes> {
  const keysOf = (names: readonly string[]) => Promise.all(names.map((label) => testKey(label)));
  const bytes = testBytes({ ...document, version: 5, ...change });
  return signTestBytes(bytes, await keysOf(labels), { namespace, keys: await keysOf(people) });
}

/** A head that names these bytes: what a stolen head key could make of any release. */
async function naming({ bytes }: SignedBytes, version = 5): Promise<VerifiedHead> {
  const ref = { version, sha256: await sha256Hex(ctx.crypto, bytes), bytes: bytes.length };
  return { ...head, document: { ...head.document, release: ref } };
}

async function trustWith(change: (draft: TrustDocument) => void | Promise<void>) {
  const draft = structuredClone(trustDocument);
  await change(draft);
  return accepted(await pinTrust(ctx, testBytes(draft)));
}

type Options = Partial<Parameters<typeof verifyRelease>[1]>;

async function verify(signed: SignedBytes, options: Options = {}) {
  return verifyRelease(ctx, { trust, head: await naming(signed), signed, floor: null, now, ...options });
}

async function verdict(signed: SignedBytes, options: Options = {}): Promise<string> {
  const verified = await verify(signed, options);
  return verified.ok ? 'accepted' : verified.reason;
}

const floor = releaseFloorOf(accepted(await verify(await release({}))));

describe('verifyRelease', () => {
  test('returns the document and the trust it was verified under', async () => {
    const verified = accepted(await verify(await release({})));
    assert.equal(verified.document.version, 5);
    assert.equal(verified.trust, trust);
    assert.equal(verified.emergencyApproved, false);
  });

  for (const { name, bytes, reason } of hostileForms(document)) {
    test(`refused: ${name}`, async () => {
      const signed = await signTestBytes(bytes, [await testKey('ci')]);
      assert.equal(await verdict(signed, { head: await naming(signed, 1) }), reason);
    });
  }

  test('an unknown optional field is accepted', async () => {
    assert.equal(await verdict(await release({ zz: null })), 'accepted');
  });

  test('size and hash as the head names them, whoever signed', async () => {
    const named = await naming(await release({}));
    assert.equal(await verdict(await release({ zz: 1 }), { head: named }), 'size-mismatch');
    assert.equal(await verdict(await release({ version: 6 }), { head: named }), 'hash-mismatch');
  });

  test('too few signers: none, the head key, a stranger, one signer twice', async () => {
    assert.equal(await verdict(await release({}, [])), 'too-few-signers');
    assert.equal(await verdict(await release({}, ['ci-head', 'root-1', 'alice', 'stranger'])), 'too-few-signers');
    const two = await trustWith(async (draft) => {
      draft.signers[SignerName.parse('ci')]?.keys.push((await testKey('ci-second')).declared);
      draft.roles.release.threshold = 2;
    });
    assert.equal(await verdict(await release({}, ['ci', 'ci-second']), { trust: two }), 'too-few-signers');
    assert.equal(await verdict(await release({}, ['ci', 'ci-spare']), { trust: two }), 'accepted');
  });

  test('a channel may demand more signers, also of a release without it: its hosts could be moved', async () => {
    const demanding = await trustWith((draft) => {
      Object.assign(draft.roles.release, { channels: { data: { threshold: 2 } } });
    });
    assert.equal(await verdict(await release({}), { trust: demanding }), 'too-few-signers');
    assert.equal(await verdict(await release({}, ['ci', 'ci-spare']), { trust: demanding }), 'accepted');
    const { data: _, ...channels } = document.channels as Record<string, unknown>;
    const without = await release({ channels: channels as ReleaseDocument['channels'] });
    assert.equal(await verdict(without, { trust: demanding }), 'too-few-signers');
  });

  test('a revoked signer no longer counts once trust advanced', async () => {
    const advanced = await trustWith((draft) => {
      draft.version = 2;
      draft.roles.release.signers = [SignerName.parse('ci-spare')];
    });
    assert.equal(await verdict(await release({}), { trust: advanced }), 'too-few-signers');
    assert.equal(await verdict(await release({}, ['ci-spare']), { trust: advanced }), 'accepted');
  });

  test('signed under a trust that we do not have yet', async () => {
    assert.equal(await verdict(await release({ trustVersion: 2 }, ['future-ci'])), 'trust-behind');
  });

  test('the head says another version', async () => {
    const signed = await release({});
    assert.equal(await verdict(signed, { head: await naming(signed, 6) }), 'wrong-version');
  });

  test('the floor: a stolen head key naming an old release, equivocation, the same again', async () => {
    const old = await release({ version: 4 });
    assert.equal(await verdict(old, { head: await naming(old, 4), floor }), 'rolled-back');
    assert.equal(await verdict(await release({ zz: 1 }), { floor }), 'equivocation');
    assert.equal(await verdict(await release({}), { floor }), 'accepted');
    const newer = await release({ version: 6 });
    assert.equal(await verdict(newer, { head: await naming(newer, 6), floor }), 'accepted');
  });

  test('the floor survives a change of head and release keys', async () => {
    const rotated = await trustWith(async (draft) => {
      for (const name of ['ci', 'ci-head']) {
        draft.signers[SignerName.parse(name)] = { keys: [(await testKey(`new-${name}`)).declared] };
      }
    });
    const old = await release({ version: 4 }, ['new-ci']);
    assert.equal(await verdict(old, { head: await naming(old, 4), floor, trust: rotated }), 'rolled-back');
  });

  describe('an emergency', () => {
    const emergency = { reason: 'CVE', expiresAt: addSeconds(now, 3600) };
    async function isApproved(approval: Approval, options: Options = {}): Promise<boolean> {
      return accepted(await verify(await release({ emergency }, ['ci'], approval), options)).emergencyApproved;
    }

    test('passes with as many approvers as trust demands', async () => {
      assert.equal(await isApproved({ labels: ['alice', 'bob'] }), true);
      assert.equal(await isApproved({ labels: ['alice'] }), false);
      assert.equal(await isApproved({ labels: ['alice', 'ci', 'root-1', 'stranger'] }), false);
    });

    test('no longer than it says', async () => {
      assert.equal(await isApproved({ labels: ['alice', 'bob'] }, { now: addSeconds(now, 3600) }), false);
    });

    test('not by approvals of another type or fleet', async () => {
      assert.equal(await isApproved({ labels: ['alice', 'bob'], namespace: 'hold@demo' }), false);
      assert.equal(await isApproved({ labels: ['alice', 'bob'], namespace: 'release@other' }), false);
    });

    test('not where the release claims none', async () => {
      const signed = await release({}, ['ci'], { labels: ['alice', 'bob'] });
      assert.equal(accepted(await verify(signed)).emergencyApproved, false);
    });
  });
});
