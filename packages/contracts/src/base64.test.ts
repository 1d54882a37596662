import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeBase64, encodeBase64 } from './base64.ts';

test('bytes are written as Node writes them and read back', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      const text = encodeBase64(bytes);
      assert.equal(text, Buffer.from(bytes).toString('base64'));
      assert.deepEqual(decodeBase64(text), new Uint8Array(bytes));
    }),
  );
});

test('what is read is the only text for its bytes', () => {
  const digit = fc.constantFrom(...'ABCZaz09+/=-_ \n\u00c1');
  fc.assert(
    fc.property(fc.string({ unit: digit, maxLength: 12 }), (text) => {
      const bytes = decodeBase64(text);
      if (bytes !== null) assert.equal(encodeBase64(bytes), text);
    }),
    { numRuns: 2000 },
  );
});

test('missing padding, spare bits, white space and the URL alphabet are refused', () => {
  const bad = [
    'Zg',
    'Zg=',
    'Zh==',
    'Zm9=',
    'Zg==\n',
    ' Zg==',
    'Zg= =',
    'Z===',
    '====',
    'Zg==Zg==',
    '-_-_',
    'Zm9\u00f6',
  ];
  for (const text of bad) assert.equal(decodeBase64(text), null, JSON.stringify(text));
  assert.deepEqual(decodeBase64(''), new Uint8Array());
});
