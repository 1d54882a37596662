import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  addSeconds,
  canonicalBytes,
  type EvidenceDocument,
  HostName,
  type Instant,
  JournalId,
  type Json,
} from '@nixfleet/contracts';
import { createTestFleet, hostileForms, present, type TestCollection, TestEvidence, testKey } from '@nixfleet/testkit';
import { ChainWalk, chainsMax, followsChain, positionOf } from './evidence-chain.ts';
import { type KeyOfRecord, type SignedEvidence, type VerifiedEvidence, verifyEvidence } from './verify-evidence.ts';

const host = HostName.parse('web-1');

async function setUp() {
  const fleet = await createTestFleet();
  await fleet.publish();
  const evidence = new TestEvidence(fleet, 'web-1');
  const { publicKey } = await fleet.hostKey('web-1');
  const keys: KeyOfRecord[] = [{ key: publicKey, from: fleet.now, until: null }];
  const verify = (signed: SignedEvidence, change: { notBefore?: Instant; now?: Instant; keys?: KeyOfRecord[] } = {}) =>
    verifyEvidence(fleet.ctx, { signed, host, keys, now: fleet.now, ...change });
  const reason = async (...args: Parameters<typeof verify>) => {
    const verified = await verify(...args);
    return verified.ok ? 'verified' : verified.reason;
  };
  return { fleet, evidence, keys, verify, reason };
}

/** The document changed and signed again by the host itself: what a signature alone does not stop. */
async function resigned(
  evidence: TestEvidence,
  { document }: TestCollection,
  change: (draft: EvidenceDocument) => unknown,
) {
  const draft = structuredClone(document);
  change(draft);
  const bytes = canonicalBytes(draft as unknown as Json);
  return { bytes, ...(await evidence.signed(bytes)) };
}

