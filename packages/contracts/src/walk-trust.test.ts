import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { accepted, createTestFleet, hostileForms, signTestBytes, testBytes, testKey } from '@nixfleet/testkit';
import { HeadDocument } from './head.ts';
import { FleetName, SignerName } from './names.ts';
import type { TrustDocument } from './trust.ts';
import { pinTrust, trustStepsMax, walkTrust } from './walk-trust.ts';

const rootKeys = await Promise.all(['root-1', 'root-2', 'root-3'].map((label) => testKey(label)));
const fleet = await createTestFleet();
const { ctx } = fleet;
const first = fleet.trustChain[0] ?? assert.fail('no trust');
const pinned = accepted(await pinTrust(ctx, first.bytes));

function signer(name: string): SignerName {
  return SignerName.parse(name);
}

async function next(change: (draft: TrustDocument) => void | Promise<void>, labels = ['root-1', 'root-2']) {
  const draft = structuredClone(fleet.trustDocument);
  draft.version = 2;
  await change(draft);
  return signTestBytes(testBytes(draft), await Promise.all(labels.map((label) => testKey(label))));
}

/** The reason for which one step from version 1 is refused, or `accepted`. */
async function step(signed: Awaited<ReturnType<typeof next>>): Promise<string> {
  const walked = await walkTrust(ctx, { current: pinned, next: [signed] });
  if (!walked.ok) assert.equal(walked.reached, pinned);
  return walked.ok ? 'accepted' : walked.reason;
}

