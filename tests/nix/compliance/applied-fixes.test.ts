import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fixLines, isOptionLine } from '@nixfleet/cli';
import { evaluated } from '../nix.ts';

interface Fix {
  readonly control: string;
  readonly rule: string;
  readonly name: string;
  readonly optionPath: string;
  readonly fix: string;
}

const library = 'import ./tests/nix/compliance/applied-fixes.nix';

test('the lines that a rule gives mend every negative fixture, unless something is said to be done by hand', async () => {
  const fixes = (await evaluated({ expression: `(${library}).fixes (import ./nix/compliance)` })) as readonly Fix[];
  const shown = fixes.map(({ fix, optionPath, ...of }) => ({ ...of, lines: fixLines(fix, optionPath) }));
  for (const { rule, name, lines } of shown) {
    assert.ok(lines.length > 0, `${rule}, ${name}: says nothing`);
    for (const line of lines) assert.ok(isOptionLine(line) || line.startsWith('by hand: '), `${rule}: ${line}`);
  }
  // A drill is ended by taking its control out, which leaves no rule to ask.
  const written = shown.filter(({ lines, rule }) => lines.every(isOptionLine) && rule !== 'SY-01');
  const cases = written.map(
    ({ control, rule, name, lines }) =>
      `{ name = ${JSON.stringify(name)}; control = "${control}"; rule = "${rule}"; lines = { ${lines.map((line) => `${line}\n`).join('')} }; }`,
  );
  const passed = (await evaluated({
    expression: `map ((${library}).passes (import ./nix/compliance)) [ ${cases.join('\n')} ]`,
  })) as readonly boolean[];
  assert.deepEqual(
    written.filter((_, at) => passed[at] !== true).map(({ rule, name, lines }) => [rule, name, ...lines]),
    [],
  );
  // Most of what is wrong has lines; what has none is about people, disks and other machines.
  const rules = (of: readonly { readonly rule: string }[]): number => new Set(of.map(({ rule }) => rule)).size;
  assert.ok(rules(written) > 0.6 * rules(shown), `${rules(written)} of ${rules(shown)} rules`);
});
