import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HostName, type Sha256Hex, type StaticReport, WaiverId } from '@nixfleet/contracts';
import { testCatalogue, testRule, testWaiver } from '@nixfleet/testkit';
import { staticLab, web } from './static-lab.test.ts';
import type { ReportedRelease } from './unsignable-report.ts';

type Lab = Awaited<ReturnType<typeof staticLab>>;
type Refusal = readonly [name: string, change: (draft: StaticReport) => unknown, expected: RegExp];

const hostOf = (draft: StaticReport, name = web) => draft.hosts[name] ?? assert.fail();
const controlOf = (draft: StaticReport) => hostOf(draft).controls[0] ?? assert.fail();
const ruleOf = (draft: StaticReport) => controlOf(draft).rules[0] ?? assert.fail();

async function refusals(lab: Lab, report: StaticReport, cases: readonly Refusal[], release?: Partial<ReportedRelease>) {
  assert.equal(await lab.sign(report, release), 'signed');
  for (const [name, change, expected] of cases) {
    const draft = structuredClone(report);
    change(draft);
    assert.match(await lab.sign(draft, release), expected, name);
  }
}

test('a report that is not about the hosts of the fleet under its policy is not signed', async () => {
  const lab = await staticLab();
  const { report } = await lab.gate();
  await refusals(lab, report, [
    ['no host', (draft) => delete draft.hosts[web], /does not cover host web-1/],
    [
      'one more host',
      (draft) => Object.assign(draft.hosts, { ghost: hostOf(draft) }),
      /has host ghost, which is not one of the fleet/,
    ],
    ['another fleet', (draft) => Object.assign(draft, { fleet: 'other' }), /of fleet other/],
    ['a weaker mode', (draft) => Object.assign(hostOf(draft), { mode: 'permissive' }), /under permissive, not stable/],
    ['another channel', (draft) => Object.assign(hostOf(draft), { channel: 'data' }), /about channel data/],
    [
      'another closure',
      (draft) => Object.assign(hostOf(draft), { closure: hostOf(draft, HostName.parse('db')).closure }),
      /web-1: it is about .*-nixos-system-db-1, released is .*-nixos-system-web-1-1/,
    ],
    ['carried over', (draft) => Object.assign(hostOf(draft), { isCarriedOver: true }), /isCarriedOver is true/],
    ['not evaluated', (draft) => Object.assign(hostOf(draft), { catalogue: null }), /control access-control is not/],
    [
      'no module',
      (draft) => Object.assign(hostOf(draft), { catalogue: null, governance: null, controls: [] }),
      /web-1: no catalogue fails under enforce/,
    ],
    [
      'another register',
      (draft) => Object.assign(draft, { waiverRegister: 'b'.repeat(64) }),
      /rests on the waivers b+, the release binds null/,
    ],
  ]);
});

test('a report of another release with the same hosts and modes is not signed', async () => {
  const lab = await staticLab();
  const { report } = await lab.gate();
  const next = new Map(lab.closures).set(web, lab.closures.get(HostName.parse('db')) ?? assert.fail());
  assert.match(await lab.sign(report, { closures: next }), /web-1: it is about .*, released is/);
  next.delete(web);
  assert.match(await lab.sign(report, { closures: next }), /web-1: no manifest of the release has it/);
});

test('a hollow report is not signed: all that the catalogue asks is answered, under its modes', async () => {
  const lab = await staticLab();
  const { report } = await lab.gate();
  const nothing = { status: 'not-applicable', decision: 'none' };
  await refusals(lab, report, [
    ['nothing on a host', (draft) => Object.assign(hostOf(draft), { controls: [] }), /access-control is missing/],
    [
      'nothing at all',
      (draft) => {
        for (const host of Object.values(draft.hosts)) host.controls = [];
      },
      /control access-control is missing/,
    ],
    ['no control', (draft) => hostOf(draft).controls.pop(), /control platform is missing/],
    ['no rule', (draft) => controlOf(draft).rules.pop(), /access-control: rule AC-02 is missing/],
    [
      'a rule twice',
      (draft) => controlOf(draft).rules.push(ruleOf(draft)),
      /rule AC-01 is not in its catalogue, or twice/,
    ],
    ['another order', (draft) => controlOf(draft).rules.reverse(), /rule AC-01 is missing, or not in its place/],
    [
      'nothing applies',
      (draft) => {
        for (const { controls } of Object.values(draft.hosts)) {
          for (const control of controls) {
            Object.assign(control, nothing);
            for (const rule of control.rules) {
              Object.assign(rule, nothing, { reason: 'not-static' });
              for (const name of ['expected', 'observed', 'optionPath'] as const) delete rule[name];
            }
          }
        }
      },
      /AC-01: status is "not-applicable", expected "error"/,
    ],
    ['another severity', (draft) => Object.assign(ruleOf(draft), { severity: 'paranoid' }), /severity is "paranoid"/],
    ['inactive', (draft) => Object.assign(ruleOf(draft), { via: 'level' }), /AC-01: via is "level", expected null/],
    [
      'another governance',
      (draft) => Object.assign(hostOf(draft).governance ?? {}, { level: 'minimal' }),
      /web-1: governance is/,
    ],
    ['another size', (draft) => Object.assign(hostOf(draft).catalogue ?? {}, { bytes: 7 }), /web-1: catalogue is/],
    [
      'a catalogue that is nowhere',
      (draft) => Object.assign(hostOf(draft).catalogue ?? {}, { sha256: 'f'.repeat(64) }),
      /its catalogue: f+ is not there/,
    ],
    [
      'that of another host',
      (draft) => Object.assign(hostOf(draft), { catalogue: hostOf(draft, HostName.parse('web-2')).catalogue }),
      /its catalogue is that of web-2/,
    ],
    ['a false summary', (draft) => draft.summary.pass++, /summary of the static report: pass is 13, expected 12/],
    ['a false count of failures', (draft) => draft.summary.blocking++, /summary .*: blocking is 1, expected 0/],
    ['a false count of hosts', (draft) => draft.summary.hosts--, /summary of the static report: hosts is 3/],
  ]);
});

