import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  addSeconds,
  type ComplianceCatalogue,
  type ComplianceMode,
  canonicalize,
  HostName,
  type Json,
  RuleId,
  Sha256Hex,
  type StaticObservation,
  type StaticReport,
  WeakerMode,
} from '@nixfleet/contracts';
import { createTestFleet, testCatalogue, testRule, testWaiver } from '@nixfleet/testkit';
import { type EvaluatedCompliance, type StaticGateInput, staticGate, unsignableReport } from './static-gate.ts';

function observation(id: string, passed: boolean): StaticObservation {
  const optionPath = 'services.openssh.settings.PasswordAuthentication';
  const fix = passed ? '' : `${optionPath} = false;`;
  return { id: RuleId.parse(id), passed, expected: { x: false }, observed: { x: !passed }, optionPath, fix };
}

function evaluated(
  failing: readonly string[] = [],
  catalogue: ComplianceCatalogue = testCatalogue('web-1'),
): EvaluatedCompliance {
  const ids = catalogue.controls.flatMap(({ rules }) => rules.filter(({ hasStatic }) => hasStatic).map(({ id }) => id));
  return {
    catalogue,
    sha256: Sha256Hex.parse('a'.repeat(64)),
    bytes: 100,
    observations: ids.map((id) => observation(id, !failing.includes(id))),
  };
}

async function setUp(mode: ComplianceMode = 'enforce') {
  const fleet = await createTestFleet();
  await fleet.publish((next) => {
    for (const channel of Object.values(next.channels)) {
      channel.policy.compliance = { mode, frameworks: mode === 'disabled' ? [] : ['nis2'] };
    }
  });
  const { document } = (await fleet.verified()).fleet;
  const names = ['canary', 'db', 'web-1', 'web-2'].map((name) => HostName.parse(name));
  const input = (change: Partial<StaticGateInput> = {}, failing: readonly string[] = []): StaticGateInput => ({
    fleet: document,
    hosts: new Map(names.map((name) => [name, evaluated(name === 'web-1' ? failing : [])])),
    carriedOver: new Map(),
    waivers: [],
    waiverRegister: null,
    now: fleet.now,
    ...change,
  });
  return { fleet, document, input, names };
}

test('a failure under enforce blocks, and says host, control, option, values and fix', async () => {
  const { document, input } = await setUp();
  const { report, blocking, warnings } = staticGate(input({}, ['AC-01']));
  assert.deepEqual(blocking, [
    {
      kind: 'rule',
      host: 'web-1',
      channel: 'stable',
      controlId: 'access-control',
      ruleId: 'AC-01',
      mode: 'enforce',
      optionPath: 'services.openssh.settings.PasswordAuthentication',
      observed: { x: true },
      expected: { x: false },
      fix: 'services.openssh.settings.PasswordAuthentication = false;',
    },
  ]);
  assert.deepEqual(warnings, []);
  assert.deepEqual(report.summary, { hosts: 4, pass: 11, fail: 1, error: 0, waived: 0, blocking: 1 });
  assert.match(unsignableReport(report, document) ?? '', /web-1: AC-01 fails under enforce/);
});

test('a weaker mode stands on a waiver that counts: signed, of that control, in scope, and at that time', async () => {
  const { fleet, document, input, names } = await setUp();
  const { document: waiver } = await testWaiver(fleet);
  const of = (change: object = {}): ReturnType<typeof staticGate> => {
    const weaker = WeakerMode.parse({
      path: 'hosts.web-1.compliance.controls.access-control',
      mode: 'permissive',
      wider: 'enforce',
      waiver: waiver.id,
      control: 'access-control',
      ...change,
    });
    const { waivers = [waiver], now = fleet.now } = change as Partial<StaticGateInput>;
    const hosts = new Map(
      names.map((name) => [name, name === 'web-1' ? { ...evaluated(), weakened: [weaker] } : evaluated()]),
    );
    return staticGate(input({ hosts, waivers, now }));
  };
  assert.deepEqual(of().blocking, []);
  assert.deepEqual(of({ control: null }).blocking, [], 'of everything: any waiver of these hosts and that time');
  const cases: readonly (readonly [object, RegExp])[] = [
    [{ waivers: [] }, /W-2026-0001 is not in the repository, or does not count/],
    [{ waiver: 'W-2026-0002' }, /W-2026-0002 is not in the repository/],
    [{ control: 'audit-logging' }, /is about access-control/],
    [{ control: 'evidence-integrity' }, /evidence-integrity cannot be waived/],
    [{ now: waiver.expiresAt }, /ran out at/],
    [{ now: addSeconds(waiver.createdAt, -1) }, /begins at/],
    [{ waivers: [{ ...waiver, scope: { hosts: ['db'] } }] }, /does not cover web-1/],
    [{ control: null, waivers: [{ ...waiver, scope: { channel: 'data' } }] }, /does not cover web-1/],
  ];
  for (const [change, why] of cases) {
    const { blocking, report } = of(change);
    assert.deepEqual(
      blocking.map(({ kind, host, mode, optionPath, observed }) => [kind, host, mode, optionPath, observed]),
      [['weaker-mode', 'web-1', 'enforce', 'hosts.web-1.compliance.controls.access-control', 'permissive']],
      String(why),
    );
    assert.match(blocking[0]?.fix ?? '', why);
    assert.match(unsignableReport(report, document) ?? '', /1 failures block/, 'nobody signs it');
  }
  const { blocking, warnings } = of({ wider: 'permissive', mode: 'disabled', waivers: [] });
  assert.deepEqual([blocking.length, warnings.length], [0, 1], 'what only warned weakened to nothing warns');
});

