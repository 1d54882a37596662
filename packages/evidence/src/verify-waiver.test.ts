import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { addSeconds, type GovernanceLevel, type SignedBytes, utf8 } from '@nixfleet/contracts';
import { createTestFleet, hostileForms, type TestFleet, testBytes, testWaiver } from '@nixfleet/testkit';
import { verifyRegister, verifyWaiver, waiverState } from './verify-waiver.ts';
import { covers, waiverFor } from './waiver-scope.ts';

async function reasonOf(
  fleet: TestFleet,
  signed: SignedBytes,
  severity: GovernanceLevel | undefined = 'standard',
): Promise<string> {
  const { trust } = await fleet.verified();
  const verified = await verifyWaiver(fleet.ctx, { trust, signed, severityOf: () => severity });
  return verified.ok ? 'verified' : `${verified.reason}: ${verified.detail}`;
}

async function published() {
  const fleet = await createTestFleet();
  await fleet.publish();
  return fleet;
}

const day = 86_400;

describe('a waiver', () => {
  test('by an approver counts, also with a field that this version does not know', async () => {
    const fleet = await published();
    assert.equal(await reasonOf(fleet, (await testWaiver(fleet)).signed), 'verified');
    const { document } = await testWaiver(fleet);
    const later = await fleet.sign({ ...document, later: 1 } as typeof document, [], ['alice']);
    assert.equal(await reasonOf(fleet, later), 'verified');
  });

  test('by nobody, by another approver than it names, by somebody who is none, by a machine, does not', async () => {
    const fleet = await published();
    for (const approvedBy of [[], ['bob'], ['ci'], ['operator:olivia']]) {
      const { signed } = await testWaiver(fleet, {}, approvedBy);
      assert.match(await reasonOf(fleet, signed), /^too-few-signers/, approvedBy.join());
    }
    const { document } = await testWaiver(fleet);
    assert.match(await reasonOf(fleet, await fleet.sign(document, ['alice'])), /^too-few-signers/);
    const stranger = await testWaiver(fleet, { approver: 'olivia' });
    assert.match(await reasonOf(fleet, stranger.signed), /olivia is no approver/);
  });

  test('needs the role’s threshold, and one signer counts once', async () => {
    const fleet = await createTestFleet({
      trust: (draft) => {
        draft.roles.approver.threshold = 2;
      },
    });
    await fleet.publish();
    assert.match(await reasonOf(fleet, (await testWaiver(fleet)).signed), /expected 2 distinct signers/);
    assert.match(await reasonOf(fleet, (await testWaiver(fleet, {}, ['alice', 'alice'])).signed), /^too-few-signers/);
    assert.equal(await reasonOf(fleet, (await testWaiver(fleet, {}, ['alice', 'bob'])).signed), 'verified');
  });

  test('signed for another type or fleet, or for other bytes, does not count', async () => {
    const fleet = await published();
    const other = await createTestFleet({ name: 'other' });
    const { document, signed } = await testWaiver(fleet);
    const elsewhere = await other.sign({ ...document, fleet: other.name }, [], ['alice']);
    const borrowed = { ...signed, sshSignatures: elsewhere.sshSignatures ?? new Map() };
    assert.match(await reasonOf(fleet, borrowed), /^too-few-signers/);
    const changed = testBytes({ ...document, scope: { hosts: ['web-1', 'web-2'] } });
    assert.match(await reasonOf(fleet, { ...signed, bytes: changed }), /^too-few-signers/);
  });

  test('in a form that readers must refuse is refused with its reason', async () => {
    const fleet = await published();
    const { document, signed } = await testWaiver(fleet);
    for (const { name, bytes, reason } of hostileForms(document)) {
      assert.match(await reasonOf(fleet, { ...signed, bytes }), new RegExp(`^${reason}`), name);
    }
  });

  const now = '2026-06-01T08:00:00Z';
  const after = (seconds: number) => addSeconds(now as never, seconds);
  const cases: readonly [string, object, RegExp, GovernanceLevel?][] = [
    ['a year', { expiresAt: after(365 * day), reviewAt: after(day) }, /^verified/],
    ['more than a year', { expiresAt: after(365 * day + 1) }, /^invalid.*365 days/],
    ['90 days of a minimal rule', { expiresAt: after(90 * day) }, /^verified/, 'minimal'],
    ['more of a minimal rule', { expiresAt: after(90 * day + 1) }, /^invalid.*90 days/, 'minimal'],
    ['ending when it begins', { expiresAt: now }, /^invalid/],
    ['without an end', { expiresAt: undefined }, /^invalid/],
    ['reviewed after its end', { reviewAt: after(31 * day) }, /reviewAt/],
    ['approved by its owner', { owner: 'Alice' }, /same person/],
    ['a high risk without compensation', { risk: 'high' }, /compensating/],
    ['a high risk with compensation', { risk: 'high', compensating: ['A guard.'] }, /^verified/],
    ['of the evidence itself', { controlId: 'evidence-integrity' }, /cannot be waived/],
    ['of the drill', { controlId: 'synthetic-always-fail' }, /cannot be waived/],
    ['too short a reason', { justification: 'Because.' }, /^invalid.*justification/],
    ['of no host', { scope: { hosts: [] } }, /^invalid.*scope/],
    ['of everything', { scope: {} }, /^invalid.*scope/],
    ['of two kinds of scope', { scope: { hosts: ['web-1'], channel: 'stable' } }, /^invalid.*scope/],
    ['of all', { scope: 'all' }, /^invalid.*scope/],
  ];
  for (const [name, change, pattern, severity] of cases) {
    test(name, async () => {
      const fleet = await published();
      const { document } = await testWaiver(fleet);
      const bytes = testBytes(JSON.parse(JSON.stringify({ ...document, ...change })));
      const { sshSignatures } = await signedAs(fleet, bytes);
      assert.match(await reasonOf(fleet, { bytes, signatures: new Map(), sshSignatures }, severity), pattern);
    });
  }

  test('of a rule that nobody knows may live as long as of a minimal one', async () => {
    const fleet = await published();
    const { trust } = await fleet.verified();
    const { signed } = await testWaiver(fleet, { expiresAt: after(91 * day) });
    const verified = await verifyWaiver(fleet.ctx, { trust, signed, severityOf: () => undefined });
    assert.equal(verified.ok, false);
  });

  async function signedAs(fleet: TestFleet, bytes: Uint8Array) {
    const { makeSshsig } = await import('@nixfleet/contracts');
    const alice = await fleet.keyOf('alice');
    const namespace = `waiver@${fleet.name}`;
    const armored = await makeSshsig(fleet.ctx.crypto, { signer: alice, message: bytes, namespace });
    return { sshSignatures: new Map([[alice.keyId, armored]]) };
  }
});

