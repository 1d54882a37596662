import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EvidenceReceipt, EvidenceView } from '@nixfleet/contracts';
import { type TestCollection, TestEvidence } from '@nixfleet/testkit';
import { bodyOf, errorOf, Fixture } from '../fixture.test.ts';

const path = '/v1/agent/evidence';

function uploadOf({ bytes, sig, sshsig }: TestCollection) {
  return { evidence: new TextDecoder().decode(bytes), sig, sshsig };
}

async function collected(count: number) {
  const fixture = await Fixture.start();
  const evidence = new TestEvidence(fixture.fleet, 'web-1');
  for (let i = 0; i < count; i++) await evidence.collect({ failing: i === 1 ? ['AC-01'] : [] });
  return {
    fixture,
    evidence,
    send: (host: string, body: unknown) => fixture.call(host, { method: 'POST', path, body }),
  };
}

test("a host's evidence is kept and handed out byte for byte, to operators alone", async () => {
  const { fixture, evidence, send } = await collected(3);
  await using _ = fixture;
  for (const collection of evidence.collections) {
    const { stored } = EvidenceReceipt.parse(bodyOf(await send('web-1', uploadOf(collection)), 200));
    assert.equal(stored.sha256, collection.sha256);
  }
  const first = uploadOf(evidence.collections[0] as TestCollection);
  assert.equal((await send('web-1', first)).status, 200, 'again');
  const view = EvidenceView.parse(bodyOf(await fixture.call('olivia', { path: '/v1/evidence/web-1' }), 200));
  assert.deepEqual(view, { evidence: evidence.collections.map(uploadOf), next: null });
  const to = evidence.collections[0]?.document.collectedAt;
  const none = EvidenceView.parse(bodyOf(await fixture.call('olivia', { path: `/v1/evidence/web-1?to=${to}` }), 200));
  assert.deepEqual(none.evidence, [], 'before the first');
  assert.equal(errorOf(await fixture.call('web-1', { path: '/v1/evidence/web-1' }), 403).error, 'not-allowed');
  assert.equal(errorOf(await fixture.call('olivia', { path: '/v1/evidence/web-1?after=x' }), 400).error, 'malformed');
  const newest = EvidenceView.parse(bodyOf(await fixture.call('olivia', { path: '/v1/evidence/web-1?newest=1' }), 200));
  assert.deepEqual(newest, { evidence: evidence.collections.slice(-1).map(uploadOf), next: null });
  assert.equal(errorOf(await fixture.call('olivia', { path: '/v1/evidence/web-1?newest=2' }), 400).error, 'malformed');
});

test('what a host did not sign, or signed for another, is not kept', async () => {
  const { fixture, evidence, send } = await collected(1);
  await using _ = fixture;
  const upload = uploadOf(evidence.collections[0] as TestCollection);
  const stranger = await evidence.signed(evidence.collections[0]?.bytes ?? new Uint8Array(), 'host:web-2');
  const bad: [string, string, unknown][] = [
    ['web-2', 'bad-evidence', upload],
    ['web-1', 'bad-evidence', { ...upload, evidence: upload.evidence.replace('"pass":2', '"pass":3') }],
    ['web-1', 'bad-evidence', { ...upload, ...stranger }],
    ['web-1', 'bad-evidence', { ...upload, evidence: '{}' }],
    ['web-1', 'malformed', { evidence: upload.evidence, sig: upload.sig }],
  ];
  for (const [host, error, body] of bad) {
    const { error: got } = errorOf(await send(host, body), error === 'malformed' ? 400 : 422);
    assert.equal(got, error, JSON.stringify(body).slice(0, 80));
  }
  const view = EvidenceView.parse(bodyOf(await fixture.call('olivia', { path: '/v1/evidence/web-1' }), 200));
  assert.deepEqual(view.evidence, []);
});

test('two documents for one place of a chain: the second is not believed', async () => {
  const { fixture, evidence, send } = await collected(1);
  await using _ = fixture;
  assert.equal((await send('web-1', uploadOf(evidence.collections[0] as TestCollection))).status, 200);
  const other = new TestEvidence(fixture.fleet, 'web-1');
  const second = await send('web-1', uploadOf(await other.collect({ failing: ['AC-02'] })));
  assert.equal(errorOf(second, 409).error, 'fork');
});