test('under permissive it warns; disabled, nothing is evaluated', async () => {
  const permissive = await setUp('permissive');
  const warned = staticGate(permissive.input({}, ['AC-01']));
  assert.deepEqual([warned.blocking.length, warned.warnings.length], [0, 1]);
  assert.equal(unsignableReport(warned.report, permissive.document), null);
  const disabled = await setUp('disabled');
  const silent = staticGate(disabled.input({ hosts: new Map() }, ['AC-01']));
  assert.deepEqual([silent.blocking.length, silent.warnings.length], [0, 0]);
  assert.equal(unsignableReport(silent.report, disabled.document), null);
});

test('no answer is not a pass: no catalogue, and a rule that was not evaluated', async () => {
  const { input, names } = await setUp();
  const hosts = new Map([...input().hosts].filter(([name]) => name !== 'web-2'));
  const missing = staticGate(input({ hosts }));
  assert.deepEqual(
    missing.blocking.map(({ host, controlId, optionPath }) => [host, controlId, optionPath]),
    [['web-2', null, 'hosts.web-2.configuration']],
  );
  const half = { ...evaluated(), observations: evaluated().observations.slice(1) };
  const unsaid = staticGate(input({ hosts: new Map(names.map((name) => [name, name === 'db' ? half : evaluated()])) }));
  assert.deepEqual(
    unsaid.blocking.map(({ host, ruleId }) => [host, ruleId]),
    [['db', 'AC-01']],
  );
  assert.equal(unsaid.report.summary.error, 1);
});

test('a waiver lifts the block and leaves the measurement, up to its end', async () => {
  const { fleet, document, input } = await setUp();
  const { document: waiver } = await testWaiver(fleet);
  const waived = staticGate(input({ waivers: [waiver] }, ['AC-01']));
  const rule = waived.report.hosts[HostName.parse('web-1')]?.controls[0]?.rules[0];
  assert.deepEqual([rule?.status, rule?.decision, rule?.waiverId], ['fail', 'waived', 'W-2026-0001']);
  assert.equal(waived.blocking.length, 0);
  assert.equal(waived.report.summary.waived, 1);
  assert.equal(unsignableReport(waived.report, document), null);
  assert.equal(staticGate(input({ waivers: [waiver], now: waiver.expiresAt }, ['AC-01'])).blocking.length, 1);
  const before = addSeconds(waiver.expiresAt, -1);
  assert.equal(staticGate(input({ waivers: [waiver], now: before }, ['AC-01'])).blocking.length, 0);
});

test('forced off by hand fails, inactive and disabled are listed with why', async () => {
  const { input, names } = await setUp();
  const controls = [
    {
      ...testCatalogue('web-1').controls[0],
      rules: [testRule('AC-01', { via: 'override' }), testRule('AC-02', { via: 'level' })],
    },
    { ...testCatalogue('web-1').controls[1], mode: 'disabled' },
  ];
  const catalogue = testCatalogue('web-1', controls);
  const { report, blocking } = staticGate(
    input({ hosts: new Map(names.map((name) => [name, evaluated([], catalogue)])) }),
  );
  assert.equal(blocking.length, 4);
  const rules = report.hosts[HostName.parse('db')]?.controls.flatMap((control) => control.rules);
  assert.deepEqual(
    rules?.map(({ id, status, reason }) => [id, status, reason]),
    [
      ['AC-01', 'fail', undefined],
      ['AC-02', 'not-applicable', 'inactive'],
      ['AI-01', 'not-applicable', 'disabled'],
    ],
  );
});

