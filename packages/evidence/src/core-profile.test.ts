import assert from 'node:assert/strict';
import { createPublicKey, verify } from 'node:crypto';
import { test } from 'node:test';
import { canonicalBytes, encodeBase64, type Json, utf8 } from '@nixfleet/contracts';
import { createTestFleet, TestEvidence, testKey } from '@nixfleet/testkit';
import { verifyCoreEvidence } from './core-profile.ts';

const theirs = {
  schemaVersion: 1,
  hostname: 'alder',
  collectedAt: '2026-06-01T08:05:00.123456Z',
  controls: [
    { controlId: 'access-control', passed: true, frameworkArticles: { nis2: ['21(2)(i)'] }, details: { load: 0.5 } },
  ],
  unknown: { field: null },
};

async function signed(document: object, label = 'host:alder') {
  const key = await testKey(label);
  const sig = encodeBase64(await key.sign(canonicalBytes(document as Json)));
  return { key: key.publicKey, sig };
}

async function reason(change: Partial<Parameters<typeof verifyCoreEvidence>[1]> = {}, document: object = theirs) {
  const fleet = await createTestFleet();
  const bytes = utf8(`${JSON.stringify(document, null, 2)}\n`);
  const verified = await verifyCoreEvidence(fleet.ctx, {
    bytes,
    hostname: 'alder',
    ...(await signed(document)),
    ...change,
  });
  return verified.ok ? 'verified' : verified.reason;
}

test('their evidence, indented and with fractions, verifies over its canonical form', async () => {
  assert.equal(await reason(), 'verified');
});

test('each way not to verify has its outcome', async () => {
  assert.equal(await reason({ sig: null }), 'unsigned');
  assert.equal(await reason({ key: null }), 'no-declared-key');
  assert.equal(await reason({ key: (await testKey('host:alder', 'ecdsa-p256')).publicKey }), 'no-declared-key');
  assert.equal(await reason({ key: (await testKey('host:birch')).publicKey }), 'bad-signature');
  assert.equal(await reason({ sig: 'AAAA' }), 'bad-signature');
  const changed = utf8(JSON.stringify({ ...theirs, unknown: { field: 1 } }));
  assert.equal(await reason({ bytes: changed }), 'bad-signature', 'fields that nobody knows are signed too');
  assert.equal(await reason({ hostname: 'birch' }), 'malformed');
  for (const bytes of ['[]', '{', '{"schemaVersion":1}', JSON.stringify({ ...theirs, schemaVersion: 2 })]) {
    assert.equal(await reason({ bytes: utf8(bytes) }), 'malformed', bytes);
  }
  assert.equal(await reason({ bytes: utf8(JSON.stringify({ ...theirs, controls: {} })) }), 'malformed');
  assert.equal(await reason({ bytes: utf8(JSON.stringify({ ...theirs, collectedAt: 'yesterday' })) }), 'malformed');
  assert.equal(await reason({ bytes: utf8(JSON.stringify(theirs).replace('0.5', '1e999')) }), 'malformed');
});

test('our evidence verifies by their rule: raw ed25519 in base64 over the canonical document, nothing else read', async () => {
  const fleet = await createTestFleet();
  await fleet.publish();
  const collection = await new TestEvidence(fleet, 'web-1').collect();
  const key = (await fleet.hostKey('web-1')).publicKey;
  const verified = await verifyCoreEvidence(fleet.ctx, { ...collection, hostname: 'web-1', key });
  assert.ok(verified.ok);
  // As their verifier does it, with nothing of ours: parse, canonicalise, verify.
  const document = JSON.parse(new TextDecoder().decode(collection.bytes));
  const spki = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), key.raw]);
  const publicKey = createPublicKey({ key: spki, format: 'der', type: 'spki' });
  const message = canonicalBytes(document);
  assert.equal(verify(null, message, publicKey, Buffer.from(collection.sig, 'base64')), true);
  for (const name of ['schemaVersion', 'hostname', 'collectedAt', 'controls']) assert.ok(Object.hasOwn(document, name));
  for (const control of document.controls) {
    for (const name of ['controlId', 'passed', 'frameworkArticles', 'details', 'schema']) {
      assert.ok(Object.hasOwn(control, name), name);
    }
  }
});
