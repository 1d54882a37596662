import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import type { Json } from '@nixfleet/contracts';
import fc from 'fast-check';
import { evaluateExpectation, expectationDepthMax, mismatchesMax, observedPart } from './expectation.ts';

function outcome(expected: Json, observed: Json): boolean | string {
  const evaluated = evaluateExpectation(expected, observed);
  return evaluated.ok ? evaluated.value.isMet : evaluated.reason;
}

describe('expectations', () => {
  const cases: readonly [Json, Json, boolean | string][] = [
    [{ a: 1 }, { a: 1, b: 2 }, true],
    [{ a: 1 }, { a: 2 }, false],
    [{ a: 1 }, { a: '1' }, false],
    [{ a: 1 }, {}, false],
    [{ a: null }, {}, true],
    [{ a: 1 }, null, false],
    [{ a: 1 }, [1], false],
    [{ a: { b: 1 } }, { a: { b: 1, c: 2 } }, true],
    [{ a: [1, 2] }, { a: [1, 2] }, true],
    [{ a: [1, 2] }, { a: [2, 1] }, false],
    [{ a: [{ b: 1 }] }, { a: [{ b: 1, c: 2 }] }, false],
    [{ a: { $ge: 2 } }, { a: 2 }, true],
    [{ a: { $ge: 2 } }, { a: 1 }, false],
    [{ a: { $ge: 2 } }, { a: '3' }, false],
    [{ a: { $ge: 2 } }, {}, false],
    [{ a: { $le: 2 } }, { a: 2 }, true],
    [{ a: { $le: 2 } }, { a: 3 }, false],
    [{ a: { $le: 2 } }, { a: null }, false],
    [{ a: { $ge: 1, $le: 3 } }, { a: 2 }, true],
    [{ a: { $ge: 1, $le: 3 } }, { a: 4 }, false],
    [{ a: { $in: ['x', 'y'] } }, { a: 'y' }, true],
    [{ a: { $in: ['x', null] } }, {}, true],
    [{ a: { $in: ['x'] } }, { a: ['x'] }, false],
    [{ a: { $subset: ['x', 'y'] } }, { a: ['y'] }, true],
    [{ a: { $subset: ['x'] } }, { a: [] }, true],
    [{ a: { $subset: ['x'] } }, { a: ['x', 'z'] }, false],
    [{ a: { $subset: ['x'] } }, { a: 'x' }, false],
    [{ a: { $subset: ['x'] } }, {}, false],
    [{ a: { $absent: true } }, {}, true],
    [{ a: { $absent: true } }, { a: 0 }, false],
    [{ a: { $absent: false } }, { a: 0 }, true],
    [{ a: { $absent: false } }, {}, false],
    [{ a: { $gt: 1 } }, { a: 2 }, 'unknown-operator'],
    [{ a: { $ge: 1, b: 2 } }, { a: 2 }, 'unknown-operator'],
    [{ a: { $ge: '1' } }, { a: 2 }, 'bad-operand'],
    [{ a: { $in: 'x' } }, { a: 'x' }, 'bad-operand'],
    [{ a: { $subset: 1 } }, { a: [] }, 'bad-operand'],
    [{ a: { $absent: 1 } }, {}, 'bad-operand'],
    [{ constructor: null }, {}, true],
    [{ a: { toString: 1 } }, { a: {} }, false],
  ];
  for (const [expected, observed, wanted] of cases) {
    test(`${JSON.stringify(expected)} of ${JSON.stringify(observed)} is ${wanted}`, () => {
      assert.equal(outcome(expected, observed), wanted);
    });
  }

  test('an expectation that is too deep is an error, not a pass', () => {
    let deep: Json = 1;
    for (let i = 0; i < expectationDepthMax + 2; i++) deep = { a: deep };
    assert.equal(outcome(deep, deep), 'too-deep');
  });

  test('mismatches name their path, and are bounded', () => {
    const evaluated = evaluateExpectation({ a: { b: 1 }, c: { $le: 0 } }, { a: { b: 2 }, c: 5 });
    assert.ok(evaluated.ok);
    assert.deepEqual(
      evaluated.value.mismatches.map(({ path }) => path),
      ['a.b', 'c'],
    );
    const many = Object.fromEntries(Array.from({ length: 99 }, (_, i) => [`k${i}`, 1]));
    const bounded = evaluateExpectation(many, {});
    assert.ok(bounded.ok);
    assert.equal(bounded.value.mismatches.length, mismatchesMax);
  });
});

const scalar = fc.oneof(fc.constant(null), fc.boolean(), fc.integer(), fc.string({ maxLength: 4 }));
const name = fc.constantFrom('a', 'b', '__proto__', 'constructor', '$ge', '$in', '$subset', '$absent');
const anyJson = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    scalar,
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(name, tie('value'), { maxKeys: 4 }),
  ),
})).value;

test('whatever is observed, the part that the expectation speaks of is judged as the whole is', () => {
  fc.assert(
    fc.property(anyJson, anyJson, (expected, observed) => {
      const whole = outcome(expected, observed);
      assert.equal(outcome(expected, observedPart(expected, observed)), whole);
    }),
  );
});

test('a value without operators is what it says itself', () => {
  const plain = (value: Json): boolean => !JSON.stringify(value).includes('"$');
  fc.assert(
    fc.property(anyJson.filter(plain), (value) => {
      assert.equal(outcome(value, value), true);
    }),
  );
});

test('the vectors that the Nix half is held to as well', () => {
  const file = readFileSync(new URL('../../../vectors/expectations.json', import.meta.url), 'utf8');
  const { cases } = JSON.parse(file) as { cases: { name: string; expect: Json; observed: Json; meets: boolean }[] };
  assert.ok(cases.length > 0);
  for (const { name, expect, observed, meets } of cases) assert.equal(outcome(expect, observed), meets, name);
});