test('scope and time: the start counts, the end does not', async () => {
  const fleet = await published();
  const { document } = await testWaiver(fleet);
  const { createdAt, expiresAt, controlId, ruleId } = document;
  const question = { controlId, ruleId, host: 'web-1', channel: 'stable', tags: ['edge'], at: createdAt };
  const ask = (change: object, scope: object = document.scope) =>
    covers({ ...document, scope } as typeof document, { ...question, ...change } as never);
  assert.equal(ask({}), true);
  assert.equal(ask({ at: addSeconds(createdAt, -1) }), false);
  assert.equal(ask({ at: addSeconds(expiresAt, -1) }), true);
  assert.equal(ask({ at: expiresAt }), false);
  assert.equal(ask({ host: 'web-2' }), false);
  assert.equal(ask({ ruleId: 'AC-02' }), false);
  assert.equal(ask({}, { tags: ['edge', 'other'] }), true);
  assert.equal(ask({}, { tags: ['other'] }), false);
  assert.equal(ask({}, { channel: 'stable' }), true);
  assert.equal(ask({}, { channel: 'data' }), false);
  const forbidden = { ...document, controlId: 'evidence-integrity' as never };
  assert.equal(waiverFor([forbidden], { ...question, controlId: 'evidence-integrity' } as never), null);
});

test('a register: what does not count is left out alone, and a number counts once', async () => {
  const fleet = await published();
  const { trust } = await fleet.verified();
  const good = await testWaiver(fleet);
  const unsigned = await testWaiver(fleet, { id: 'W-2026-0002' }, []);
  const twice = await testWaiver(fleet, { ruleId: 'AC-02' });
  const entry = ({ signed }: typeof good) => ({
    waiver: new TextDecoder().decode(signed.bytes),
    sshSignatures: Object.fromEntries(signed.sshSignatures ?? []),
  });
  const register = { type: 'waiver-register', fleet: fleet.name, schemaVersion: 1 };
  const bytes = testBytes({ ...register, waivers: [entry(good), entry(unsigned), entry(twice)] });
  const verified = await verifyRegister(fleet.ctx, { trust, bytes, severityOf: () => 'standard' });
  assert.ok(verified.ok);
  assert.deepEqual(
    verified.value.waivers.map(({ document }) => [document.id, document.ruleId]),
    [['W-2026-0001', 'AC-01']],
  );
  assert.deepEqual(
    verified.value.refused.map(({ index, refusal }) => [index, refusal.reason]),
    [
      [1, 'too-few-signers'],
      [2, 'invalid'],
    ],
  );
  const refused = await verifyRegister(fleet.ctx, { trust, bytes: utf8('{}'), severityOf: () => 'standard' });
  assert.ok(!refused.ok && refused.reason === 'wrong-type');
});

test('states of a waiver over its life', async () => {
  const fleet = await published();
  const { document } = await testWaiver(fleet, { expiresAt: addSeconds(fleet.now, 60 * day) });
  const at = (seconds: number) => waiverState(document, addSeconds(fleet.now, seconds));
  assert.deepEqual(
    [at(-1), at(0), at(30 * day - 1), at(30 * day), at(60 * day - 1), at(60 * day)],
    ['not-begun', 'active', 'active', 'expiring', 'expiring', 'expired'],
  );
});
