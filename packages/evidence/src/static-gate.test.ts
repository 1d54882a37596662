import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addSeconds, canonicalize, HostName, type Json, WeakerMode } from '@nixfleet/contracts';
import { testCatalogue, testRule, testWaiver } from '@nixfleet/testkit';
import { observationsOf, type StaticGate, type StaticGateInput } from './static-gate.ts';
import { staticLab, web } from './static-lab.test.ts';

test('a failure under enforce blocks, and says host, control, option, values and fix', async () => {
  const { gate, sign } = await staticLab();
  const { report, blocking, warnings } = await gate({}, ['AC-01']);
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
  assert.match(await sign(report), /web-1: AC-01 fails under enforce/);
});

test('a weaker mode stands on a waiver that counts: signed, of that control, in scope, and at that time', async () => {
  const { fleet, gate, sign, evaluated, everywhere } = await staticLab();
  const { document: waiver } = await testWaiver(fleet);
  const of = async (change: object = {}): Promise<StaticGate> => {
    const weaker = WeakerMode.parse({
      path: 'hosts.web-1.compliance.controls.access-control',
      mode: 'permissive',
      wider: 'enforce',
      waiver: waiver.id,
      control: 'access-control',
      ...change,
    });
    const { waivers = [waiver], now = fleet.now } = change as Partial<StaticGateInput>;
    const weakened = { weakened: [weaker] };
    const hosts = await everywhere(async (name) => ({
      ...(await evaluated(name)),
      ...(name === web ? weakened : {}),
    }));
    return gate({ hosts, waivers, now });
  };
  const standing = await of();
  assert.deepEqual(standing.blocking, []);
  assert.equal(await sign(standing.report, { waivers: [waiver] }), 'signed');
  assert.deepEqual(
    (await of({ control: null })).blocking,
    [],
    'of everything: any waiver of these hosts and that time',
  );
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
    const { blocking, report } = await of(change);
    assert.deepEqual(
      blocking.map(({ kind, host, mode, optionPath, observed }) => [kind, host, mode, optionPath, observed]),
      [['weaker-mode', 'web-1', 'enforce', 'hosts.web-1.compliance.controls.access-control', 'permissive']],
      String(why),
    );
    assert.match(blocking[0]?.fix ?? '', why);
    const { waivers = [waiver], now: at = fleet.now } = change as Partial<StaticGateInput>;
    assert.match(await sign(report, { waivers, at }), /web-1: a weaker mode stands on no waiver that counts/);
  }
  const { blocking, warnings } = await of({ wider: 'permissive', mode: 'disabled', waivers: [] });
  assert.deepEqual([blocking.length, warnings.length], [0, 1], 'what only warned weakened to nothing warns');
});

test('under permissive it warns; disabled, nothing is evaluated', async () => {
  const permissive = await staticLab('permissive');
  const warned = await permissive.gate({}, ['AC-01']);
  assert.deepEqual([warned.blocking.length, warned.warnings.length], [0, 1]);
  assert.equal(await permissive.sign(warned.report), 'signed');
  const disabled = await staticLab('disabled');
  const silent = await disabled.gate({ hosts: new Map() }, ['AC-01']);
  assert.deepEqual([silent.blocking.length, silent.warnings.length], [0, 0]);
  assert.equal(await disabled.sign(silent.report), 'signed');
});

test('no answer is not a pass: no catalogue, and a rule that was not evaluated', async () => {
  const { gate, evaluated, everywhere } = await staticLab();
  const hosts = await everywhere((name) => evaluated(name));
  const without = new Map([...hosts].filter(([name]) => name !== 'web-2'));
  const missing = await gate({ hosts: without });
  assert.deepEqual(
    missing.blocking.map(({ host, controlId, optionPath }) => [host, controlId, optionPath]),
    [['web-2', null, 'hosts.web-2.configuration']],
  );
  const db = HostName.parse('db');
  const whole = await evaluated('db');
  const unsaid = await gate({ hosts: hosts.set(db, { ...whole, observations: whole.observations.slice(1) }) });
  assert.deepEqual(
    unsaid.blocking.map(({ host, ruleId }) => [host, ruleId]),
    [['db', 'AC-01']],
  );
  assert.equal(unsaid.report.summary.error, 1);
});