describe('walkTrust', () => {
  test('goes on one version at a time, each signed by the roots of the one before and its own', async () => {
    const chain = await createTestFleet();
    await chain.nextTrust((draft) => {
      draft.roles.root.signers = ['root-2', 'root-3'].map(signer);
    });
    await chain.nextTrust(async (draft) => {
      draft.signers[signer('root-4')] = { keys: [(await testKey('root-4')).declared] };
      draft.roles.root = { threshold: 2, signers: ['root-3', 'root-4', 'root-2'].map(signer) };
    });
    const walked = await walkTrust(ctx, { current: pinned, next: chain.trustChain });
    assert.equal(accepted(walked).document.version, 3);
    assert.equal(accepted(walked).keys.get((await testKey('root-4')).keyId)?.signer, 'root-4');
  });

  test('the same bytes are skipped, and nothing new is nothing wrong', async () => {
    assert.equal(await step(first), 'accepted');
    assert.deepEqual(await walkTrust(ctx, { current: pinned, next: [] }), { ok: true, value: pinned });
  });

  for (const { name, bytes, reason } of hostileForms({ ...fleet.trustDocument, version: 2 })) {
    test(`refused: ${name}`, async () => {
      assert.equal(await step(await signTestBytes(bytes, rootKeys)), reason);
    });
  }

  test('an unknown optional field is accepted', async () => {
    assert.equal(await step(await next((draft) => void Object.assign(draft, { zz: [1] }))), 'accepted');
  });

  test('too few signers: none, one, strangers, one twice, wrong signatures', async () => {
    assert.equal(await step(await next(() => {}, [])), 'too-few-signers');
    assert.equal(await step(await next(() => {}, ['root-1'])), 'too-few-signers');
    assert.equal(await step(await next(() => {}, ['ci', 'alice', 'stranger'])), 'too-few-signers');

    const twoKeys = await createTestFleet({
      trust: async (draft) => {
        draft.signers[signer('root-1')]?.keys.push((await testKey('root-1-second')).declared);
      },
    });
    const current = accepted(await pinTrust(ctx, twoKeys.trustChain[0]?.bytes ?? assert.fail()));
    const twice = await twoKeys.nextTrust(() => {}, ['root-1', 'root-1-second']);
    const walked = await walkTrust(ctx, { current, next: [twice] });
    assert.equal(walked.ok ? 'accepted' : walked.reason, 'too-few-signers');

    const good = await next(() => {});
    const other = await next((draft) => {
      draft.cacheKeys.reverse();
      draft.version = 3;
    });
    const wrong = await walkTrust(ctx, { current: pinned, next: [{ ...good, signatures: other.signatures }] });
    assert.ok(!wrong.ok);
    assert.equal(wrong.reason, 'too-few-signers');
    assert.match(wrong.detail, new RegExp(`wrong signature by key ${rootKeys[0]?.keyId.slice(0, 12)}`));
  });

  test('a signature under another key of the same document does not count', async () => {
    const good = await next(() => {});
    const [a, b] = [...good.signatures];
    assert.ok(a && b);
    const swapped = new Map([
      [a[0], b[1]],
      [b[0], a[1]],
    ]);
    assert.equal(await step({ ...good, signatures: swapped }), 'too-few-signers');
  });

  test('new roots must have signed too', async () => {
    const change = async (draft: TrustDocument) => {
      for (const name of ['root-4', 'root-5']) draft.signers[signer(name)] = { keys: [(await testKey(name)).declared] };
      draft.roles.root = { threshold: 2, signers: ['root-4', 'root-5'].map(signer) };
    };
    assert.equal(await step(await next(change)), 'too-few-signers');
    assert.equal(await step(await next(change, ['root-4', 'root-5'])), 'too-few-signers');
    assert.equal(await step(await next(change, ['root-1', 'root-2', 'root-4', 'root-5'])), 'accepted');
  });

  test('rolled back, gap, equivocation', async () => {
    const chain = await createTestFleet();
    const second = await chain.nextTrust(() => {});
    const third = await chain.nextTrust(() => {});
    const current = accepted(await walkTrust(ctx, { current: pinned, next: [second] }));
    const back = await walkTrust(ctx, { current, next: [first] });
    assert.equal(back.ok ? 'accepted' : back.reason, 'rolled-back');
    assert.equal(await step(third), 'trust-gap');
    assert.equal(await step(await next((draft) => void Object.assign(draft, { version: 1, zz: 1 }))), 'equivocation');
    assert.equal(
      await step(await next((draft) => void Object.assign(draft, { version: 1, zz: 1 }), [])),
      'too-few-signers',
    );
  });

  test('a refusal still says how far the chain was good', async () => {
    const chain = await createTestFleet();
    const second = await chain.nextTrust(() => {});
    const third = await chain.nextTrust(() => {}, ['root-1']);
    const walked = await walkTrust(ctx, { current: pinned, next: [second, third] });
    assert.ok(!walked.ok);
    assert.equal(walked.reason, 'too-few-signers');
    assert.equal(walked.reached.document.version, 2);
  });

  test('a walk is bounded', async () => {
    const walked = await walkTrust(ctx, { current: pinned, next: Array(trustStepsMax + 1).fill(first) });
    assert.equal(walked.ok ? 'accepted' : walked.reason, 'oversized');
  });

  test('a head signed by the roots is no trust document', async () => {
    await fleet.publish();
    const head = await signTestBytes(testBytes(HeadDocument.parse(fleet.headDocument)), rootKeys);
    assert.equal(await step(head), 'wrong-type');
  });

  const inconsistent: readonly [string, (draft: TrustDocument) => void | Promise<void>, RegExp][] = [
    [
      'one key under two signers',
      (draft) => {
        draft.signers[signer('bob')] = structuredClone(draft.signers[signer('alice')] ?? assert.fail());
      },
      /signers\.bob\.keys\.0: the same key as one of alice/,
    ],
    [
      'a role names an unknown signer',
      (draft) => {
        draft.roles.head.signers.push(signer('nobody'));
      },
      /roles\.head\.signers: nobody/,
    ],
    [
      'a threshold that one signer named twice cannot reach',
      (draft) => {
        draft.roles.release = { threshold: 2, signers: ['ci', 'ci'].map(signer) };
      },
      /roles\.release\.threshold: 2, but only 1/,
    ],
    [
      'an emergency threshold out of reach',
      (draft) => {
        draft.roles.approver.emergencyThreshold = 3;
      },
      /emergencyThreshold: 3, but only 2/,
    ],
    [
      'a channel that demands fewer than the role',
      (draft) => {
        draft.roles.release.threshold = 2;
        Object.assign(draft.roles.release, { channels: { stable: { threshold: 1 } } });
      },
      /channels\.stable\.threshold: 1 is fewer than the role's 2/,
    ],
    [
      'a channel threshold out of reach',
      (draft) => {
        Object.assign(draft.roles.release, { channels: { constructor: { threshold: 3 } } });
      },
      /channels\.constructor\.threshold: 3, but only 2/,
    ],
    [
      'a control plane that is also a signer',
      async (draft) => {
        draft.signers[signer('ci')]?.keys.push((await testKey('control-plane')).declared);
      },
      /controlPlanes\.0: the same key as one of the signer ci/,
    ],
    [
      'one pin twice',
      (draft) => {
        const pin = draft.controlPlanes[1];
        if (pin) draft.controlPlanes.push(pin);
      },
      /controlPlanes\.2: named twice/,
    ],
    [
      'no offline pin',
      (draft) => {
        for (const pin of draft.controlPlanes) pin.offline = false;
      },
      /none of them is offline/,
    ],
    [
      'a head role of FIDO keys, which cannot sign it',
      (draft) => {
        const key = draft.signers[signer('ci-head')]?.keys[0] ?? assert.fail();
        draft.signers[signer('ci-head')] = {
          keys: [{ algorithm: 'sk-ssh-ed25519', public: key.public, application: 'ssh:' }],
        };
      },
      /roles\.head\.threshold: 1, but only 0/,
    ],
  ];
  for (const [name, change, detail] of inconsistent) {
    test(`invalid: ${name}`, async () => {
      const walked = await walkTrust(ctx, { current: pinned, next: [await next(change)] });
      assert.ok(!walked.ok);
      assert.equal(walked.reason, 'invalid');
      assert.match(walked.detail, detail);
    });
  }

  test('invalid: every bad field is listed with its path', async () => {
    const signed = await next((draft) => void Object.assign(draft, { cacheKeys: ['x'], controlPlanes: [] }));
    const walked = await walkTrust(ctx, { current: pinned, next: [signed] });
    assert.ok(!walked.ok);
    assert.equal(walked.reason, 'invalid');
    assert.match(walked.detail, /cacheKeys\.0: .*controlPlanes: /);
  });

  test('signers may be called constructor, and need no approver', async () => {
    const signed = await next(async (draft) => {
      Object.assign(draft.signers, { constructor: { keys: [(await testKey('c')).declared] } });
      draft.roles.approver.signers = [];
    });
    const walked = accepted(await walkTrust(ctx, { current: pinned, next: [signed] }));
    assert.equal(walked.keys.get((await testKey('c')).keyId)?.signer, 'constructor');
  });
});

describe('pinTrust', () => {
  test('takes a starting point by its origin, unsigned, but only whole and for this fleet', async () => {
    assert.equal(pinned.document.version, 1);
    for (const { name, bytes, reason } of hostileForms(fleet.trustDocument)) {
      const refused = await pinTrust(ctx, bytes);
      assert.equal(refused.ok ? 'accepted' : refused.reason, reason, name);
    }
    const elsewhere = await pinTrust({ ...ctx, fleet: FleetName.parse('elsewhere') }, first.bytes);
    assert.equal(elsewhere.ok ? 'accepted' : elsewhere.reason, 'wrong-fleet');
  });
});
