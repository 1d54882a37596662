import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { accepted, createTestFleet, hostileForms, testBytes, testHost, testKey } from '@nixfleet/testkit';
import type { FleetDocument, FleetHost } from './fleet.ts';
import { ChannelName } from './names.ts';
import { sha256Hex } from './sha256.ts';
import { verifyFleet } from './verify-fleet.ts';
import type { VerifiedRelease } from './verify-release.ts';

const testFleet = await createTestFleet();
await testFleet.publish((next) => {
  Object.assign(next.hosts, { constructor: testHost('stable') });
  next.channels.stable?.waves[1]?.hosts.push('constructor');
});
const { ctx } = testFleet;
const { release, fleet } = await testFleet.verified();

/** The release that names these bytes: what a signer could sign by mistake. */
async function naming(bytes: Uint8Array): Promise<VerifiedRelease> {
  const resolvedFleet = { sha256: await sha256Hex(ctx.crypto, bytes), bytes: bytes.length };
  return { ...release, document: { ...release.document, resolvedFleet } };
}

async function verdictOf(bytes: Uint8Array, named?: VerifiedRelease) {
  return verifyFleet(ctx, { release: named ?? (await naming(bytes)), bytes });
}

async function changed(change: (draft: FleetDocument) => void | Promise<void>) {
  const draft = structuredClone(fleet.document);
  await change(draft);
  return verdictOf(testBytes(draft));
}

function hostOf(draft: FleetDocument, name: string): FleetHost {
  return (draft.hosts as Record<string, FleetHost>)[name] ?? assert.fail(`no host ${name}`);
}

describe('verifyFleet', () => {
  test('knows every declared key, also of a host called constructor', async () => {
    const key = await testKey('host:constructor');
    assert.deepEqual(fleet.identities.get(key.keyId), { kind: 'host', name: 'constructor' });
    assert.deepEqual(fleet.hostKeys('constructor'), [key.publicKey]);
    const operator = await testKey('operator:olivia');
    assert.deepEqual(fleet.identities.get(operator.keyId), { kind: 'operator', name: 'olivia' });
    assert.equal(fleet.identities.size, 6);
    for (const name of ['toString', '__proto__', 'olivia']) assert.deepEqual(fleet.hostKeys(name), []);
  });

  for (const { name, bytes, reason } of hostileForms(fleet.document)) {
    test(`refused: ${name}`, async () => {
      const verified = await verdictOf(bytes);
      assert.equal(verified.ok ? 'accepted' : verified.reason, reason);
    });
  }

  test('an unknown optional field is accepted', async () => {
    assert.equal((await changed((draft) => void Object.assign(draft, { zz: true }))).ok, true);
  });

  test('size and hash as the release names them', async () => {
    const longer = await verdictOf(testBytes({ ...fleet.document, zz: 1 }), release);
    assert.equal(longer.ok ? 'accepted' : longer.reason, 'size-mismatch');
    const other = new Uint8Array(fleet.bytes);
    other[other.length - 3] = 0x20;
    const altered = await verdictOf(other, release);
    assert.equal(altered.ok ? 'accepted' : altered.reason, 'hash-mismatch');
  });

  test('two keys of one host overlap while they are rotated', async () => {
    const verified = await changed(async (draft) => {
      hostOf(draft, 'db').pubkeys.push((await testKey('host:db:next')).openssh);
    });
    assert.equal(accepted(verified).hostKeys('db').length, 2);
  });

  test('an operator may be an approver: a person with one key', async () => {
    const verified = await changed(async (draft) => {
      for (const operator of Object.values(draft.operators)) operator.pubkeys = [(await testKey('alice')).openssh];
    });
    assert.equal(verified.ok, true);
  });

  const invalid: readonly [string, (draft: FleetDocument) => void | Promise<void>, RegExp][] = [
    [
      'one key for two hosts',
      (draft) => {
        hostOf(draft, 'db').pubkeys = hostOf(draft, 'web-1').pubkeys;
      },
      /hosts\.web-1\.pubkeys\.0: the same key as one of host db/,
    ],
    [
      'one key for a host and an operator',
      async (draft) => {
        hostOf(draft, 'db').pubkeys.push((await testKey('operator:olivia')).openssh);
      },
      /operators\.olivia\.pubkeys\.0: the same key as one of host db/,
    ],
    [
      'one key for a host and the operator of the same name',
      async (draft) => {
        Object.assign(draft.operators, { db: { pubkeys: hostOf(draft, 'db').pubkeys } });
      },
      /operators\.db\.pubkeys\.0: the same key as one of host db/,
    ],
    [
      "a control plane's key",
      async (draft) => {
        hostOf(draft, 'db').pubkeys = [(await testKey('control-plane-spare')).openssh];
      },
      /hosts\.db\.pubkeys\.0: the same key as a control plane's/,
    ],
    [
      "a host with a signer's key",
      async (draft) => {
        hostOf(draft, 'db').pubkeys = [(await testKey('ci')).openssh];
      },
      /hosts\.db\.pubkeys\.0: the same key as one of the signer ci/,
    ],
    [
      'a line that holds no key',
      (draft) => {
        hostOf(draft, 'db').pubkeys = ['ssh-ed25519 AAAA' as FleetHost['pubkeys'][number]];
      },
      /hosts\.db\.pubkeys\.0: expected an OpenSSH public key line/,
    ],
    [
      'a channel that does not exist',
      (draft) => {
        hostOf(draft, 'db').channel = ChannelName.parse('tostring');
      },
      /hosts\.db\.channel: tostring is not a channel/,
    ],
    [
      'a host in no wave',
      (draft) => {
        draft.channels[ChannelName.parse('stable')]?.waves.pop();
      },
      /hosts\.web-1: in no wave/,
    ],
    [
      'a host in two waves',
      (draft) => {
        const waves = draft.channels[ChannelName.parse('stable')]?.waves ?? [];
        waves[1]?.hosts.push(...(waves[0]?.hosts ?? []));
      },
      /channels\.stable\.waves\.1: canary is named twice/,
    ],
    [
      "a host in another channel's wave",
      (draft) => {
        const data = draft.channels[ChannelName.parse('data')];
        data?.waves[0]?.hosts.push(...(draft.channels[ChannelName.parse('stable')]?.waves[0]?.hosts ?? []));
      },
      /channels\.data\.waves\.0: canary is in channel stable/,
    ],
    [
      'a wave with a host that does not exist',
      (draft) => {
        Reflect.deleteProperty(draft.hosts, 'db');
      },
      /channels\.data\.waves\.0: db is not a host/,
    ],
  ];
  for (const [name, change, detail] of invalid) {
    test(`invalid: ${name}`, async () => {
      const verified = await changed(change);
      assert.ok(!verified.ok);
      assert.equal(verified.reason, 'invalid');
      assert.match(verified.detail, detail);
    });
  }

  test('a channel is released that the fleet does not declare', async () => {
    const verified = await changed((draft) => {
      Reflect.deleteProperty(draft.hosts, 'db');
      Reflect.deleteProperty(draft.channels, 'data');
    });
    assert.equal(verified.ok ? 'accepted' : verified.reason, 'unknown-channel');
  });
});
