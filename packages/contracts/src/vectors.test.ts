import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { decodeBase64 } from './base64.ts';
import type { Crypto } from './crypto.ts';
import { decodeHex, encodeHex } from './hex.ts';
import { canonicalize, parseCanonical } from './json.ts';
import { nodeCrypto } from './node-crypto.ts';
import { sha256Hex } from './sha256.ts';
import { type Subtle, webCrypto } from './web-crypto.ts';

function vectors<Shape>(file: string): Shape {
  return JSON.parse(readFileSync(new URL(`../../../vectors/${file}`, import.meta.url), 'utf8'));
}

const utf8 = new TextEncoder();
const bytesMax = 65_536;
const adapters: [string, Crypto][] = [
  ['node:crypto', nodeCrypto],
  ['WebCrypto', webCrypto(globalThis.crypto.subtle as unknown as Subtle)],
];

describe('canonical JSON', () => {
  const { cases, numbers, notNumbers } = vectors<{
    cases: { name: string; input: string; canonical: string }[];
    numbers: [string, string][];
    notNumbers: string[];
  }>('canonical-json.json');

  for (const { name, input, canonical } of cases) {
    test(name, () => {
      assert.equal(canonicalize(JSON.parse(input)), canonical);
      assert.equal(canonicalize(JSON.parse(canonical)), canonical);
    });
    test(`${name}: as received it is refused, because it is not the canonical form or holds floats`, () => {
      const received = parseCanonical(utf8.encode(input), { bytesMax });
      assert.equal(received.ok, false);
    });
  }

  test('numbers of RFC 8785 appendix B', () => {
    for (const [bits, text] of numbers) assert.equal(canonicalize(fromBits(bits)), text, bits);
    for (const bits of notNumbers) assert.throws(() => canonicalize(fromBits(bits)), { code: 'not-canonicalizable' });
  });
});

function fromBits(hex: string): number {
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, BigInt(`0x${hex}`));
  return view.getFloat64(0);
}

describe('documents', () => {
  const { documents } = vectors<{
    documents: {
      name: string;
      text: string;
      bytes: number;
      sha256: string;
      ed25519Public?: string;
      signature?: string;
      ed25519SeedLabel?: string;
    }[];
  }>('documents.json');

  for (const document of documents) {
    const bytes = utf8.encode(document.text);
    test(`${document.name}: canonical, of that size and hash`, async () => {
      assert.equal(bytes.length, document.bytes);
      assert.equal(parseCanonical(bytes, { bytesMax }).ok, true);
      for (const [, crypto] of adapters) assert.equal(await sha256Hex(crypto, bytes), document.sha256);
    });
    const { ed25519Public, signature, ed25519SeedLabel } = document;
    if (ed25519Public === undefined || signature === undefined || ed25519SeedLabel === undefined) continue;
    for (const [adapter, crypto] of adapters) {
      test(`${document.name}: signed as given, with ${adapter}`, async () => {
        const key = { algorithm: 'ed25519', raw: present(decodeBase64(ed25519Public)) } as const;
        const seed = createHash('sha256').update(ed25519SeedLabel).digest();
        const made = await crypto.sign({ algorithm: 'ed25519', seed }, bytes);
        assert.equal(encodeHex(made), signature);
        assert.equal(await crypto.verify(key, bytes, made), true);
        made[5] = (made[5] ?? 0) ^ 1;
        assert.equal(await crypto.verify(key, bytes, made), false);
      });
    }
  }
});

describe('ecdsa-p256', () => {
  const vector = vectors<{ message: string; public: string; r: string; s: string[] }>('ecdsa-p256.json');
  const key = { algorithm: 'ecdsa-p256', raw: present(decodeBase64(vector.public)) } as const;
  for (const [adapter, crypto] of adapters) {
    for (const s of vector.s) {
      const signature = present(decodeHex(vector.r + s));
      test(`S ${s.slice(0, 8)}… verifies with ${adapter}, and only over its message`, async () => {
        assert.equal(await crypto.verify(key, utf8.encode(vector.message), signature), true);
        assert.equal(await crypto.verify(key, utf8.encode(`${vector.message} `), signature), false);
      });
    }
    test(`zero, cut and over-long signatures and a point off the curve are refused with ${adapter}`, async () => {
      const message = utf8.encode(vector.message);
      for (const length of [0, 63, 64, 65]) {
        assert.equal(await crypto.verify(key, message, new Uint8Array(length)), false, `${length} zero bytes`);
      }
      const off = { algorithm: 'ecdsa-p256', raw: new Uint8Array(64).fill(7) } as const;
      const signature = present(decodeHex(vector.r + vector.s[0]));
      assert.equal(await crypto.verify(off, message, signature), false);
    });
  }
});

describe('strict ed25519', () => {
  const seed = createHash('sha256').update('strict').digest();
  const message = utf8.encode('strict');
  const order = (1n << 252n) + 27742317777372353535851937790883648493n;

  for (const [adapter, crypto] of adapters) {
    test(`S + L is refused with ${adapter}`, async () => {
      const key = await crypto.publicKeyOf({ algorithm: 'ed25519', seed });
      const signature = await crypto.sign({ algorithm: 'ed25519', seed }, message);
      assert.equal(await crypto.verify(ed25519(key.raw), message, signature), true);
      const s = littleEndian(signature.subarray(32)) + order;
      const malleable = new Uint8Array([...signature.subarray(0, 32), ...toLittleEndian(s)]);
      assert.equal(await crypto.verify(ed25519(key.raw), message, malleable), false);
    });
    test(`keys and R of small order, and y not below p, are refused with ${adapter}`, async () => {
      // With A and R the neutral element and S = 0, a lax verifier accepts any message.
      const neutral = toLittleEndian(1n);
      const zero = new Uint8Array(32);
      assert.equal(await crypto.verify(ed25519(neutral), message, new Uint8Array([...neutral, ...zero])), false);
      const aboveP = toLittleEndian((1n << 255n) - 18n);
      assert.equal(await crypto.verify(ed25519(aboveP), message, new Uint8Array([...aboveP, ...zero])), false);
    });
  }
});

function ed25519(raw: Uint8Array) {
  return { algorithm: 'ed25519', raw } as const;
}

function littleEndian(bytes: Uint8Array): bigint {
  return [...bytes].reverse().reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

function toLittleEndian(value: bigint): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));
}

function present<Value>(value: Value | null): Value {
  assert.notEqual(value, null);
  return value as Value;
}
