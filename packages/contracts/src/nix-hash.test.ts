import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { closureDigestText } from './closure-digest.ts';
import type { StorePath } from './names.ts';
import { type NarHash, narHashOf, parseNarHash } from './nix-hash.ts';

// What Nix 2.8 printed for one path: narinfo, `nix-store --dump-db` and `nix path-info --json`.
const base32 = 'sha256:02wyh6ch7rhppvzygs31jl9p6xqf4in1bdngs7clwyqdqvr5p8d7';
const base16 = 'a7a15bf2c60d7b4ed9d1cfb6156c240e7773139561e8e7ffbe17e60399819e0b';
const base64 = 'p6Fb8sYNe07Z0c+2FWwkDndzE5Vh6Of/vhfmA5mBngs=';

describe('nar hash', () => {
  test('every form that Nix prints reads as one', () => {
    for (const form of [base32, base16, `sha256:${base16}`, `sha256:${base64}`, `sha256-${base64}`]) {
      assert.equal(parseNarHash(form), base32, form);
    }
  });

  test('base-32 round-trips, against base-16 and base-64', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
        const hash = narHashOf(bytes);
        assert.equal(parseNarHash(hash), hash);
        assert.equal(parseNarHash(`sha256:${Buffer.from(bytes).toString('hex')}`), hash);
        assert.equal(parseNarHash(`sha256-${Buffer.from(bytes).toString('base64')}`), hash);
      }),
    );
  });

  test('anything else is null', () => {
    const spareBits = `sha256-${base64.slice(0, 42)}t=`;
    const tooBig = `sha256:2${base32.slice(8)}`;
    const foreign = ['', 'sha256:', `sha512:${base16}`, `md5:${base16}`, base32.slice(7), base16.toUpperCase()];
    for (const text of [...foreign, `${base32} `, `sha256:e${base32.slice(8)}`, tooBig, spareBits]) {
      assert.equal(parseNarHash(text), null, text);
    }
  });
});

describe('closure digest', () => {
  const path = (name: string) => `/nix/store/${'0'.repeat(32)}-${name}` as StorePath;
  const hash = (text: string): NarHash => narHashOf(createHash('sha256').update(text).digest());

  test('sorted by path, one line each', () => {
    const a = { path: path('a'), narHash: hash('a') };
    const ab = { path: path('a-b'), narHash: hash('ab') };
    const text = `${a.path} ${a.narHash}\n${ab.path} ${ab.narHash}\n`;
    assert.equal(closureDigestText([ab, a, ab]), text);
  });

  test('other contents under the same path give another text', () => {
    const one = closureDigestText([{ path: path('a'), narHash: hash('a') }]);
    assert.notEqual(closureDigestText([{ path: path('a'), narHash: hash('b') }]), one);
  });
});
