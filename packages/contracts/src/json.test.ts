import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ContractsError } from './errors.ts';
import {
  canonicalBytes,
  canonicalize,
  canonicalizeDepthMax,
  type Json,
  type JsonBounds,
  parseCanonical,
  parseJson,
} from './json.ts';

const bounds: JsonBounds = { bytesMax: 1 << 20 };

function parse(text: string, over: Partial<JsonBounds> = {}) {
  return parseCanonical(new TextEncoder().encode(text), { ...bounds, ...over });
}

function reasonOf(text: string, over: Partial<JsonBounds> = {}): string {
  const result = parse(text, over);
  return result.ok ? 'ok' : result.reason;
}

const integerJson = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constant(null),
    fc.boolean(),
    fc.maxSafeInteger().filter((n) => !Object.is(n, -0)),
    fc.string({ unit: 'binary' }),
    fc.array(tie('value')),
    fc.dictionary(fc.oneof(fc.string({ unit: 'binary' }), fc.constant('__proto__')), tie('value'), {
      noNullPrototype: true,
    }),
  ),
})).value;

function shuffledKeys(value: Json): Json {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(shuffledKeys);
  const copy = {};
  for (const [key, member] of Object.entries(value).reverse()) {
    Object.defineProperty(copy, key, {
      value: shuffledKeys(member),
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
  return copy;
}

test('canonical bytes parse back to the same value and the same bytes', () => {
  fc.assert(
    fc.property(integerJson, (value) => {
      const result = parseCanonical(canonicalBytes(value), bounds);
      assert.ok(result.ok);
      assert.equal(result.text, canonicalize(value));
      assert.equal(canonicalize(result.value), result.text);
      assert.deepEqual(JSON.parse(result.text), JSON.parse(JSON.stringify(value)));
    }),
  );
});

test('canonical form does not depend on the order in which keys were added', () => {
  fc.assert(fc.property(integerJson, (value) => assert.equal(canonicalize(shuffledKeys(value)), canonicalize(value))));
});

test('every finite double survives canonicalisation', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (n) =>
      assert.equal(Number(canonicalize(n)), n === 0 ? 0 : n),
    ),
  );
});

test('arbitrary text is parsed only if it is its own canonical form', () => {
  fc.assert(
    fc.property(fc.oneof(fc.json(), fc.string({ unit: 'binary' })), (text) => {
      const result = parse(text);
      if (result.ok) assert.equal(canonicalize(result.value), text);
    }),
  );
});

test('each refusal has its reason', () => {
  const lone = '"\\ud800"';
  const cases: readonly (readonly [text: string, reason: string])[] = [
    ['', 'malformed'],
    ['{', 'malformed'],
    ['{"a":1}}', 'malformed'],
    ['"unterminated', 'malformed'],
    ['NaN', 'malformed'],
    ['\ufeff{}', 'malformed'],
    [lone, 'malformed'],
    [`{${lone}:1}`, 'malformed'],
    [`[{"a":"x\\udc00\\ud800"}]`, 'malformed'],
    ['1.5', 'unsafe-number'],
    ['[-0]', 'unsafe-number'],
    ['{"a":9007199254740992}', 'unsafe-number'],
    ['-9007199254740992', 'unsafe-number'],
    ['1e400', 'unsafe-number'],
    ['1.0', 'not-canonical'],
    ['1e2', 'not-canonical'],
    ['{"a":1,"a":1}', 'not-canonical'],
    ['{"__proto__":1,"__proto__":1}', 'not-canonical'],
    ['{"b":1,"a":1}', 'not-canonical'],
    ['{"9":1,"10":1}', 'not-canonical'],
    ['{"a": 1}', 'not-canonical'],
    ['{"a":1}\n', 'not-canonical'],
    ['"\\/"', 'not-canonical'],
    ['"\\u00e9"', 'not-canonical'],
    ['"\\u001F"', 'not-canonical'],
    ['{"10":1,"9":1}', 'ok'],
    ['9007199254740991', 'ok'],
    ['-9007199254740991', 'ok'],
    ['"\u007f\u2028é😀"', 'ok'],
  ];
  for (const [text, reason] of cases) assert.equal(reasonOf(text), reason, JSON.stringify(text));
});

