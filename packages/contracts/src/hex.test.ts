import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeHex, encodeHex } from './hex.ts';

test('bytes are written as Node writes them and read back', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      assert.equal(encodeHex(bytes), Buffer.from(bytes).toString('hex'));
      assert.deepEqual(decodeHex(encodeHex(bytes)), new Uint8Array(bytes));
    }),
  );
});

test('upper case, odd lengths and anything else are refused', () => {
  for (const text of ['A0', '0', '000', '0g', ' 00', '00\n', '0x00', '-1']) assert.equal(decodeHex(text), null, text);
});