test('what an inactive rule would come to is said, and decides nothing', async () => {
  const { input, names } = await setUp();
  const rules = [testRule('AC-01'), testRule('AC-02', { via: 'level' })];
  const said = (failing: readonly string[], change: object = { rules }) => {
    const catalogue = testCatalogue('web-1', [{ ...testCatalogue('web-1').controls[0], ...change }]);
    const hosts = new Map(names.map((name) => [name, evaluated(failing, catalogue)]));
    const { report, blocking } = staticGate(input({ hosts }));
    assert.equal(blocking.length, 0);
    return report.hosts[HostName.parse('db')]?.controls[0]?.rules[1];
  };
  assert.deepEqual([said([])?.wouldPass, said([])?.fix], [true, undefined]);
  const failing = said(['AC-02']);
  assert.deepEqual([failing?.wouldPass, failing?.status, failing?.decision], [false, 'not-applicable', 'none']);
  assert.ok(failing?.fix && failing.optionPath);
  // One of a control that is disabled, too: whoever thinks of evaluating it wants to know what that would do.
  const disabled = said(['AC-02'], { mode: 'disabled' });
  assert.deepEqual([disabled?.reason, disabled?.wouldPass, disabled?.decision], ['disabled', false, 'none']);
  assert.ok(disabled?.fix && disabled.optionPath);
});

test('the same inputs make the same bytes, and time changes nothing but decisions', async () => {
  const { fleet, input } = await setUp();
  const text = (report: StaticReport) => canonicalize(report as unknown as Json);
  const first = text(staticGate(input({}, ['AC-01'])).report);
  assert.equal(text(staticGate(input({}, ['AC-01'])).report), first);
  assert.equal(text(staticGate(input({ now: addSeconds(fleet.now, 3600) }, ['AC-01'])).report), first);
});

test('a host that keeps an earlier closure keeps its measurements, decided anew', async () => {
  const { fleet, document, input } = await setUp();
  const { document: waiver } = await testWaiver(fleet);
  const web = HostName.parse('web-1');
  const earlier = staticGate(input({ waivers: [waiver] }, ['AC-01'])).report.hosts[web] ?? assert.fail();
  const hosts = new Map([...input().hosts].filter(([name]) => name !== web));
  const carried = (now = fleet.now) =>
    staticGate(input({ hosts, carriedOver: new Map([[web, earlier]]), waivers: [waiver], now }));
  assert.equal(carried().blocking.length, 0);
  assert.equal(carried().report.hosts[web]?.isCarriedOver, true);
  assert.equal(carried(waiver.expiresAt).blocking.length, 1);
  assert.equal(unsignableReport(carried().report, document), null);
});

test('a signer refuses what does not cover every host, or does not follow from itself', async () => {
  const { document, input } = await setUp();
  const { report } = staticGate(input());
  assert.equal(unsignableReport(report, document), null);
  const changed = (change: (draft: StaticReport) => unknown) => {
    const draft = structuredClone(report);
    change(draft);
    return unsignableReport(draft, document) ?? 'signed';
  };
  const web = HostName.parse('web-1');
  const hostOf = (draft: StaticReport) => draft.hosts[web] ?? assert.fail();
  const ruleOf = (draft: StaticReport) => hostOf(draft).controls[0]?.rules[0] ?? assert.fail();
  assert.match(
    changed((draft) => delete draft.hosts[web]),
    /does not cover host web-1/,
  );
  assert.match(
    changed((draft) => {
      draft.hosts[HostName.parse('ghost')] = hostOf(draft);
    }),
    /has host ghost/,
  );
  assert.match(
    changed((draft) => Object.assign(draft, { fleet: 'other' })),
    /of fleet other/,
  );
  assert.match(
    changed((draft) => Object.assign(hostOf(draft), { mode: 'permissive' })),
    /under permissive, not/,
  );
  assert.match(
    changed((draft) => Object.assign(hostOf(draft), { channel: 'data' })),
    /in channel data/,
  );
  assert.match(
    changed((draft) => Object.assign(hostOf(draft), { catalogue: null })),
    /no catalogue fails/,
  );
  assert.match(
    changed((draft) => Object.assign(ruleOf(draft), { status: 'fail' })),
    /access-control: status/,
  );
  assert.match(
    changed((draft) => {
      Object.assign(ruleOf(draft), { status: 'fail' });
      Object.assign(hostOf(draft).controls[0] ?? {}, { status: 'fail' });
    }),
    /AC-01: fail decides pass/,
  );
});
