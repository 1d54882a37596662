import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ComplianceCatalogue, FrameworkName, GovernanceLevel, type StaticHostReport } from '@nixfleet/contracts';
import { testCatalogue, testRule } from '@nixfleet/testkit';
import { allLines, type HostQuestion, hostGaps } from './host-gaps.ts';

const everywhere = ['dora', 'dora-rts', 'iso27001', 'nis2'];

/** A host under NIS2 alone, whose rules contribute to other frameworks too. */
function catalogue(change: object = {}, presets: object = { nis2: 'important' }): ComplianceCatalogue {
  const base = testCatalogue('web-1');
  const [control] = base.controls;
  const rules = [
    testRule('AC-01', { frameworks: everywhere }),
    testRule('AC-02', { via: 'level', severity: 'strict', frameworks: everywhere }),
    testRule('AC-03', { articles: { nis2: ['21(2)(i)'] }, frameworks: ['nis2'] }),
  ];
  const controls = [{ ...control, optionName: 'accessControl', rules, ...change }];
  return ComplianceCatalogue.parse({ ...base, governance: { ...base.governance, presets }, controls });
}

function question(change: Partial<HostQuestion> & { readonly asked?: string } = {}): HostQuestion {
  const { asked = 'dora', ...rest } = change;
  const report = { channel: 'stable', mode: 'enforce', controls: [] } as unknown as StaticHostReport;
  const level = GovernanceLevel.parse('strict');
  return { host: 'web-1', report, catalogue: catalogue(), framework: FrameworkName.parse(asked), level, ...rest };
}

const lineOf = (framework: string): string => `compliance.frameworks.${framework}.enable = true;`;

test('a framework that a host has not enabled is a gap with its line, and its rules are counted', () => {
  const { isKnown, gaps } = hostGaps(question());
  assert.equal(isKnown, true);
  const [first, ...rest] = gaps;
  assert.deepEqual([first?.kind, first?.ruleId, first?.fix], ['framework', null, [lineOf('dora')]]);
  assert.match(first?.effect ?? '', /of 2 rules up to strict, 1 count for it as the host is now; 1 need what follows$/);
  assert.deepEqual(
    rest.map(({ ruleId, fix }) => [ruleId, fix]),
    [['AC-02', ['compliance.governance.level = "strict";']]],
  );
  assert.deepEqual(hostGaps(question({ asked: 'dora-rts' })).gaps[0]?.fix, [lineOf('dora')], 'its standards with it');
  assert.deepEqual(hostGaps(question({ asked: 'anssi-bp028' })).gaps[0]?.fix, [lineOf('anssi')]);
  const enabled = hostGaps(question({ asked: 'nis2' })).gaps;
  assert.deepEqual(
    enabled.map(({ ruleId }) => ruleId),
    ['AC-02'],
  );
  assert.equal(hostGaps(question({ asked: 'nis3' })).isKnown, false);
});

test('a framework in a form that leaves its standards out is said to be so', () => {
  const simplified = catalogue({}, { dora: 'simplified' });
  const { isKnown, gaps } = hostGaps(question({ asked: 'dora-rts', catalogue: simplified }));
  assert.deepEqual([isKnown, gaps.length, gaps[0]?.kind], [true, 1, 'framework']);
  assert.match(gaps[0]?.why ?? '', /^dora applies to the host in a form that leaves it out$/);
});

test('a host without the module is a gap, for the fleet to close or the host', () => {
  const asked = question({ catalogue: null });
  const { isKnown, gaps } = hostGaps(asked);
  assert.deepEqual([isKnown, gaps.length, gaps[0]?.kind, gaps[0]?.effect], [true, 1, 'no-module', null]);
  const report = { ...asked.report, mode: 'disabled' } as StaticHostReport;
  const { lines, fleetLines } = allLines('web-1', hostGaps({ ...asked, report }).gaps);
  assert.match(lines[0] ?? '', /^imports = \[ inputs\.nixfleet\.nixosModules\.compliance \];/);
  assert.equal(lines[1], lineOf('dora'));
  assert.deepEqual(fleetLines, [
    'channels.stable.compliance = { mode = "permissive"; frameworks = [ "dora" ]; }; # in the fleet',
  ]);
});

test('what is disabled by the channel takes a line of the fleet, by the host one of its own', () => {
  const of = (mode: string, catalogued: ComplianceCatalogue) => {
    const controls = [{ controlId: 'access-control', mode: 'disabled', rules: [] }];
    const report = { channel: '1st', mode, controls } as unknown as StaticHostReport;
    return hostGaps(question({ asked: 'nis2', report, catalogue: catalogued })).gaps.find(
      ({ ruleId }) => ruleId === 'AC-01',
    );
  };
  const byChannel = of('disabled', catalogue());
  assert.deepEqual([byChannel?.kind, byChannel?.why], ['disabled', 'mode']);
  const fleets = 'channels."1st".compliance = { mode = "permissive"; frameworks = [ "nis2" ]; }; # in the fleet';
  assert.deepEqual(byChannel?.fix, [fleets]);
  const byHost = of('enforce', catalogue({ mode: 'disabled' }));
  assert.match(byHost?.fix.join() ?? '', /^compliance\.controls\.accessControl\.mode = "permissive"; #/);
  const old = of('disabled', catalogue({ mode: 'disabled', optionName: undefined }));
  assert.equal(old?.fix.length, 2);
  assert.match(old?.fix[1] ?? '', /^compliance\.controls\.accessControl\.mode/, 'from the name that documents use');
});