test('bytes that are not UTF-8 are malformed', () => {
  for (const bytes of [
    [0x22, 0xff, 0x22],
    [0x22, 0xed, 0xa0, 0x80, 0x22],
    [0x22, 0xc0, 0x80, 0x22],
    [0xff, 0xfe],
  ]) {
    const result = parseCanonical(Uint8Array.from(bytes), bounds);
    assert.equal(result.ok ? 'ok' : result.reason, 'malformed');
    assert.equal(reasonOf('"é"'), 'ok', 'and leave nothing behind in the decoder');
  }
});

test('size, depth and count are checked before parsing, each at its boundary', () => {
  assert.equal(reasonOf('[1]', { bytesMax: 3 }), 'ok');
  assert.equal(reasonOf('[1]', { bytesMax: 2 }), 'oversized');
  assert.equal(reasonOf('["é"]', { bytesMax: 5 }), 'oversized', 'bytes, not characters');
  assert.equal(reasonOf('[[{"a":[]}]]', { depthMax: 4 }), 'ok');
  assert.equal(reasonOf('[[{"a":[]}]]', { depthMax: 3 }), 'too-deep');
  assert.equal(reasonOf('"[[[["', { depthMax: 0 }), 'ok', 'brackets in strings do not count');
  assert.equal(reasonOf('"\\"[[[["', { depthMax: 0 }), 'ok', 'nor after an escaped quote');
  assert.equal(reasonOf('"\\\\"', { depthMax: 0 }), 'ok');
  assert.equal(reasonOf('['.repeat(32) + ']'.repeat(32)), 'ok');
  assert.equal(reasonOf('['.repeat(33) + ']'.repeat(33)), 'too-deep');
  assert.equal(reasonOf('['.repeat(1 << 20)), 'too-deep', 'not a stack overflow');
  assert.equal(
    reasonOf('['.repeat(300) + ']'.repeat(300), { depthMax: 1000 }),
    'too-deep',
    'not deeper than is written',
  );
  assert.equal(reasonOf('[{},{"a":1,"b":[]}]', { nodesMax: 5 }), 'ok');
  assert.equal(reasonOf('[{},{"a":1,"b":[]}]', { nodesMax: 4 }), 'oversized');
});

test('a __proto__ key is kept as data and changes no prototype', () => {
  const text = '{"__proto__":{"admin":true},"a":1}';
  const result = parse(text);
  assert.ok(result.ok);
  assert.ok(typeof result.value === 'object' && result.value !== null && !Array.isArray(result.value));
  assert.equal(Object.getPrototypeOf(result.value), Object.prototype);
  assert.equal((result.value as { admin?: unknown }).admin, undefined);
  assert.equal(canonicalize(result.value), text);
});

test('what is not JSON is refused, not written', () => {
  const sparse = new Array(2);
  sparse[1] = 1;
  const cycle: Record<string, unknown> = {};
  cycle.self = cycle;
  let deep: Json = 0;
  for (let i = 0; i < canonicalizeDepthMax + 1; i++) deep = [deep];
  const bad: readonly unknown[] = [
    ...[
      Number.NaN,
      Number.POSITIVE_INFINITY,
      undefined,
      1n,
      () => 1,
      Symbol('s'),
      '\ud800',
      { '\udfff': 1 },
      { a: undefined },
    ],
    ...[
      [undefined],
      sparse,
      new Date(0),
      new Map(),
      new Uint8Array(1),
      Object.create({ a: 1 }),
      cycle,
      deep,
      new String('s'),
    ],
  ];
  for (const value of bad) {
    assert.throws(
      () => canonicalize(value as Json),
      (error) => error instanceof ContractsError && error.code === 'not-canonicalizable',
    );
  }
});

test('parseJson: any layout, and numbers as asked', () => {
  const parse = (text: string, numbers: 'integers' | 'finite') => {
    const parsed = parseJson(new TextEncoder().encode(text), { bytesMax: 64, depthMax: 4, numbers });
    return parsed.ok ? parsed.value : parsed.reason;
  };
  assert.deepEqual(parse(' {"b": 1,\n "a": 2}', 'integers'), { b: 1, a: 2 });
  assert.equal(parse('[1.5]', 'integers'), 'unsafe-number');
  assert.deepEqual(parse('[1.5]', 'finite'), [1.5]);
  assert.equal(parse('[1.5,1e999]', 'finite'), 'unsafe-number');
  assert.equal(parse('["\\ud800"]', 'finite'), 'malformed');
  assert.equal(parse('[[[[[]]]]]', 'finite'), 'too-deep');
  assert.equal(parse(`"${'x'.repeat(64)}"`, 'finite'), 'oversized');
  assert.equal(parse('{', 'finite'), 'malformed');
});