test('a failure stays one whatever the report makes of it', async () => {
  const lab = await staticLab();
  const { report } = await lab.gate({}, ['AC-01']);
  const draft = (change: (draft: StaticReport) => unknown): Promise<string> => {
    const copy = structuredClone(report);
    copy.summary.blocking = 0;
    change(copy);
    return lab.sign(copy);
  };
  const decided = (decision: string) => (copy: StaticReport) => {
    Object.assign(ruleOf(copy), { decision }, decision === 'waived' ? { waiverId: 'W-2026-9999' } : {});
    Object.assign(controlOf(copy), { decision });
  };
  assert.match(await draft(() => {}), /web-1: AC-01 fails under enforce/);
  assert.match(await draft(decided('pass')), /AC-01: decision is "pass", expected "fail"/);
  assert.match(await draft(decided('waived')), /AC-01: decision is "waived", expected "fail"/);
  assert.match(
    await draft((copy) => Object.assign(controlOf(copy), { mode: 'permissive' })),
    /access-control: mode is "permissive", expected "enforce"/,
  );
  assert.match(
    await draft((copy) => Object.assign(controlOf(copy), { status: 'pass' })),
    /access-control: status is "pass", expected "fail"/,
  );
});

test('a waived failure rests on a waiver of the release that covers it then', async () => {
  const lab = await staticLab();
  const { document: waiver } = await testWaiver(lab.fleet);
  const waiverRegister = 'c'.repeat(64) as Sha256Hex;
  const { report } = await lab.gate({ waivers: [waiver], waiverRegister }, ['AC-01']);
  const release = { waivers: [waiver], waiverRegister };
  assert.equal(await lab.sign(report, release), 'signed');
  const waived = /AC-01: decision is "waived", expected "fail"/;
  assert.match(await lab.sign(report, { waiverRegister }), waived, 'it is not of the register, or does not count');
  assert.match(await lab.sign(report, { ...release, at: waiver.expiresAt }), waived);
  const elsewhere = { ...waiver, scope: { hosts: [HostName.parse('db')] } };
  assert.match(await lab.sign(report, { waiverRegister, waivers: [elsewhere] }), waived);
  const another = { ...waiver, id: WaiverId.parse('W-2026-0002') };
  assert.match(await lab.sign(report, { waiverRegister, waivers: [another] }), /waiverId is "W-2026-0001", expected/);
});

test('of hosts whose catalogue is not looked at, what was decided follows from what was measured', async () => {
  const lab = await staticLab();
  const { document: waiver } = await testWaiver(lab.fleet);
  const waiverRegister = 'c'.repeat(64) as Sha256Hex;
  const { report } = await lab.gate({ waivers: [waiver], waiverRegister }, ['AC-01']);
  const release = { hosts: new Set([HostName.parse('db')]), waivers: [waiver], waiverRegister };
  const cases: readonly Refusal[] = [
    ['waived by nobody', (draft) => Object.assign(ruleOf(draft), { waiverId: 'W-2026-9999' }), /waiverId is/],
    ['passed', (draft) => Object.assign(ruleOf(draft), { decision: 'pass' }), /AC-01: waiverId is|AC-01: decision is/],
    ['a status of its own', (draft) => Object.assign(controlOf(draft), { status: 'pass' }), /status is "pass"/],
    ['one of its own', (draft) => hostOf(draft, HostName.parse('db')).controls.pop(), /platform is missing/],
  ];
  await refusals(lab, report, cases, release);
  const none = { ...release, catalogue: async () => assert.fail('not looked at'), hosts: new Set<HostName>() };
  assert.equal(await lab.sign(report, none), 'signed');
});

test('what was forced off by hand, inactive or disabled is made again from the report alone', async () => {
  const lab = await staticLab('permissive');
  const [access, inventory] = testCatalogue('web-1').controls;
  const rules = [
    testRule('AC-01', { via: 'override' }),
    testRule('AC-02', { via: 'level' }),
    testRule('AC-03', { isAttested: true }),
    testRule('AC-04', { hasStatic: false }),
  ];
  const controls = [
    { ...access, rules },
    { ...inventory, mode: 'disabled' },
  ];
  for (const failing of [[], ['AC-01', 'AC-02', 'AC-03']]) {
    const hosts = await lab.everywhere(async (name) => {
      const all = await lab.evaluated(name, failing, testCatalogue(name, controls));
      return name === web ? { ...all, observations: [] } : all;
    });
    const { report } = await lab.gate({ hosts });
    assert.equal(await lab.sign(report), 'signed');
  }
});
