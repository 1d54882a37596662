import { encodeBase64 } from '@nixfleet/contracts';
import fc from 'fast-check';
import { type Format, textOf, utf8 } from './format.ts';

/** Longest run of bytes that one mutation inserts or repeats, and how many mutations one input gets. */
const runBytesMax = 64;
const stepsMax = 4;

type Step = (bytes: Uint8Array) => Uint8Array;

/** A place in an input of any length, as a share of it. Of `fc.double` nearly all are next to nothing. */
const place = fc.nat(9999).map((share) => share / 9999);
const indexOf = (at: number, length: number): number => Math.min(length, Math.floor(at * (length + 1)));

function spliced(bytes: Uint8Array, from: number, to: number, put: Uint8Array): Uint8Array {
  return Uint8Array.from([...bytes.subarray(0, from), ...put, ...bytes.subarray(to)]);
}

/** Bytes at which parsers differ: brackets, quotes, escapes, line ends, the ends of UTF-8's ranges, lengths. */
const telling = [
  ...utf8('{}[]",:\\/ \n\r\t=-+0eE.#_'),
  0x00,
  0x01,
  0x7f,
  0x80,
  0xbf,
  0xc0,
  0xc3,
  0xe2,
  0xed,
  0xf4,
  0xff,
];
const run = fc.oneof(
  fc.uint8Array({ minLength: 1, maxLength: 8 }),
  fc.array(fc.constantFrom(...telling), { minLength: 1, maxLength: 4 }).map((picked) => Uint8Array.from(picked)),
  fc.constantFrom('\ufeff', '\u2028', '\ud83d\ude00', '\\ud800', '\\u0000', '__proto__', '1e999', '-0').map(utf8),
);

const byteStep: fc.Arbitrary<Step> = fc.oneof(
  fc.tuple(place, fc.nat(255)).map(
    ([at, byte]): Step =>
      (bytes) => {
        const changed = Uint8Array.from(bytes);
        if (changed.length > 0) changed[indexOf(at, changed.length - 1)] = byte;
        return changed;
      },
  ),
  fc.tuple(place, fc.nat(7)).map(
    ([at, bit]): Step =>
      (bytes) => {
        const changed = Uint8Array.from(bytes);
        const index = indexOf(at, changed.length - 1);
        if (changed.length > 0) changed[index] = (changed[index] ?? 0) ^ (1 << bit);
        return changed;
      },
  ),
  fc.tuple(place, run).map(
    ([at, put]): Step =>
      (bytes) => {
        const from = indexOf(at, bytes.length);
        return spliced(bytes, from, from, put);
      },
  ),
  fc.tuple(place, run).map(
    ([at, put]): Step =>
      (bytes) => {
        const from = indexOf(at, bytes.length);
        return spliced(bytes, from, Math.min(bytes.length, from + put.length), put);
      },
  ),
  // A piece is left out, or repeated.
  fc.tuple(place, fc.nat(runBytesMax), fc.nat(3)).map(
    ([at, length, times]): Step =>
      (bytes) => {
        const from = indexOf(at, bytes.length);
        const piece = bytes.subarray(from, from + length);
        const put = Uint8Array.from(Array.from({ length: times }, () => [...piece]).flat());
        return spliced(bytes, from, from + piece.length, put);
      },
  ),
  place.map(
    (at): Step =>
      (bytes) =>
        bytes.subarray(0, indexOf(at, bytes.length)),
  ),
);

const letters = utf8('0123456789abcdefghijklmnopqrstuvwxyz');

/** A letter or digit for another: the length stays, and mostly the form. */
const letterStep: fc.Arbitrary<Step> = fc.tuple(place, fc.constantFrom(...letters)).map(
  ([at, letter]): Step =>
    (bytes) => {
      const from = indexOf(at, bytes.length - 1);
      const index = bytes.findIndex((byte, i) => i >= from && letters.includes(byte) && byte !== letter);
      const changed = Uint8Array.from(bytes);
      if (index >= 0) changed[index] = letter;
      return changed;
    },
);

/** Lines in another order, more or fewer of them. */
const lineStep: fc.Arbitrary<Step> = fc.tuple(place, place, fc.nat(2)).map(
  ([first, second, kind]): Step =>
    (bytes) => {
      const lines = textOf(bytes).split('\n');
      const [from, to] = [indexOf(first, lines.length - 1), indexOf(second, lines.length - 1)];
      const moved = lines[from] ?? '';
      if (kind > 0) lines.splice(from, 1);
      if (kind < 2) lines.splice(to, 0, moved);
      return utf8(lines.join('\n'));
    },
);

const names = fc.constantFrom(
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  'type',
  'fleet',
  'requires',
  '',
  'a',
);
const values: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(null, true, 0, -1, 1, 1.5, 2 ** 53, 1e21, '', [], {}, 'x'.repeat(5000), '\u0000'),
  names,
  fc.jsonValue({ maxDepth: 3 }),
  fc.nat(40).map((depth) => JSON.parse('['.repeat(depth + 1) + ']'.repeat(depth + 1)) as unknown),
);

