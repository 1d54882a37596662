import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  addSeconds,
  type ComplianceCatalogue,
  canonicalBytes,
  type EvidenceDocument,
  HostName,
  type Json,
  sha256Hex,
} from '@nixfleet/contracts';
import {
  accepted,
  createTestFleet,
  type TestCollection,
  TestEvidence,
  testCatalogue,
  testRule,
  testWaiver,
} from '@nixfleet/testkit';
import { isRedactionOf } from './redact.ts';
import { checkAgainstRelease, type ReleasedHost } from './verify-against-release.ts';
import { verifyEvidence } from './verify-evidence.ts';
import { verifyWaiver } from './verify-waiver.ts';

const host = HostName.parse('web-1');

async function setUp() {
  const fleet = await createTestFleet();
  const { document: waiver, signed } = await testWaiver(fleet);
  await fleet.publish((next) => {
    next.waiverRegister = {
      type: 'waiver-register',
      fleet: fleet.name,
      schemaVersion: 1,
      waivers: [
        {
          waiver: new TextDecoder().decode(signed.bytes),
          sshSignatures: Object.fromEntries(signed.sshSignatures ?? []),
        },
      ],
    };
  });
  const evidence = new TestEvidence(fleet, 'web-1');
  const target = await fleet.target('web-1');
  const { trust } = await fleet.verified();
  const verified = accepted(await verifyWaiver(fleet.ctx, { trust, signed, severityOf: () => 'standard' }));
  const released: ReleasedHost = {
    releaseId: await sha256Hex(fleet.ctx.crypto, fleet.current.release.bytes),
    sourceCommit: fleet.current.document.source.commit,
    rolloutId: target.rolloutId,
    channel: target.channel,
    tags: [],
    mode: 'enforce',
    closure: target.closure,
    closureDigest: target.closureDigest,
    catalogueSha256: await sha256Hex(fleet.ctx.crypto, evidence.catalogueBytes),
    waiverRegister: fleet.current.document.waiverRegister?.sha256 ?? null,
    waivers: [verified],
  };
  const keys = [{ key: (await fleet.hostKey('web-1')).publicKey, from: fleet.now, until: null }];
  const check = async (
    signedEvidence: TestCollection,
    change: Partial<ReleasedHost> | null = {},
    catalogue: ComplianceCatalogue = evidence.catalogue,
  ) => {
    const now = addSeconds(fleet.now, 86_400 * 60);
    const found = accepted(await verifyEvidence(fleet.ctx, { signed: signedEvidence, host, keys, now }));
    const checked = checkAgainstRelease(found, change === null ? null : { ...released, ...change }, catalogue);
    return checked.ok ? 'verified' : checked.reason;
  };
  return { fleet, evidence, waiver, released, check };
}

test('evidence of what was released is verified', async () => {
  const { evidence, check } = await setUp();
  assert.equal(await check(await evidence.collect()), 'verified');
});

test('release-unverified: no release, another one, or one that says otherwise', async () => {
  const { evidence, check } = await setUp();
  const collection = await evidence.collect();
  assert.equal(await check(collection, null), 'release-unverified');
  for (const change of [
    { releaseId: 'f'.repeat(64) },
    { rolloutId: 'f'.repeat(64) },
    { channel: 'data' },
    { sourceCommit: 'f'.repeat(40) },
  ]) {
    assert.equal(await check(collection, change as object), 'release-unverified', JSON.stringify(change));
  }
  const unnamed = await evidence.collect({ change: { facts: { release: null } } });
  assert.equal(await check(unnamed), 'release-unverified');
});

test('closure-mismatch: another closure, digest or catalogue', async () => {
  const { evidence, released, check } = await setUp();
  const { document } = await evidence.collect();
  const system = { ...document.system, toplevel: `/nix/store/${'2'.repeat(32)}-other` };
  assert.equal(await check(await evidence.collect({ change: { facts: { system } } })), 'closure-mismatch');
  const collection = await evidence.collect();
  assert.equal(await check(collection, { closureDigest: 'f'.repeat(64) } as Partial<ReleasedHost>), 'closure-mismatch');
  const other = { ...released, catalogueSha256: 'f'.repeat(64) } as ReleasedHost;
  assert.equal(await check(collection, other), 'closure-mismatch');
});

