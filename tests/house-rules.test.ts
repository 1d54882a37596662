import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { codeOf } from './house-rules/code-view.ts';
import {
  arrows,
  declaredArrows,
  declaredImports,
  everythingIsTyped,
  exactPins,
  noDeepImports,
} from './house-rules/packages.ts';
import { noClock, noPlatform, noRandom } from './house-rules/ports.ts';
import { type Rule, repositoryFiles, sourceFile } from './house-rules/source-file.ts';
import {
  noDefaultExport,
  noExit,
  noFocusedTests,
  noLongFiles,
  noMachinePaths,
  noNamelessFiles,
  noReExport,
  noUnfinished,
  SOURCE_LINES_MAX,
} from './house-rules/text.ts';

const RULES: Readonly<Record<string, Rule>> = {
  arrows,
  declaredArrows,
  declaredImports,
  everythingIsTyped,
  exactPins,
  noClock,
  noDeepImports,
  noDefaultExport,
  noExit,
  noFocusedTests,
  noLongFiles,
  noMachinePaths,
  noNamelessFiles,
  noPlatform,
  noRandom,
  noReExport,
  noUnfinished,
};

describe('this repository keeps the house rules', () => {
  const files = repositoryFiles(join(import.meta.dirname, '..'));

  test('files were read', () => {
    assert.ok(files.some(({ path }) => path === 'packages/contracts/src/crypto.ts'));
  });

  for (const [name, rule] of Object.entries(RULES)) {
    test(name, () => {
      const broken = rule(files).map((found) => `${found.path}:${found.line}: ${found.rule}: ${found.message}`);
      assert.equal(broken.join('\n'), '');
    });
  }
});

/** Lines at which `rule` complains about a file of this path and content, among `others`. */
function linesOf(rule: Rule, path: string, text: string, others: Readonly<Record<string, string>> = {}): number[] {
  const files = [...Object.entries(others), [path, text] as const].map(([at, content]) => sourceFile(at, content));
  return rule(files)
    .filter((violation) => violation.path === path)
    .map(({ line }) => line);
}

const AGENT = 'packages/agent/src/loop.ts';
const ENGINE = 'packages/engine/src/plan.ts';
const MANIFESTS = {
  'package.json': '{"devDependencies":{"fast-check":"4.10.2"}}',
  'packages/contracts/package.json': '{"exports":{".":"./src/index.ts","./node-crypto":"./src/node-crypto.ts"}}',
  'packages/agent/package.json': '{"dependencies":{"@nixfleet/contracts":"0.1.0","zod":"4.6.7"}}',
};

describe('code view', () => {
  const cases: readonly [string, string][] = [
    ["a // x 'y'\nb", 'a         \nb'],
    ['a /* x\ny */ b', 'a     \n     b'],
    ["f('it\\'s // x') // y", "f('          ')     "],
    ['`a ${b + `c ${d}` } e` + f', '`  ${b + `  ${d}` }  ` + f'],
    ['`${ {a: 1} }x` + y', '`${ {a: 1} } ` + y'],
    ['x = /[/"]\\/a/g; "b"', 'x = /       /g; " "'],
    ['a / b / "c"', 'a / b / " "'],
    ['return /x/', 'return / /'],
  ];
  for (const [source, code] of cases) test(source, () => assert.equal(codeOf(source), code));
});

