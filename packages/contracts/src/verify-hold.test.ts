import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  accepted,
  createTestFleet,
  hostileForms,
  signTestBytes,
  type TestKey,
  testBytes,
  testKey,
} from '@nixfleet/testkit';
import { encodeBase64 } from './base64.ts';
import { concatBytes, utf8 } from './bytes.ts';
import { HoldDocument, holdSecondsMax } from './hold.ts';
import { addSeconds } from './instant.ts';
import { SignerName } from './names.ts';
import { sshKeyBlob } from './openssh.ts';
import { keyIdOf } from './public-key.ts';
import { sha256Hex } from './sha256.ts';
import type { SignedBytes } from './signed-bytes.ts';
import { sshString, sshUint32 } from './ssh-wire.ts';
import { verifyHold } from './verify-hold.ts';
import { pinTrust } from './walk-trust.ts';

const fleet = await createTestFleet();
await fleet.publish();
const { ctx, now } = fleet;
const { trust, head } = await fleet.verified();
const document = HoldDocument.parse({
  type: 'hold',
  fleet: 'demo',
  schemaVersion: 1,
  channel: 'stable',
  reason: 'database migration',
  createdAt: now,
  expiresAt: addSeconds(now, 3600),
});

async function hold(change: object, labels = ['alice'], namespace = 'hold@demo'): Promise<SignedBytes> {
  const keys = await Promise.all(labels.map((label) => testKey(label)));
  return signTestBytes(testBytes({ ...document, ...change }), [], { namespace, keys });
}

/** Flags of a FIDO signature (PROTOCOL.u2f): somebody touched the token; and it knows who. */
const touched = 0x01;
const verified = 0x04;

/** What `ssh-keygen -Y sign` brings from a token: the token signs application, flags and counter with the message's hash. */
async function tokenSshsig({
  message,
  namespace,
  token,
  flags,
  application = 'ssh:',
}: {
  readonly message: Uint8Array;
  readonly namespace: string;
  readonly token: TestKey;
  readonly flags: number;
  readonly application?: string;
}): Promise<string> {
  const { sha256, sha512 } = ctx.crypto;
  const magic = utf8('SSHSIG');
  const fields = [sshString(namespace), sshString(''), sshString('sha512')];
  const signedData = concatBytes(magic, ...fields, sshString(await sha512(message)));
  const suffix = concatBytes(Uint8Array.of(flags), sshUint32(7));
  const raw = await token.sign(concatBytes(await sha256(utf8(application)), suffix, await sha256(signedData)));
  const key = { ...token.publicKey, algorithm: 'sk-ssh-ed25519', application: 'ssh:' } as const;
  const signature = concatBytes(sshString('sk-ssh-ed25519@openssh.com'), sshString(raw), suffix);
  const blob = concatBytes(magic, sshUint32(1), sshString(sshKeyBlob(key)), ...fields, sshString(signature));
  return `-----BEGIN SSH SIGNATURE-----\n${encodeBase64(blob)}\n-----END SSH SIGNATURE-----\n`;
}

async function verdict(signed: SignedBytes, options: Partial<Parameters<typeof verifyHold>[1]> = {}): Promise<string> {
  const holds = [await sha256Hex(ctx.crypto, signed.bytes)];
  const naming = { ...head, document: { ...head.document, holds } };
  const verified = await verifyHold(ctx, { trust, head: naming, signed, now, ...options });
  return verified.ok ? 'accepted' : verified.reason;
}

