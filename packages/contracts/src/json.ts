import { ContractsError } from './errors.ts';

/** The closed type of JSON values: what can be signed, hashed and sent. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** Bounds on received bytes, checked before they are parsed. */
export interface JsonBounds {
  readonly bytesMax: number;
  /** Nested containers; a scalar has depth 0, `[]` depth 1. Default `jsonDepthMaxDefault`, at most `canonicalizeDepthMax`. */
  readonly depthMax?: number;
  /** Values of any kind, containers included, keys not. Default: as many as `bytesMax` has room for. */
  readonly nodesMax?: number;
}

export type ParseCanonicalReason = 'oversized' | 'malformed' | 'too-deep' | 'not-canonical' | 'unsafe-number';

export type ParseCanonicalResult =
  | { readonly ok: true; readonly value: Json; readonly text: string }
  | { readonly ok: false; readonly reason: ParseCanonicalReason; readonly detail: string };

export const jsonDepthMaxDefault = 32;

/** Deepest value that `canonicalize` writes; far above any `depthMax` in use, far below what the stack holds. */
export const canonicalizeDepthMax = 256;

/**
 * The RFC 8785 canonical form. All finite numbers are written (ECMAScript `Number::toString`, RFC 8785 §3.2.2.3; `-0` as `0`);
 * that documents hold integers only is `parseCanonical`'s and the schemas' rule.
 * Own enumerable string keys are written, an own `__proto__` like any other.
 * Throws `ContractsError` `not-canonicalizable` for NaN, infinities, lone surrogates, undefined (also as a property or a
 * hole), bigint, functions, symbols, objects other than plain ones and arrays, and values deeper than `canonicalizeDepthMax`
 * (so cycles too).
 */
export function canonicalize(value: Json): string {
  return write(value, 0);
}

/** UTF-8 of `canonicalize`: the bytes that are signed and hashed. */
export function canonicalBytes(value: Json): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(canonicalize(value));
}

// Takes `unknown` because the closed type does not survive casts elsewhere: what is not JSON must not be signed.
function write(value: unknown, depth: number): string {
  switch (typeof value) {
    case 'string':
      return writeString(value);
    case 'number':
      if (!Number.isFinite(value)) throw notCanonicalizable(`the number ${value}`);
      return String(value);
    case 'boolean':
      return value ? 'true' : 'false';
    case 'object':
      if (value === null) return 'null';
      if (depth >= canonicalizeDepthMax) throw notCanonicalizable(`a value nested over ${canonicalizeDepthMax} deep`);
      return Array.isArray(value) ? writeArray(value, depth) : writeObject(value, depth);
    default:
      throw notCanonicalizable(`a value of type ${typeof value}`);
  }
}

// JSON.stringify escapes exactly as RFC 8785 §3.2.2.2 asks, except that it escapes lone surrogates instead of refusing them.
function writeString(value: string): string {
  if (!value.isWellFormed()) throw notCanonicalizable('a string with a lone surrogate');
  return JSON.stringify(value);
}

function writeArray(value: readonly unknown[], depth: number): string {
  let text = '[';
  for (let i = 0; i < value.length; i++) text += (i === 0 ? '' : ',') + write(value[i], depth + 1);
  return `${text}]`;
}

function writeObject(value: object, depth: number): string {
  if (!isPlain(value)) throw notCanonicalizable('an object that is neither plain nor an array');
  // The default order of sort() is by UTF-16 code unit, which is what RFC 8785 §3.2.3 asks.
  const keys = Object.keys(value).sort();
  let text = '{';
  for (const [i, key] of keys.entries()) {
    const member: unknown = value[key];
    text += `${i === 0 ? '' : ','}${writeString(key)}:${write(member, depth + 1)}`;
  }
  return `${text}}`;
}

