import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { accepted, createTestFleet, hostileForms, signEvent, testChannel, testHost, testKey } from '@nixfleet/testkit';
import type { EventOf, SignedEvent } from './event.ts';
import type { RolloutManifest } from './rollout-manifest.ts';
import { receiptsNeeded, verifyReceipts } from './verify-receipts.ts';

const testFleet = await createTestFleet();
await testFleet.publish((next) => {
  Object.assign(next.hosts, { constructor: testHost('stable') });
  next.channels.stable = testChannel([['canary', 'constructor'], ['web-1'], ['web-2']]);
});
const { ctx } = testFleet;
const { fleet, manifests } = await testFleet.verified();
const { document: manifest, rolloutId } = manifests.get('stable') ?? assert.fail();
const canary = await testFleet.receipt('canary');
const second = await testFleet.receipt('constructor');
const web1 = await testFleet.receipt('web-1');
const web2 = await testFleet.receipt('web-2');
const db = await testFleet.receipt('db');

type Options = Partial<Parameters<typeof verifyReceipts>[1]>;

async function verdict(receipts: readonly SignedEvent[], options: Options = {}): Promise<string> {
  const verified = await verifyReceipts(ctx, { fleet, manifest, rolloutId, wave: 1, receipts, ...options });
  return verified.ok ? 'accepted' : verified.reason;
}

/** The canary's receipt, changed and signed again. */
async function changed(change: (event: EventOf<'converged'>) => object, label = 'host:canary'): Promise<SignedEvent> {
  const event: EventOf<'converged'> = JSON.parse(canary.event);
  return signEvent(await testKey(label), change(event));
}

function aim(change: object): Promise<SignedEvent> {
  return changed((event) => ({ ...event, body: { ...event.body, target: { ...event.body.target, ...change } } }));
}

function withPercent(receiptsPercent: number): RolloutManifest {
  const waves = manifest.waves.map((wave) => ({ ...wave, promoteWhen: { convergedPercent: 100, receiptsPercent } }));
  return { ...manifest, waves };
}

describe('receiptsNeeded', () => {
  test('rounds up, at least one unless nothing is asked for or there is nobody', () => {
    const need = (percent: number) => receiptsNeeded(withPercent(percent), 0);
    assert.deepEqual([0, 1, 50, 51, 100].map(need), [0, 1, 1, 2, 2]);
    assert.equal(receiptsNeeded({ ...manifest, hosts: {} }, 0), 0);
  });
});

describe('verifyReceipts', () => {
  test('the first wave needs none', async () => {
    assert.equal(await verdict([], { wave: 0 }), 'accepted');
  });

  test('a later wave needs every earlier host', async () => {
    assert.equal(await verdict([canary, second]), 'accepted');
    assert.equal(await verdict([canary, second, web1], { wave: 2 }), 'accepted');
    const verified = await verifyReceipts(ctx, { fleet, manifest, rolloutId, wave: 1, receipts: [second, canary] });
    assert.deepEqual(accepted(verified).hosts, ['constructor', 'canary']);
  });

  test('too few, one twice, or a whole wave skipped', async () => {
    assert.equal(await verdict([]), 'receipts-missing');
    assert.equal(await verdict([canary]), 'receipts-missing');
    assert.equal(await verdict([canary, canary]), 'receipts-missing');
    assert.equal(await verdict([canary, second], { wave: 2 }), 'receipts-missing');
    assert.equal(await verdict([web1], { wave: 2 }), 'receipts-missing');
  });

  test('as few as the manifest says', async () => {
    assert.equal(await verdict([canary], { manifest: withPercent(50) }), 'accepted');
    assert.equal(await verdict([canary], { manifest: withPercent(51) }), 'receipts-missing');
    assert.equal(await verdict([], { manifest: withPercent(0) }), 'accepted');
  });

  for (const form of hostileForms(JSON.parse(canary.event))) {
    if (form.name === 'cut inside UTF-8') continue;
    test(`refused: ${form.name}`, async () => {
      const signature = Buffer.from(await (await testKey('host:canary')).sign(form.bytes)).toString('base64');
      const event = new TextDecoder().decode(form.bytes);
      assert.equal(await verdict([{ event, signature }, second]), form.reason);
    });
  }

  test('an unknown optional field is accepted', async () => {
    assert.equal(await verdict([await changed((event) => ({ ...event, zz: 1 })), second]), 'accepted');
  });

  test('a bad receipt refuses the whole, beside enough good ones too', async () => {
    const forged = await changed((event) => event, 'host:web-1');
    assert.equal(await verdict([forged, second]), 'bad-signature');
    assert.equal(await verdict([canary, second, forged]), 'bad-signature');
    assert.equal(await verdict([{ ...canary, signature: second.signature }, second]), 'bad-signature');
  });

  test('only converged counts', async () => {
    const { target } = (JSON.parse(canary.event) as EventOf<'converged'>).body;
    const body = { target, soakUntil: testFleet.now, by: 'local' };
    const confirmed = await changed((event) => ({ ...event, kind: 'confirmed', body }));
    assert.equal(await verdict([confirmed, second]), 'invalid');
  });

  test('another rollout, closure, digest, attempt', async () => {
    assert.equal(await verdict([await aim({ rolloutId: 'f'.repeat(64) }), second]), 'wrong-rollout');
    const other = (JSON.parse(second.event) as EventOf<'converged'>).body.target;
    assert.equal(await verdict([await aim({ closure: other.closure }), second]), 'wrong-closure');
    assert.equal(await verdict([await aim({ closureDigest: other.closureDigest }), second]), 'wrong-closure');
    assert.equal(await verdict([await aim({ attempt: 2 }), second]), 'wrong-closure');
  });

  test('hosts of this wave, of a later one, of another channel, of nowhere', async () => {
    assert.equal(await verdict([canary, second, web1]), 'wrong-wave');
    assert.equal(await verdict([canary, second, web2]), 'wrong-wave');
    assert.equal(await verdict([canary, second, db]), 'unknown-host');
    const stranger = await changed((event) => ({ ...event, host: 'stranger' }));
    assert.equal(await verdict([canary, second, stranger]), 'unknown-host');
    const gone = { ...fleet, hostKeys: (name: string) => (name === 'canary' ? [] : fleet.hostKeys(name)) };
    assert.equal(await verdict([canary, second], { fleet: gone }), 'unknown-host');
  });

  test('a wave that does not exist', async () => {
    for (const wave of [-1, 3, 0.5, Number.NaN]) assert.equal(await verdict([canary, second], { wave }), 'wrong-wave');
  });

  test('more receipts than hosts', async () => {
    assert.equal(await verdict(Array(5).fill(canary)), 'oversized');
  });
});