describe('verifyHold', () => {
  test('an approver holds a channel, as published', async () => {
    const published = await createTestFleet();
    await published.publish();
    const { sha256, signed } = await published.hold('stable');
    const verified = await published.verified();
    const held = accepted(await verifyHold(ctx, { trust: verified.trust, head: verified.head, signed, now }));
    assert.equal(held.sha256, sha256);
    assert.equal(held.document.channel, 'stable');
  });

  for (const { name, bytes, reason } of hostileForms(document)) {
    test(`refused: ${name}`, async () => {
      const approval = { namespace: 'hold@demo', keys: [await testKey('alice')] };
      assert.equal(await verdict(await signTestBytes(bytes, [], approval)), reason);
    });
  }

  test('an approver with a FIDO key holds a channel; one whose token nobody touched does not', async () => {
    const token = await testKey('token');
    const declared = { algorithm: 'sk-ssh-ed25519', public: token.declared.public, application: 'ssh:' } as const;
    const withToken = await createTestFleet({
      trust: (draft) => {
        draft.signers[SignerName.parse('alice')] = { keys: [declared] };
      },
    });
    const state = accepted(await pinTrust(ctx, withToken.trustChain[0]?.bytes ?? new Uint8Array()));
    const key = { ...token.publicKey, algorithm: 'sk-ssh-ed25519', application: 'ssh:' } as const;
    const by = async (flags: number, options: { namespace?: string; application?: string } = {}) => {
      const { bytes } = await hold({});
      const armored = await tokenSshsig({ message: bytes, namespace: 'hold@demo', token, flags, ...options });
      return verdict(
        { bytes, signatures: new Map(), sshSignatures: new Map([[token.keyId, armored]]) },
        { trust: state },
      );
    };
    assert.equal(await keyIdOf(ctx.crypto, key), token.keyId, 'known by its ed25519 half');
    assert.equal(await by(touched), 'accepted');
    assert.equal(await by(touched | verified), 'accepted', 'and with its PIN');
    assert.equal(await by(0), 'too-few-signers', 'nobody was there');
    assert.equal(await by(verified), 'too-few-signers', 'a PIN is no touch');
    assert.equal(await by(touched, { application: 'ssh:other' }), 'too-few-signers');
    assert.equal(await by(touched, { namespace: 'resume@demo' }), 'too-few-signers');
  });

  test('an unknown optional field is accepted', async () => {
    assert.equal(await verdict(await hold({ zz: 0 })), 'accepted');
  });

  test('a hold that the head does not name is over', async () => {
    assert.equal(await verdict(await hold({}), { head }), 'hash-mismatch');
  });

  test('too few signers: none, machines, strangers, raw signatures, other namespaces, one signer twice', async () => {
    assert.equal(await verdict(await hold({}, [])), 'too-few-signers');
    assert.equal(await verdict(await hold({}, ['ci-head', 'ci', 'root-1', 'stranger'])), 'too-few-signers');
    const raw = await signTestBytes(testBytes(document), [await testKey('alice')]);
    assert.equal(await verdict(raw), 'too-few-signers');
    for (const namespace of ['hold@other', 'release@demo', 'file']) {
      assert.equal(await verdict(await hold({}, ['alice'], namespace)), 'too-few-signers');
    }
    const good = await hold({});
    const moved = new Map([[(await testKey('bob')).keyId, [...(good.sshSignatures?.values() ?? [])][0] ?? '']]);
    assert.equal(await verdict({ ...good, sshSignatures: moved }), 'too-few-signers');
    assert.equal(await verdict({ ...good, bytes: (await hold({ zz: 1 })).bytes }), 'too-few-signers');

    const draft = structuredClone(fleet.trustDocument);
    draft.roles.approver.threshold = 2;
    const alice = Object.entries(draft.signers).find(([name]) => name === 'alice')?.[1];
    alice?.keys.push((await testKey('alice-second')).declared);
    const two = accepted(await pinTrust(ctx, testBytes(draft)));
    assert.equal(await verdict(await hold({}, ['alice', 'alice-second']), { trust: two }), 'too-few-signers');
    assert.equal(await verdict(await hold({}, ['alice', 'bob']), { trust: two }), 'accepted');
  });

  test('its life: over, too long, backwards, in the future', async () => {
    assert.equal(await verdict(await hold({}), { now: addSeconds(now, 3599) }), 'accepted');
    assert.equal(await verdict(await hold({}), { now: addSeconds(now, 3600) }), 'expired');
    assert.equal(await verdict(await hold({ expiresAt: addSeconds(now, holdSecondsMax) })), 'accepted');
    assert.equal(await verdict(await hold({ expiresAt: addSeconds(now, holdSecondsMax + 1) })), 'invalid');
    assert.equal(await verdict(await hold({ expiresAt: now })), 'invalid');
    const later = { createdAt: addSeconds(now, 301), expiresAt: addSeconds(now, 600) };
    assert.equal(await verdict(await hold(later)), 'future-dated');
  });

  test('a clock behind the head that names it does not make it future-dated', async () => {
    assert.equal(await verdict(await hold({}), { now: addSeconds(now, -86_400) }), 'accepted');
  });
});
