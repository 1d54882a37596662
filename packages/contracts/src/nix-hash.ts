import { z } from 'zod';

/** Nix's base-32 digits: no e, o, t, u. */
const alphabet = '0123456789abcdfghijklmnpqrsvwxyz';
const base64Alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const sha256Bytes = 32;
/** ⌈256 / 5⌉ digits. */
const base32Digits = 52;

/**
 * SHA-256 of a path's NAR in the one textual form that is hashed and compared here: `sha256:` and 52 Nix base-32 digits,
 * as narinfo files and path fingerprints have it. Other tools print other forms: `parseNarHash`.
 */
export const NarHash = z
  .string()
  .regex(/^sha256:[01][0-9abcdfghijklmnpqrsvwxyz]{51}$/, 'expected sha256:<52 Nix base-32 digits>')
  .brand<'NarHash'>();
export type NarHash = z.infer<typeof NarHash>;

/**
 * Reads every form in which Nix and Lix print a SHA-256: `sha256:` with base-16, base-32 or base-64, SRI `sha256-` with
 * base-64, and bare base-16 (`nix-store --dump-db`). Null for anything else, other algorithms included.
 */
export function parseNarHash(text: string): NarHash | null {
  const bytes = hashBytes(text);
  return bytes ? narHashOf(bytes) : null;
}

/** The textual form of a NAR's raw 32-byte SHA-256. */
export function narHashOf(sha256: Uint8Array): NarHash {
  if (sha256.length !== sha256Bytes) throw new RangeError(`expected 32 bytes, got ${sha256.length}`);
  return `sha256:${toNixBase32(sha256)}` as NarHash;
}

function hashBytes(text: string): Uint8Array | null {
  if (/^[0-9a-f]{64}$/.test(text)) return fromHex(text);
  if (text.startsWith('sha256-')) return fromBase64(text.slice(7));
  if (!text.startsWith('sha256:')) return null;
  const digits = text.slice(7);
  if (digits.length === base32Digits) return fromNixBase32(digits);
  return digits.length === 64 ? fromHex(digits) : fromBase64(digits);
}

// Nix writes base-32 from the last digit to the first, least significant bits first (libutil/hash.cc, printHash32).
function toNixBase32(bytes: Uint8Array): string {
  let text = '';
  for (let n = base32Digits - 1; n >= 0; n--) {
    const bit = n * 5;
    const byte = Math.floor(bit / 8);
    const shift = bit % 8;
    const value = ((bytes[byte] ?? 0) >> shift) | ((bytes[byte + 1] ?? 0) << (8 - shift));
    text += alphabet[value & 31];
  }
  return text;
}

function fromNixBase32(text: string): Uint8Array | null {
  const bytes = new Uint8Array(sha256Bytes);
  for (let n = 0; n < base32Digits; n++) {
    const digit = alphabet.indexOf(text[base32Digits - 1 - n] as string);
    if (digit < 0) return null;
    const bit = n * 5;
    const byte = Math.floor(bit / 8);
    const shift = bit % 8;
    bytes[byte] = (bytes[byte] as number) | ((digit << shift) & 255);
    const carry = digit >> (8 - shift);
    if (byte + 1 < sha256Bytes) bytes[byte + 1] = carry;
    else if (carry !== 0) return null;
  }
  return bytes;
}

function fromHex(text: string): Uint8Array | null {
  if (!/^[0-9a-f]{64}$/.test(text)) return null;
  return Uint8Array.from({ length: sha256Bytes }, (_, i) => Number.parseInt(text.slice(2 * i, 2 * i + 2), 16));
}

// Strict: 43 digits, one `=`, and the two spare bits zero, so that one hash has one text.
function fromBase64(text: string): Uint8Array | null {
  if (!/^[A-Za-z0-9+/]{43}=$/.test(text)) return null;
  const bytes = new Uint8Array(sha256Bytes);
  let buffer = 0;
  let bits = 0;
  let at = 0;
  for (const digit of text.slice(0, 43)) {
    buffer = ((buffer << 6) | base64Alphabet.indexOf(digit)) & 0xffff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes[at++] = (buffer >> bits) & 255;
  }
  return (buffer & 3) === 0 ? bytes : null;
}