type Container = Record<string, unknown> | unknown[];

/** Every container inside a value, the value first. */
function containersOf(value: unknown): Container[] {
  if (typeof value !== 'object' || value === null) return [];
  const inside = Object.values(value).flatMap(containersOf);
  return [value as Container, ...inside];
}

/** One change somewhere inside of JSON: a value, a name, one more, one less. In canonical form or not. */
const jsonStep: fc.Arbitrary<Step> = fc
  .record({ where: place, which: place, kind: fc.nat(4), name: names, value: values, isSorted: fc.boolean() })
  .map(
    ({ where, which, kind, name, value, isSorted }): Step =>
      (bytes) => {
        const json = parsed(bytes);
        const containers = containersOf(json);
        const container = containers[indexOf(where, containers.length - 1)];
        if (container === undefined) return bytes;
        const keys = Object.keys(container);
        const key = keys[indexOf(which, keys.length - 1)];
        if (kind === 0 || key === undefined)
          define(container, Array.isArray(container) ? String(keys.length) : name, value);
        else if (kind === 1) define(container, key, value);
        else if (kind === 2) Reflect.deleteProperty(container, key);
        else if (kind === 3) define(container, name, Reflect.get(container, key));
        else {
          define(container, name, Reflect.get(container, key));
          Reflect.deleteProperty(container, key);
        }
        return utf8(written(json, isSorted));
      },
  );

/** As an own property, `__proto__` too. */
function define(container: Container, key: string, value: unknown): void {
  if (Array.isArray(container)) container.splice(Number(key) || 0, 1, value);
  else Object.defineProperty(container, key, { value, enumerable: true, configurable: true, writable: true });
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(textOf(bytes)) as unknown;
  } catch {
    return null;
  }
}

/** JSON, with its names in order if asked for: what of it is canonical reaches the schemas. */
function written(value: unknown, isSorted: boolean): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  // A hole is what was taken out of a list.
  if (Array.isArray(value))
    return `[${value
      .filter((_, i) => i in value)
      .map((item) => written(item, isSorted))
      .join()}]`;
  const entries = Object.entries(value);
  if (isSorted) entries.sort(([one], [two]) => (one < two ? -1 : 1));
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${written(item, isSorted)}`).join()}}`;
}

/** Bytes inside of base64, in its lines of 70 or in one: what a parser reads behind its armour. */
const base64Step: fc.Arbitrary<Step> = byteStep.map(
  (step): Step =>
    (bytes) => {
      const text = textOf(bytes);
      const found = /[A-Za-z0-9+/]{20,}(?:\n[A-Za-z0-9+/]+)*={0,2}/.exec(text);
      if (!found) return bytes;
      const changed = encodeBase64(step(new Uint8Array(Buffer.from(found[0], 'base64'))));
      const lines = found[0].includes('\n') ? (changed.match(/.{1,70}/g) ?? []).join('\n') : changed;
      return utf8(text.slice(0, found.index) + lines + text.slice(found.index + found[0].length));
    },
);

/** Changes of one kind after another: what knows the structure would find little of it after one that does not. */
const stepsOf: Readonly<Record<Format['shape'], readonly fc.WeightedArbitrary<Step>[]>> = {
  json: [
    { arbitrary: jsonStep, weight: 4 },
    { arbitrary: letterStep, weight: 2 },
    { arbitrary: byteStep, weight: 1 },
  ],
  text: [
    { arbitrary: byteStep, weight: 3 },
    { arbitrary: base64Step, weight: 3 },
    { arbitrary: letterStep, weight: 1 },
    { arbitrary: lineStep, weight: 1 },
  ],
  bytes: [{ arbitrary: byteStep, weight: 1 }],
};

/** Inputs for a reader: mostly seeds, valid ones above all, with a few things changed; some bytes of no meaning. */
export function inputs(
  format: Pick<Format, 'shape'>,
  seeds: { readonly valid: readonly Uint8Array[]; readonly invalid: readonly Uint8Array[] },
): fc.Arbitrary<Uint8Array> {
  const seed = fc.oneof(
    { arbitrary: fc.constantFrom(...seeds.valid), weight: 5 },
    { arbitrary: fc.constantFrom(...seeds.invalid), weight: 1 },
  );
  const steps = fc.oneof(
    ...stepsOf[format.shape].map(({ arbitrary, weight }) => ({
      arbitrary: fc.array(arbitrary, { minLength: 1, maxLength: stepsMax, size: 'xsmall' }),
      weight,
    })),
  );
  const changed = fc.tuple(seed, steps).map(([from, chosen]) => chosen.reduce((bytes, step) => step(bytes), from));
  const noise = fc.uint8Array({ maxLength: 256 });
  return fc.oneof({ arbitrary: changed, weight: 19 }, { arbitrary: noise, weight: 1 });
}