describe('package rules', () => {
  test('arrows: a lower package may not import a higher one, an equal not its neighbour', () => {
    const upward =
      "// '@nixfleet/cli'\nimport { x } from '@nixfleet/engine';\nimport {\n  y,\n} from '@nixfleet/control-plane';";
    assert.deepEqual(linesOf(arrows, AGENT, upward), [5]);
    assert.deepEqual(linesOf(arrows, ENGINE, "import type { X } from '@nixfleet/agent';"), [1]);
    assert.deepEqual(linesOf(arrows, ENGINE, "const x = await import('@nixfleet/agent');"), [1]);
    assert.deepEqual(linesOf(arrows, ENGINE, "import '@nixfleet/release';"), [1]);
    assert.deepEqual(linesOf(arrows, ENGINE, "const text = `import '@nixfleet/release'`;"), []);
  });

  test('arrows: only tests import the testkit', () => {
    const source = "import { fleet } from '@nixfleet/testkit';";
    assert.deepEqual(linesOf(arrows, AGENT, source), [1]);
    assert.deepEqual(linesOf(arrows, 'packages/agent/src/loop.test.ts', source), []);
  });

  test('declared arrows: dependencies, outside dependencies and references', () => {
    const path = 'packages/agent/package.json';
    const tsconfig = (...names: string[]): Record<string, string> => ({
      'packages/agent/tsconfig.json': JSON.stringify({ references: names.map((name) => ({ path: `../${name}` })) }),
    });
    const depends = (...names: string[]): string =>
      JSON.stringify({ dependencies: Object.fromEntries(names.map((name) => [name, '0.1.0'])) });
    const contracts = '@nixfleet/contracts';
    assert.deepEqual(linesOf(declaredArrows, path, depends(contracts, 'zod'), tsconfig('contracts')), []);
    assert.deepEqual(linesOf(declaredArrows, path, depends('@nixfleet/cli'), tsconfig('cli')), [1]);
    assert.deepEqual(linesOf(declaredArrows, path, depends('undici'), tsconfig()), [1]);
    assert.deepEqual(linesOf(declaredArrows, 'packages/extra/package.json', '{}'), [1]);
    const others = { [path]: depends(contracts) };
    const drifted = '{"references":[{"path":"../engine"}]}';
    assert.deepEqual(linesOf(declaredArrows, 'packages/agent/tsconfig.json', drifted, others), [1]);
  });

  test('no deep imports: by path, or past the exports', () => {
    assert.deepEqual(linesOf(noDeepImports, AGENT, "import { x } from '../../engine/src/plan.ts';", MANIFESTS), [1]);
    assert.deepEqual(linesOf(noDeepImports, 'tests/a.ts', "import { x } from '../packages/agent/src/a.ts';"), [1]);
    assert.deepEqual(
      linesOf(noDeepImports, AGENT, "import { x } from '@nixfleet/contracts/src/x.ts';", MANIFESTS),
      [1],
    );
    const fine = "import { x } from '@nixfleet/contracts/node-crypto';\nimport { y } from './y.ts';";
    assert.deepEqual(linesOf(noDeepImports, AGENT, fine, MANIFESTS), []);
  });

  test('declared imports: what is imported is a dependency', () => {
    const source = "import { z } from 'zod';\nimport fc from 'fast-check';\nimport got from 'got/sub';";
    assert.deepEqual(linesOf(declaredImports, AGENT, source, MANIFESTS), [2, 3]);
    assert.deepEqual(linesOf(declaredImports, 'packages/agent/src/loop.test.ts', source, MANIFESTS), [3]);
  });

  test('exact pins: no ranges, no tags, no registry in the lockfile', () => {
    const manifest = '{"dependencies":{\n"a":"1.2.3",\n"b":"^1.2.3"},"optionalDependencies":{\n"c":"latest"}}';
    assert.deepEqual(linesOf(exactPins, 'package.json', manifest), [3, 4]);
    const lock = `{\n"${'resolved'}": "https://registry.example/a.tgz"}`;
    assert.deepEqual(linesOf(exactPins, 'package-lock.json', lock), [2]);
    assert.deepEqual(linesOf(exactPins, 'package-lock.json', '{"resolved": "packages/agent"}'), []);
  });

  test('everything is typed: the root tsconfig names every package and its tests', () => {
    const others = {
      'tsconfig.json': '{"references":[{"path":"packages/agent"}]}',
      'packages/agent/src/a.test.ts': '',
    };
    assert.deepEqual(linesOf(everythingIsTyped, 'packages/agent/tsconfig.json', '{}', others), []);
    assert.deepEqual(linesOf(everythingIsTyped, 'packages/cli/tsconfig.json', '{}', others), [1]);
    assert.deepEqual(linesOf(everythingIsTyped, 'packages/agent/tsconfig.test.json', '{}', others), [1]);
    assert.deepEqual(linesOf(everythingIsTyped, 'packages/cli/tsconfig.test.json', '{}', others), []);
  });
});

describe('port rules', () => {
  const platform = [
    "import { createHash } from 'node:crypto';",
    'Buffer.from(x);',
    'process.env;',
    'globalThis.crypto.subtle;',
    'await fetch(x);',
    'console.log(x);',
    'crypto.subtle.digest(x);',
  ];

  for (const source of platform) {
    test(`no platform: ${source}`, () => {
      assert.ok(linesOf(noPlatform, ENGINE, `\n${source}`).includes(2));
      assert.deepEqual(linesOf(noPlatform, 'packages/contracts/src/node-crypto.ts', source), []);
      assert.deepEqual(linesOf(noPlatform, 'packages/engine/src/plan.test.ts', source), []);
      assert.deepEqual(linesOf(noPlatform, AGENT, source), []);
    });
  }

  test('no platform: the WebCrypto adapter has that one global', () => {
    const path = 'packages/contracts/src/web-crypto.ts';
    assert.deepEqual(linesOf(noPlatform, path, 'globalThis.crypto.subtle;\nBuffer.from(x);'), [2]);
  });

  test('no platform: a word is not a global', () => {
    const source =
      "// process\nconst a = 'Buffer';\ninterface P { process: string }\nstate.fetch(x); x.console; crypto.sha256(x);";
    assert.deepEqual(linesOf(noPlatform, ENGINE, source), []);
  });

  const clocks = [
    'Date.now()',
    'new Date()',
    'new Date',
    'performance.now()',
    'process.hrtime.bigint()',
    'setTimeout(f, 1)',
    'setInterval(f, 1)',
    'globalThis.setTimeout(f, 1)',
    'AbortSignal.timeout(1)',
    "import { setTimeout } from 'node:timers/promises'",
    "import * as t from 'node:timers'",
  ];
  for (const source of clocks) {
    test(`no clock: ${source}`, () => {
      assert.ok(linesOf(noClock, AGENT, `\nx = 1;\n${source};`).includes(3));
      assert.deepEqual(linesOf(noClock, 'packages/agent/src/system-clock.ts', source), []);
      assert.deepEqual(linesOf(noClock, 'packages/agent/src/loop.test.ts', source), []);
      assert.deepEqual(linesOf(noClock, 'bench/plan.bench.ts', source), []);
    });
  }

  test('no clock: a given instant and a port are fine', () => {
    const source = 'new Date(at); clock.setTimeout(f, 1); socket.setTimeout(1); clock.now(); // Date.now()';
    assert.deepEqual(linesOf(noClock, AGENT, source), []);
    assert.deepEqual(linesOf(noClock, 'packages/agent/src/clockwork.ts', 'Date.now()'), [1]);
  });

  for (const source of ['Math.random()', 'crypto.randomUUID()', 'randomBytes(8)', 'crypto.getRandomValues(a)']) {
    test(`no random: ${source}`, () => {
      assert.deepEqual(linesOf(noRandom, AGENT, `\n${source};`), [2]);
      assert.deepEqual(linesOf(noRandom, 'packages/agent/src/system-random.ts', source), []);
      assert.deepEqual(linesOf(noRandom, 'packages/agent/src/loop.test.ts', source), []);
    });
  }
});

