import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { evaluate, evaluated } from '../nix.ts';

interface Fixture {
  readonly name: string;
  readonly expected: boolean;
  readonly passed: boolean;
}
interface ControlReport {
  readonly missing: readonly string[];
  readonly unknown: readonly string[];
  readonly rules: Readonly<Record<string, { readonly fixtures: readonly Fixture[]; readonly failing: number }>>;
}

describe('the static projections', async () => {
  const report = (await evaluated({
    expression: '(import ./tests/nix/compliance/fixtures.nix).report (import ./nix/compliance)',
  })) as Readonly<Record<string, ControlReport>>;

  for (const [control, { missing, unknown, rules }] of Object.entries(report)) {
    test(`${control}: every rule passes its positive fixtures and fails each negative one`, () => {
      assert.deepEqual({ missing, unknown }, { missing: [], unknown: [] });
      for (const [rule, { fixtures, failing }] of Object.entries(rules)) {
        assert.ok(failing > 0, `${rule} has no negative fixture`);
        const wrong = fixtures.filter(({ expected, passed }) => expected !== passed);
        assert.deepEqual(wrong, [], rule);
      }
    });
  }
});

test('the catalogue agrees with the crosswalk', async () => {
  const { controls, named, levels } = (await evaluated({
    expression: `
      let compliance = import ./nix/compliance; in {
        controls = map (control: {
          inherit (control) controlId;
          rules = map (rule: { inherit (rule) id severity; recommendations = rule.articles.anssi-bp028 or [ ]; }) control.rules;
        }) compliance.controls;
        named = compliance.crosswalk.controls;
        levels = builtins.mapAttrs (_: r: r.level) compliance.crosswalk.frameworks.anssi-bp028.recommendations;
      }`,
  })) as {
    controls: { controlId: string; rules: { id: string; severity: string; recommendations: string[] }[] }[];
    named: string[];
    levels: Record<string, string>;
  };
  const ids = new Set(controls.map(({ controlId }) => controlId));
  assert.deepEqual(
    named.filter((control) => !ids.has(control)),
    [],
    'controls of the crosswalk that do not exist',
  );
  const severities = ['minimal', 'standard', 'strict', 'paranoid'];
  const bySeverity = ['minimal', 'intermediary', 'enhanced', 'high'];
  const answered = new Set<string>();
  for (const { id, severity, recommendations } of controls.flatMap(({ rules }) => rules)) {
    if (recommendations.length === 0) continue;
    for (const recommendation of recommendations) {
      assert.ok(recommendation in levels, `${id}: there is no ${recommendation}`);
      answered.add(recommendation);
    }
    // BP-028's levels are cumulative: a rule is active from the lowest level that asks for it.
    const ranks = recommendations.map((recommendation) => bySeverity.indexOf(levels[recommendation] ?? ''));
    assert.equal(severity, severities[Math.min(...ranks)], `${id}, ${recommendations.join(' ')}`);
  }
  assert.deepEqual(
    Object.keys(levels).filter((recommendation) => !answered.has(recommendation)),
    [],
    'recommendations that no rule answers',
  );
  const counts = bySeverity.map(
    (_, at) => Object.values(levels).filter((level) => bySeverity.indexOf(level) <= at).length,
  );
  assert.deepEqual(counts, [11, 40, 58, 80]);
});

describe('a control', () => {
  const control = (more: string): string => `
    let
      compliance = import ./nix/compliance;
      control = compliance.mkControl ({
        controlId = "some-control";
        optionName = "someControl";
        title = "Some control";
        purpose = "For this test.";
        type = "both";
        schema = "test/v1";
        options.limit = { type = (import ./nix/fleet/types.nix).int { min = 0; max = 9; }; default = 3; direction = "min"; description = "A limit."; };
        rules = [
          {
            id = "SO-01"; name = "Low"; severity = "minimal"; remediation = "Lower it.";
            evaluate = { config, options }: [
              { option = "a.b"; what = null; observed = config.a.b; expect."$le" = options.limit; fix = "a.b = 0;"; }
              { option = "a.c"; what = "part"; observed = config.a.c or null; expect = true; fix = "a.c = true;"; }
            ];
          }
          { id = "SO-02"; name = "Strict"; severity = "strict"; remediation = "None."; tags = [ "x" ]; hostTypes = [ "server" ]; architectures = [ "x86_64" ];
            evaluate = _: [ { option = "d"; what = null; observed = 1; expect = 1; fix = ""; } ]; }
        ];
      } // (${more}));
    in`;

  test('says what is wrong with it, all at once', async () => {
    const refused = await evaluate({
      expression: `${control('{ type = "statik"; rules = [ { id = "x"; name = "No measure"; severity = "minimal"; remediation = "None."; } ]; }')} control.controlId`,
    });
    assert.ok(!refused.ok);
    for (const line of [
      'type = "statik"',
      'did you mean "static"?',
      'rules[0].id = "x"',
      'a rule is measured (evaluate or check), attested, or says why it is not measured',
    ])
      assert.ok(refused.message.includes(line), `${line} in ${refused.message}`);
  });

  test('shows what was expected and seen, and what to write', async () => {
    const result = await evaluated({
      expression: `${control('{ }')} control.evaluate { a = { b = 4; c = true; }; compliance.controls.someControl.enable = true; }`,
    });
    assert.deepEqual(result, {
      passed: false,
      evidence: {
        level: 'standard',
        hostType: 'server',
        architecture: 'x86_64',
        evaluated: 1,
        inactive: [{ id: 'SO-02', via: 'level' }],
        notStatic: [],
      },
      rules: [
        {
          id: 'SO-01',
          passed: false,
          optionPath: 'a.b',
          expected: { 'a.b': { $le: 3 } },
          observed: { 'a.b': 4 },
          fix: 'a.b = 0;',
        },
      ],
    });
  });

  test('a rule is inactive by control, override, level, host type, architecture or tag, in this order', async () => {
    const vias = await evaluated({
      expression: `${control('{ }')}
        let
          via = settings: governance: (builtins.elemAt (control.statuses {
            compliance = { controls.someControl = { enable = true; } // settings; governance = { level = "paranoid"; } // governance; };
          }) 1).via;
        in {
          active = via { } { };
          control = via { enable = false; rules.SO-02.enable = false; } { };
          override = via { rules.SO-02.enable = false; } { level = "minimal"; };
          level = via { } { level = "standard"; hostType = "workstation"; };
          hostType = via { } { hostType = "workstation"; architecture = "aarch64"; };
          architecture = via { } { architecture = "aarch64"; excludes = [ "x" ]; };
          tag = via { } { excludes = [ "x" ]; };
          atItsLevel = via { } { level = "strict"; };
          forced = control.evaluate { a = { b = 0; c = true; }; compliance.controls.someControl = { enable = true; rules.SO-02.enable = false; }; };
        }`,
    });
    const { forced, ...rest } = vias as Record<string, unknown> & {
      forced: { passed: boolean; rules: { id: string }[] };
    };
    assert.deepEqual(rest, {
      active: null,
      control: 'control',
      override: 'override',
      level: 'level',
      hostType: 'hostType',
      architecture: 'architecture',
      tag: 'tag',
      atItsLevel: null,
    });
    // Forced off by hand is not compliant.
    assert.equal(forced.passed, false);
    assert.deepEqual(
      forced.rules.map(({ id }) => id),
      ['SO-01', 'SO-02'],
    );
  });
});