// A prototype without a prototype is some realm's Object.prototype: a test may hand in objects made in another realm.
function isPlain(value: object): value is Record<string, unknown> {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || (typeof prototype === 'object' && Object.getPrototypeOf(prototype) === null);
}

function notCanonicalizable(what: string): ContractsError {
  return new ContractsError('not-canonicalizable', `expected JSON, got ${what}`);
}

/**
 * Parses bytes that an attacker may have written. They must be their own canonical form, so that everyone who reads them
 * reads the same document: duplicate keys, whitespace, key order and needless escapes are all `not-canonical`.
 * Checked in this order: size → UTF-8 without byte order mark → depth and number of values, over the text → JSON syntax →
 * integers within ±(2^53−1) and no `-0` → no lone surrogates → canonical form equals the received text.
 *
 * An own `__proto__` key stays what `JSON.parse` makes it, an ordinary own property that changes no prototype; do not copy
 * such an object by assignment. Look names up in a Map.
 */
export function parseCanonical(bytes: Uint8Array, bounds: JsonBounds): ParseCanonicalResult {
  const parsed = parseText(bytes, bounds);
  if (!parsed.ok) return parsed;
  const { value, text } = parsed;
  // The walk recurses at most depthMax deep, which the scan has just made sure of.
  const walked: Walked = { unsafe: null, isFinite: true, isSorted: true, isWellFormed: true };
  walk(value, walked, text.includes('\\u'));
  if (walked.unsafe !== null) {
    return refused('unsafe-number', `expected integers within ±(2^53−1), got ${walked.unsafe}`);
  }
  if (!walked.isWellFormed) return refused('malformed', 'lone surrogate in a string');
  // With its keys in order, a value is written by JSON.stringify as RFC 8785 writes it, in a quarter of the time. Where
  // that is not the text, our own writer decides: keys that look like array indices may come out in another order.
  if (!walked.isSorted || JSON.stringify(value) !== text) {
    const canonical = canonicalize(value);
    if (canonical !== text) {
      return refused(
        'not-canonical',
        `differs from its RFC 8785 form at character ${firstDifference(canonical, text)}`,
      );
    }
  }
  return { ok: true, value, text };
}

/**
 * Parses bytes that need not be canonical: what a program printed, a document of somebody else's. Bounded and checked as
 * `parseCanonical` does it, but for the canonical form; of a key that stands twice the last one counts. `numbers`: `integers`
 * refuses all others, `finite` takes what `JSON.parse` makes of them (and refuses what it cannot hold).
 */
export function parseJson(
  bytes: Uint8Array,
  bounds: JsonBounds & { readonly numbers: 'integers' | 'finite' },
): ParseCanonicalResult {
  const parsed = parseText(bytes, bounds);
  if (!parsed.ok) return parsed;
  const walked: Walked = { unsafe: null, isFinite: true, isSorted: true, isWellFormed: true };
  walk(parsed.value, walked, parsed.text.includes('\\u'));
  if (!walked.isWellFormed) return refused('malformed', 'lone surrogate in a string');
  if (bounds.numbers === 'integers' && walked.unsafe !== null) {
    return refused('unsafe-number', `expected integers within ±(2^53−1), got ${walked.unsafe}`);
  }
  if (!walked.isFinite) return refused('unsafe-number', 'expected finite numbers');
  return parsed;
}

function parseText(bytes: Uint8Array, bounds: JsonBounds): ParseCanonicalResult {
  if (bytes.length > bounds.bytesMax) {
    return refused('oversized', `expected at most ${bounds.bytesMax} bytes, got ${bytes.length}`);
  }
  let text: string;
  try {
    text = decoder.decode(bytes);
  } catch {
    return refused('malformed', 'not UTF-8');
  }
  const depthMax = Math.min(bounds.depthMax ?? jsonDepthMaxDefault, canonicalizeDepthMax);
  const overBound = scanBounds(text, depthMax, bounds.nodesMax ?? bounds.bytesMax);
  if (overBound !== null) return overBound;
  let value: Json;
  try {
    value = JSON.parse(text);
  } catch {
    return refused('malformed', 'not JSON');
  }
  return { ok: true, value, text };
}