describe('text rules', () => {
  const cases: readonly { rule: Rule; broken: string; fine: string; path?: string; finePath?: string }[] = [
    { rule: noExit, broken: 'process.exit(1)', fine: 'process.exitCode = 1' },
    { rule: noExit, broken: 'process.abort()', fine: 'process.exit(1)', finePath: 'packages/cli/src/main.ts' },
    { rule: noExit, broken: 'process.exit()', fine: 'process.exit()', finePath: 'packages/agent/src/dead-man-main.ts' },
    { rule: noDefaultExport, broken: 'export default x', fine: 'export const x = { default: 1 }' },
    { rule: noDefaultExport, broken: 'export { x as default }', fine: "import { default as x } from 'y'" },
    { rule: noReExport, broken: "export * from './x.ts'", fine: 'export { x }' },
    { rule: noReExport, broken: "export * as x from './x.ts'", fine: "export const from = 'x'" },
    { rule: noReExport, broken: "export { x,\n} from './x.ts'", fine: "import { x } from './x.ts'" },
    {
      rule: noReExport,
      broken: "export type { X } from './x.ts'",
      fine: "export { x } from './x.ts'",
      finePath: 'packages/agent/src/index.ts',
    },
    { rule: noFocusedTests, path: 'tests/a.test.ts', broken: "test.only('x')", fine: "test('only')" },
    { rule: noFocusedTests, path: 'tests/a.test.ts', broken: "it.skip('x')", fine: 'rows.skipped()' },
    { rule: noFocusedTests, path: 'tests/a.test.ts', broken: "test('x', { skip: true })", fine: "// test.only('x')" },
    { rule: noUnfinished, path: 'docs/a.md', broken: `TO${'DO'}: x`, fine: 'to do' },
    { rule: noUnfinished, path: 'nix/a.nix', broken: `# FIX${'ME'}`, fine: '# fixed' },
    { rule: noMachinePaths, path: 'docs/a.md', broken: `cd /ho${'me'}/ada/fleet`, fine: 'see /ho' },
    { rule: noMachinePaths, path: 'nix/a.nix', broken: `"/wo${'rk'}/main"`, fine: `\${dir}/wo${'rk'}/main` },
  ];
  for (const { rule, broken, fine, path = AGENT, finePath = path } of cases) {
    test(`${path}: ${broken}`, () => {
      assert.deepEqual(linesOf(rule, path, `\n${broken};\n`), [2]);
      assert.deepEqual(linesOf(rule, finePath, `\n${fine};\n`), []);
    });
  }

  test('no nameless files', () => {
    for (const path of [
      'packages/agent/src/utils.ts',
      'packages/agent/src/string-utils.test.ts',
      'nix/helpers/a.nix',
    ]) {
      assert.deepEqual(linesOf(noNamelessFiles, path, ''), [1], path);
    }
    assert.deepEqual(linesOf(noNamelessFiles, 'packages/agent/src/common-name.ts', ''), []);
  });

  test('no long files', () => {
    const lines = 'x;\n'.repeat(SOURCE_LINES_MAX);
    assert.deepEqual(linesOf(noLongFiles, AGENT, lines), []);
    assert.deepEqual(linesOf(noLongFiles, AGENT, `${lines}x;\n`), [SOURCE_LINES_MAX + 1]);
    assert.deepEqual(linesOf(noLongFiles, 'docs/a.md', `${lines}x;\n`), []);
  });
});