describe('one document', () => {
  test('verified, and also with fields that this version does not know', async () => {
    const { evidence, reason } = await setUp();
    const collection = await evidence.collect({ failing: ['AC-01'] });
    assert.equal(await reason(collection), 'verified');
    const later = await resigned(evidence, collection, (draft) => {
      Object.assign(draft, { later: { of: ['another', 'version'] } });
      Object.assign(draft.controls[0] ?? {}, { later: 1 });
      Object.assign(draft.controls[0]?.rules[0] ?? {}, { later: true });
    });
    assert.equal(await reason(later), 'verified');
  });

  test('unsigned: either signature is missing', async () => {
    const { evidence, reason } = await setUp();
    const collection = await evidence.collect();
    assert.equal(await reason({ ...collection, sig: null }), 'unsigned');
    assert.equal(await reason({ ...collection, sshsig: null }), 'unsigned');
  });

  test('bad-signature: a changed byte that leaves a valid document, a changed or exchanged signature', async () => {
    const { evidence, reason } = await setUp();
    const collection = await evidence.collect();
    const other = await evidence.collect();
    const text = new TextDecoder().decode(collection.bytes).replace('"kernel":"6.12.1"', '"kernel":"6.12.2"');
    const changed = new TextEncoder().encode(text);
    assert.notDeepEqual(changed, collection.bytes);
    assert.equal(await reason({ ...collection, bytes: changed }), 'bad-signature');
    assert.equal(await reason({ ...collection, sig: other.sig }), 'bad-signature');
    assert.equal(await reason({ ...collection, sshsig: other.sshsig }), 'bad-signature');
    assert.equal(await reason({ ...collection, sig: 'AAAA' }), 'bad-signature');
    assert.equal(await reason({ ...collection, sig: 'x'.repeat(10_000) }), 'bad-signature');
  });

  test('a field that this version does not know is covered by the signature too', async () => {
    const { evidence, reason } = await setUp();
    const collection = await evidence.collect();
    const signed = await resigned(evidence, collection, (draft) => {
      Object.assign(draft, { zz: 1 });
    });
    const text = new TextDecoder().decode(signed.bytes).replace('"zz":1', '"zz":2');
    assert.equal(await reason({ ...signed, bytes: new TextEncoder().encode(text) }), 'bad-signature');
  });

  test('key-mismatch: another key, even where its signature is right', async () => {
    const { evidence, reason } = await setUp();
    const collection = await evidence.collect();
    const swapped = { ...collection, ...(await evidence.signed(collection.bytes, 'host:web-2')) };
    assert.equal(await reason(swapped), 'key-mismatch');
    // The .sig of one key beside the .sshsig of another.
    assert.equal(await reason({ ...collection, sig: swapped.sig }), 'bad-signature');
  });

  test('a signature for another namespace does not count', async () => {
    const { fleet, evidence, reason } = await setUp();
    const collection = await evidence.collect();
    const { sshSignatures } = await fleet.sign(collection.document, [], ['host:web-1']);
    const sshsig = [...(sshSignatures?.values() ?? [])][0] ?? null;
    assert.equal(await reason({ ...collection, sshsig }), 'verified', 'namespace evidence@demo is the right one');
    const other = await createTestFleet({ name: 'other' });
    const elsewhere = await other.sign({ ...collection.document, fleet: other.name }, [], ['host:web-1']);
    const wrong = [...(elsewhere.sshSignatures?.values() ?? [])][0] ?? null;
    assert.equal(await reason({ ...collection, sshsig: wrong }), 'bad-signature');
  });

  test('no-declared-key: none at all, and none for that time', async () => {
    const { fleet, evidence, keys, reason } = await setUp();
    const collection = await evidence.collect();
    assert.equal(await reason(collection, { keys: [] }), 'no-declared-key');
    const [declared] = keys;
    assert.ok(declared);
    const later = { ...declared, from: addSeconds(fleet.now, 1) };
    assert.equal(await reason(collection, { keys: [later] }), 'no-declared-key');
    const ended = { ...declared, until: fleet.now };
    assert.equal(await reason(collection, { keys: [ended] }), 'no-declared-key', 'the end is exclusive');
  });

  test('of two keys that overlap while one is rotated, either counts', async () => {
    const { evidence, keys, reason } = await setUp();
    const collection = await evidence.collect();
    const spare = { ...present(keys[0], 'a key'), key: (await testKey('host:new')).publicKey };
    assert.equal(await reason(collection, { keys: [spare, ...keys] }), 'verified');
  });

  test('stale: older than asked, or from the future', async () => {
    const { fleet, evidence, reason } = await setUp();
    const collection = await evidence.collect();
    assert.equal(await reason(collection, { notBefore: fleet.now }), 'verified');
    assert.equal(await reason(collection, { notBefore: addSeconds(fleet.now, 1) }), 'stale');
    assert.equal(await reason(collection, { now: addSeconds(fleet.now, -301) }), 'stale');
  });

  test('malformed: every form that readers must refuse, though the host signed it', async () => {
    const { evidence, reason } = await setUp();
    const { document } = await evidence.collect();
    for (const { name, bytes } of hostileForms(document)) {
      assert.equal(await reason({ bytes, ...(await evidence.signed(bytes)) }), 'malformed', name);
    }
  });

  const control = (draft: EvidenceDocument, at: number) => present(draft.controls[at], `control ${at}`);
  const rule = (draft: EvidenceDocument, at: number, inner: number) =>
    present(control(draft, at).rules[inner], `rule ${inner}`);
  const pass = { status: 'pass', decision: 'pass' };
  const lies: readonly [string, (draft: EvidenceDocument) => unknown][] = [
    ['of another host', (draft) => Object.assign(draft, { hostname: 'web-2' })],
    ['passed at fail', (draft) => Object.assign(control(draft, 0), { passed: true })],
    ['a control that passes over rules that fail', (draft) => Object.assign(control(draft, 0), { status: 'pass' })],
    ['a decision that does not follow', (draft) => Object.assign(rule(draft, 0, 0), { decision: 'pass' })],
    ['waived by nothing', (draft) => Object.assign(rule(draft, 0, 0), { decision: 'waived' })],
    ['a pass whose observation says otherwise', (draft) => Object.assign(rule(draft, 0, 0), pass)],
    [
      'a pass that nothing measured',
      (draft) => {
        delete rule(draft, 1, 0).reason;
        Object.assign(rule(draft, 1, 0), pass);
        Object.assign(control(draft, 1), { ...pass, passed: true });
        Object.assign(draft.summary, { pass: 1, notApplicable: 1 });
      },
    ],
    ['a pass of a probe that failed', (draft) => Object.assign(rule(draft, 0, 1).probe ?? {}, { exitCode: 1 })],
    ['an unknown operator', (draft) => Object.assign(rule(draft, 0, 1), { expected: { violationCount: { $gt: 1 } } })],
    ['forced off and passing', (draft) => Object.assign(rule(draft, 0, 1), { via: 'override' })],
    ['inactive and passing', (draft) => Object.assign(rule(draft, 0, 1), { via: 'tag' })],
    ['a count that is wrong', (draft) => draft.summary.pass++],
    ['a control that stands twice', (draft) => draft.controls.unshift(control(draft, 0))],
    ['rules out of order', (draft) => control(draft, 0).rules.reverse()],
    ['an unknown mode', (draft) => Object.assign(control(draft, 0), { mode: 'observe' })],
    ['another profile', (draft) => Object.assign(draft, { profile: 'fleet-evidence/v2' })],
  ];
  for (const [name, change] of lies) {
    test(`malformed: ${name}`, async () => {
      const { evidence, reason } = await setUp();
      const collection = await evidence.collect({ failing: ['AC-01'] });
      assert.equal(await reason(await resigned(evidence, collection, change)), 'malformed');
    });
  }
});