// ignoreBOM keeps a byte order mark in the text, where JSON.parse refuses it.
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function refused(reason: ParseCanonicalReason, detail: string): ParseCanonicalResult & { ok: false } {
  return { ok: false, reason, detail };
}

const quote = 0x22;
const comma = 0x2c;
const backslash = 0x5c;

/**
 * Depth and number of values, without recursion and before anything is allocated for the values. Exact for canonical text;
 * for text that JSON.parse refuses anyway the counts mean nothing, but stay bounded.
 */
function scanBounds(text: string, depthMax: number, nodesMax: number): (ParseCanonicalResult & { ok: false }) | null {
  if (nodesMax >= text.length && hasFewContainers(text, depthMax)) return null;
  let depth = 0;
  let nodes = 1;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (inString) {
      if (unit === backslash) i++;
      else if (unit === quote) inString = false;
      continue;
    }
    if (unit === quote) inString = true;
    else if (isOpening(unit)) {
      depth++;
      if (!isClosing(text.charCodeAt(i + 1))) nodes++;
      if (depth > depthMax) return refused('too-deep', `expected at most ${depthMax} nested containers`);
    } else if (isClosing(unit)) depth--;
    else if (unit === comma) nodes++;
    if (nodes > nodesMax) return refused('oversized', `expected at most ${nodesMax} values`);
  }
  return null;
}

/** True when there are not even `depthMax` opening brackets, in strings or not: a small document needs no scan. */
function hasFewContainers(text: string, depthMax: number): boolean {
  let left = depthMax;
  for (const bracket of ['{', '[']) {
    for (let at = text.indexOf(bracket); at !== -1; at = text.indexOf(bracket, at + 1)) if (--left < 0) return false;
  }
  return true;
}

function isOpening(unit: number): boolean {
  return unit === 0x7b || unit === 0x5b;
}

function isClosing(unit: number): boolean {
  return unit === 0x7d || unit === 0x5d;
}

interface Walked {
  /** The first number that is no safe integer, as text; null when there is none. */
  unsafe: string | null;
  /** False where a number is too large for a double. */
  isFinite: boolean;
  /** Whether the keys of every object are in the order of their UTF-16 code units (RFC 8785 §3.2.3). */
  isSorted: boolean;
  isWellFormed: boolean;
}

/** `hasEscapes`: there is a `\\u` in the text. UTF-8 has no surrogates, so only an escape makes a lone one. */
function walk(value: Json, found: Walked, hasEscapes: boolean): void {
  if (typeof value === 'string') {
    if (hasEscapes && !value.isWellFormed()) found.isWellFormed = false;
  } else if (typeof value === 'number') {
    if (Object.is(value, -0)) found.unsafe ??= '-0';
    else if (!Number.isSafeInteger(value)) {
      found.unsafe ??= String(value);
      if (!Number.isFinite(value)) found.isFinite = false;
    }
  } else if (typeof value === 'object' && value !== null) {
    if (Array.isArray(value)) for (const member of value) walk(member, found, hasEscapes);
    else walkObject(value as { readonly [key: string]: Json }, found, hasEscapes);
  }
}

function walkObject(value: { readonly [key: string]: Json }, found: Walked, hasEscapes: boolean): void {
  let before: string | null = null;
  for (const key of Object.keys(value)) {
    if (before !== null && before >= key) found.isSorted = false;
    if (hasEscapes && !key.isWellFormed()) found.isWellFormed = false;
    before = key;
    walk(value[key] as Json, found, hasEscapes);
  }
}

function firstDifference(a: string, b: string): number {
  let i = 0;
  while (i < a.length && a.charCodeAt(i) === b.charCodeAt(i)) i++;
  return i;
}