test('a waiver lifts the block and leaves the measurement, up to its end', async () => {
  const { fleet, gate, sign } = await staticLab();
  const { document: waiver } = await testWaiver(fleet);
  const waived = await gate({ waivers: [waiver] }, ['AC-01']);
  const rule = waived.report.hosts[web]?.controls[0]?.rules[0];
  assert.deepEqual([rule?.status, rule?.decision, rule?.waiverId], ['fail', 'waived', 'W-2026-0001']);
  assert.equal(waived.blocking.length, 0);
  assert.equal(waived.report.summary.waived, 1);
  assert.equal(await sign(waived.report, { waivers: [waiver] }), 'signed');
  assert.equal((await gate({ waivers: [waiver], now: waiver.expiresAt }, ['AC-01'])).blocking.length, 1);
  const before = addSeconds(waiver.expiresAt, -1);
  assert.equal((await gate({ waivers: [waiver], now: before }, ['AC-01'])).blocking.length, 0);
});

test('forced off by hand fails, inactive and disabled are listed with why', async () => {
  const { gate, evaluated, everywhere } = await staticLab();
  const [access, inventory] = testCatalogue('web-1').controls;
  const controls = [
    { ...access, rules: [testRule('AC-01', { via: 'override' }), testRule('AC-02', { via: 'level' })] },
    { ...inventory, mode: 'disabled' },
  ];
  const hosts = await everywhere((name) => evaluated(name, [], testCatalogue(name, controls)));
  const { report, blocking } = await gate({ hosts });
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
  const { gate, evaluated, everywhere } = await staticLab();
  const rules = [testRule('AC-01'), testRule('AC-02', { via: 'level' })];
  const said = async (failing: readonly string[], change: object = { rules }) => {
    const controls = [{ ...testCatalogue('web-1').controls[0], ...change }];
    const hosts = await everywhere((name) => evaluated(name, failing, testCatalogue(name, controls)));
    const { report, blocking } = await gate({ hosts });
    assert.equal(blocking.length, 0);
    return report.hosts[HostName.parse('db')]?.controls[0]?.rules[1];
  };
  const passing = await said([]);
  assert.deepEqual([passing?.wouldPass, passing?.fix], [true, undefined]);
  const failing = await said(['AC-02']);
  assert.deepEqual([failing?.wouldPass, failing?.status, failing?.decision], [false, 'not-applicable', 'none']);
  assert.ok(failing?.fix && failing.optionPath);
  // One of a control that is disabled, too: whoever thinks of evaluating it wants to know what that would do.
  const disabled = await said(['AC-02'], { mode: 'disabled' });
  assert.deepEqual([disabled?.reason, disabled?.wouldPass, disabled?.decision], ['disabled', false, 'none']);
  assert.ok(disabled?.fix && disabled.optionPath);
});

test('what a framework that is not enabled would make of a rule is passed on, decides nothing, and is signed', async () => {
  const { gate, sign, evaluated, everywhere } = await staticLab();
  const under = { dora: { passed: false, optionPath: 'a.b', fix: 'a.b = 1;' } };
  const hosts = await everywhere(async (name) => {
    const one = await evaluated(name);
    return {
      ...one,
      observations: one.observations.map((entry) => (entry.id === 'AC-01' ? { ...entry, under } : entry)),
    };
  });
  const { report, blocking } = await gate({ hosts });
  assert.equal(blocking.length, 0);
  const [rule, other] = report.hosts[web]?.controls[0]?.rules ?? [];
  assert.deepEqual([rule?.under, rule?.decision, other && 'under' in other], [under, 'pass', false]);
  assert.equal(await sign(report), 'signed', 'whoever makes the report again has it too');
});

test('the same inputs make the same bytes, and time changes nothing but decisions', async () => {
  const { fleet, gate } = await staticLab();
  const text = async (change: Partial<StaticGateInput> = {}) =>
    canonicalize((await gate(change, ['AC-01'])).report as unknown as Json);
  const first = await text();
  assert.equal(await text(), first);
  assert.equal(await text({ now: addSeconds(fleet.now, 3600) }), first);
});

test('a host that keeps an earlier closure keeps its measurements, decided anew', async () => {
  const { fleet, gate, sign, evaluated, everywhere } = await staticLab();
  const { document: waiver } = await testWaiver(fleet);
  const earlier = (await gate({ waivers: [waiver] }, ['AC-01'])).report.hosts[web] ?? assert.fail();
  const hosts = await everywhere((name) => evaluated(name));
  hosts.set(web, { ...(await evaluated(web)), observations: observationsOf(earlier) });
  const carried = (now = fleet.now) => gate({ hosts, carriedOver: new Set([web]), waivers: [waiver], now });
  const { report, blocking } = await carried();
  assert.equal(blocking.length, 0);
  assert.deepEqual({ ...report.hosts[web], isCarriedOver: false }, earlier, 'nothing is lost on the way');
  assert.equal(report.hosts[web]?.isCarriedOver, true);
  assert.equal((await carried(waiver.expiresAt)).blocking.length, 1);
  assert.equal(await sign(report, { waivers: [waiver], carriedOver: new Set([web]) }), 'signed');
});