test('malformed: not what the catalogue asks', async () => {
  const { evidence, check } = await setUp();
  const collection = await evidence.collect();
  const changed = (change: (draft: ComplianceCatalogue) => unknown): ComplianceCatalogue => {
    const draft = structuredClone(evidence.catalogue);
    change(draft);
    return draft;
  };
  const rule = (draft: ComplianceCatalogue) => draft.controls[0]?.rules[0] ?? assert.fail();
  const cases: readonly [string, ComplianceCatalogue][] = [
    [
      'a control is missing',
      changed(({ controls }) => controls.push({ ...(controls[0] ?? assert.fail()), controlId: 'x' as never })),
    ],
    ['a control too many', changed(({ controls }) => controls.pop())],
    ['a rule is missing', changed((draft) => draft.controls[0]?.rules.push({ ...rule(draft), id: 'AC-09' as never }))],
    ['a rule too many', changed((draft) => draft.controls[0]?.rules.pop())],
    [
      'another expectation',
      changed((draft) => Object.assign(rule(draft).probe ?? {}, { expect: { violationCount: 1 } })),
    ],
    ['another program', changed((draft) => Object.assign(rule(draft).probe ?? {}, { command: '/nix/store/x' }))],
    ['no probe', changed((draft) => Object.assign(rule(draft), { probe: null }))],
    ['another mode', changed((draft) => Object.assign(draft.controls[0] ?? {}, { mode: 'permissive' }))],
    ['inactive', changed((draft) => Object.assign(rule(draft), { via: 'tag' }))],
  ];
  for (const [name, catalogue] of cases) assert.equal(await check(collection, {}, catalogue), 'malformed', name);
});

test('malformed: an active rule that is not applicable for a reason that the catalogue does not give', async () => {
  const reasons = ['inactive', 'attested', 'unmeasured', 'static-only', 'not-static', 'disabled', 'environment'];
  const rule = (applicability: string) =>
    testRule('AC-01', { hasStatic: false, probe: { ...testRule('AC-01').probe, applicability } });
  for (const applicability of ['always', 'probed']) {
    const { fleet, check } = await setUp();
    const [control] = testCatalogue('web-1').controls;
    const catalogue = testCatalogue('web-1', [{ ...control, type: 'runtime', rules: [rule(applicability)] }]);
    const evidence = new TestEvidence(fleet, 'web-1', catalogue);
    const catalogueSha256 = await sha256Hex(fleet.ctx.crypto, evidence.catalogueBytes);
    const collection = await evidence.collect({ failing: ['AC-01'] });
    for (const reason of reasons) {
      for (const exitCode of [null, 0, 1]) {
        const claimed = withoutMeasurement(collection.document, { reason, exitCode });
        const bytes = canonicalBytes(claimed as Json);
        const signed = { ...collection, bytes, ...(await evidence.signed(bytes)) };
        const isRight = applicability === 'probed' && reason === 'environment' && exitCode === 0;
        const what = `${applicability}, ${reason}, exit ${exitCode}`;
        assert.equal(await check(signed, { catalogueSha256 }, catalogue), isRight ? 'verified' : 'malformed', what);
      }
    }
  }
});

/** What says that the one rule of a document had nothing to measure, and agrees with itself. */
function withoutMeasurement(
  document: EvidenceDocument,
  { reason, exitCode }: { readonly reason: string; readonly exitCode: number | null },
): object {
  const draft = structuredClone(document);
  const control = draft.controls[0] ?? assert.fail();
  const { expected: _, observed: __, probe, ...rule } = control.rules[0] ?? assert.fail();
  const run = exitCode === null || probe === undefined ? {} : { probe: { ...probe, exitCode } };
  const claim = { status: 'not-applicable', decision: 'none', reason };
  const rules = [{ ...rule, ...claim, ...run }];
  const { reason: ___, ...ofControl } = { ...control, ...claim, passed: false, details: {}, rules };
  return { ...draft, controls: [ofControl], summary: { ...draft.summary, fail: 0, notApplicable: 1 } };
}