describe('the chain', () => {
  async function chain() {
    const { verify, evidence, fleet } = await setUp();
    const collected: VerifiedEvidence[] = [];
    for (let i = 0; i < 3; i++) {
      fleet.pass(3600);
      const verified = await verify(await evidence.collect());
      assert.ok(verified.ok);
      collected.push(verified.value);
    }
    const [first, second, third] = collected as [VerifiedEvidence, VerifiedEvidence, VerifiedEvidence];
    return { fleet, verify, evidence, first, second, third };
  }
  const reason = (...args: Parameters<typeof followsChain>) => {
    const follows = followsChain(...args);
    return follows.ok ? 'verified' : follows.reason;
  };

  test('each follows the one before', async () => {
    const { first, second, third } = await chain();
    assert.equal(reason(null, first), 'verified');
    assert.equal(reason(positionOf(first), second), 'verified');
    assert.equal(reason(positionOf(second), third), 'verified');
  });

  test('replayed: the same once more, an earlier one, another one in its place', async () => {
    const { fleet, verify, first, second } = await chain();
    assert.equal(reason(positionOf(second), second), 'replayed');
    assert.equal(reason(positionOf(second), first), 'replayed');
    const again = new TestEvidence(fleet, 'web-1');
    await again.collect();
    const forked = await verify(await again.collect());
    assert.ok(forked.ok);
    assert.equal(reason(positionOf(second), forked.value), 'replayed');
  });

  test('chain-gap: one is missing, the first is missing, the predecessor is another', async () => {
    const { fleet, verify, first, second, third } = await chain();
    assert.equal(reason(positionOf(first), third), 'chain-gap');
    assert.equal(reason(null, second), 'chain-gap');
    const other = new TestEvidence(fleet, 'web-1');
    await other.collect();
    const foreign = await verify(await other.collect());
    assert.ok(foreign.ok);
    assert.equal(reason(positionOf(first), foreign.value), 'chain-gap');
  });

  test('another chain begins with its first document', async () => {
    const { fleet, verify, second } = await chain();
    const anew = new TestEvidence(fleet, 'web-1');
    const begun = await verify(await anew.collect({ change: { facts: { chain: 'f'.repeat(32) } } }));
    assert.ok(begun.ok);
    assert.equal(reason(positionOf(second), begun.value), 'verified');
    const late = await verify(await anew.collect({ change: { facts: { chain: 'e'.repeat(32) } } }));
    assert.ok(late.ok);
    assert.equal(reason(positionOf(second), late.value), 'chain-gap');
  });

  /** What a walk says of each document, `!` where the history does not go on with it. */
  function walked(documents: readonly VerifiedEvidence[]): string {
    const walk = new ChainWalk();
    const steps = documents.map((document) => walk.step(document));
    return steps.map(({ refusal, isLink }) => `${refusal?.reason ?? 'verified'}${isLink ? '' : '!'}`).join(' ');
  }

  async function twoChains() {
    const { fleet, verify, first, second, third } = await chain();
    const anew = new TestEvidence(fleet, 'web-1');
    const later: VerifiedEvidence[] = [];
    for (let i = 0; i < 2; i++) {
      fleet.pass(3600);
      const verified = await verify(await anew.collect({ change: { facts: { chain: 'f'.repeat(32) } } }));
      assert.ok(verified.ok);
      later.push(verified.value);
    }
    const [fourth, fifth] = later as [VerifiedEvidence, VerifiedEvidence];
    return { fleet, verify, first, second, third, fourth, fifth };
  }

  test('a walk begins anywhere, goes on behind a gap, and from one chain to a later one', async () => {
    const { first, second, third, fourth, fifth } = await twoChains();
    assert.equal(walked([second, third, fourth, fifth]), 'verified verified verified verified');
    assert.equal(walked([first, third, fourth]), 'verified chain-gap verified');
    assert.equal(walked([first, second, fifth]), 'verified verified chain-gap', 'the later one lacks its first');
    assert.equal(walked([second, second, third]), 'verified replayed! verified');
  });

  test('replayed: a chain that another one has followed, from its first document or from where it had stopped', async () => {
    const { first, second, third, fourth, fifth } = await twoChains();
    assert.equal(walked([first, second, fourth, third, fifth]), 'verified verified verified replayed! verified');
    assert.equal(walked([first, second, fourth, first, second]), 'verified verified verified replayed! replayed!');
  });

  test('stale: chains in another order than that of time', async () => {
    const { first, second, fourth, fifth } = await twoChains();
    assert.equal(walked([fourth, fifth, first, second]), 'verified verified stale! stale!');
    assert.equal(walked([fourth, fifth, second]), 'verified verified stale!', 'and a gap besides');
  });

  test('no more chains are told apart than a bound', async () => {
    const { first } = await chain();
    const of = (n: number): VerifiedEvidence => {
      const document = { ...first.document, chain: JournalId.parse(n.toString(16).padStart(32, '0')) };
      return { ...first, document };
    };
    const walk = new ChainWalk();
    for (let n = 0; n <= chainsMax; n++) assert.equal(walk.step(of(n)).refusal, null, `chain ${n}`);
    const { refusal, isLink } = walk.step(of(chainsMax + 1));
    assert.deepEqual([refusal?.reason, isLink], ['chain-gap', false]);
  });
});