test('malformed: collected under a weaker mode than the one that was released', async () => {
  const { evidence, check } = await setUp();
  const permissive = await evidence.collect({ change: { mode: 'permissive' } });
  assert.equal(await check(permissive), 'malformed');
  assert.equal(await check(permissive, { mode: 'permissive' }), 'verified');
  assert.equal(await check(await evidence.collect(), { mode: 'permissive' }), 'malformed');
});

test('malformed: an expectation is compared where names in it are redacted, too', async () => {
  const { fleet, check } = await setUp();
  const expect = { accounts: [{ user: 'root', shell: '/bin/sh' }], extra: { $subset: [{ user: 'root' }] } };
  const withExpectation = (wanted: object): ComplianceCatalogue => {
    const catalogue = testCatalogue('web-1');
    for (const rule of catalogue.controls[0]?.rules ?? []) Object.assign(rule.probe ?? {}, { expect: wanted });
    return catalogue;
  };
  const evidence = new TestEvidence(fleet, 'web-1', withExpectation(expect));
  const runs = new Map(
    ['AC-01', 'AC-02', 'AL-01'].map((id) => {
      const output = id === 'AL-01' ? { violationCount: 0 } : { ...expect, extra: [] };
      return [id, { exitCode: 0, durationMs: 1, stdout: new TextEncoder().encode(JSON.stringify(output)) }];
    }),
  );
  const collection = await evidence.collect({ change: { runs } });
  const [control] = collection.document.controls;
  assert.deepEqual(control?.redactions, ['user']);
  assert.equal(control.status, 'pass');
  const catalogueSha256 = await sha256Hex(fleet.ctx.crypto, evidence.catalogueBytes);
  const asked = (wanted: object) => check(collection, { catalogueSha256 }, withExpectation(wanted));
  assert.equal(await asked(expect), 'verified');
  const others: readonly object[] = [
    { ...expect, accounts: [{ user: 'root', shell: '/bin/false' }] },
    { ...expect, accounts: [] },
    { accounts: expect.accounts },
    { ...expect, more: null },
  ];
  for (const other of others) assert.equal(await asked(other), 'malformed', JSON.stringify(other));
});

test('redactions: a hash stands for one text only, and nothing else may be replaced', () => {
  const is = (found: Json, asked: Json, members = ['user']) =>
    isRedactionOf(found, asked, { members, hashes: new Map() });
  const [one, two] = [`salted:${'0'.repeat(16)}`, `salted:${'1'.repeat(16)}`];
  assert.ok(is([{ user: one }, { user: one }], [{ user: 'a' }, { user: 'a' }]));
  assert.ok(!is([{ user: one }, { user: two }], [{ user: 'a' }, { user: 'a' }]), 'one text, two hashes');
  assert.ok(!is({ user: 'a' }, { user: 'a' }), 'not replaced');
  assert.ok(!is({ user: one }, { user: 'a' }, []), 'not said to be replaced');
  assert.ok(!is({ host: one }, { host: 'a' }, ['host']), 'not a member that is ever replaced');
  assert.ok(!is({ user: one }, { user: 1 }), 'not a text');
  assert.ok(!is([], {}) && !is({}, []) && !is(null, {}));
});

test('waiver-invalid: unknown, out of scope, of another rule, expired when it was collected', async () => {
  const { fleet, evidence, waiver, released, check } = await setUp();
  const waived = () => evidence.collect({ failing: ['AC-01'], change: { waivers: [waiver] } });
  assert.equal(await check(await waived()), 'verified');
  assert.equal(await check(await waived(), { waivers: [] }), 'waiver-invalid');
  assert.equal(await check(await waived(), { waiverRegister: null }), 'waiver-invalid');
  const [verified] = released.waivers;
  assert.ok(verified);
  for (const change of [
    { scope: { hosts: ['web-2'] } },
    { scope: { tags: ['edge'] } },
    { scope: { channel: 'data' } },
    { ruleId: 'AC-02' },
    { controlId: 'audit-logging' },
    { expiresAt: fleet.now },
    { createdAt: addSeconds(fleet.now, 1) },
  ]) {
    const document = Object.assign({}, verified.document, change);
    const changed: ReleasedHost['waivers'] = [{ ...verified, document }];
    assert.equal(await check(await waived(), { waivers: changed }), 'waiver-invalid', JSON.stringify(change));
  }
});
