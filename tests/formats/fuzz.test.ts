import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import { webCrypto } from '@nixfleet/contracts/web-crypto';
import fc from 'fast-check';
import { corpusOf } from './corpus.ts';
import type { Format, Outcome } from './format.ts';
import { formats } from './formats.ts';
import { inputs } from './mutations.ts';

/** Inputs for each format; `make fuzz` has more. */
const runs = Number(process.env.FUZZ_RUNS ?? 300);
/** What a refusal may say, in characters: it goes into logs, events and replies. */
const detailCharactersMax = 2000;

const webcrypto = webCrypto(globalThis.crypto.subtle as unknown as Parameters<typeof webCrypto>[0]);
const pristine = Object.getOwnPropertyNames(Object.prototype).length;

describe(`${runs} hostile inputs for each reader`, () => {
  for (const format of formats) {
    test(`${format.name}: an outcome, the same everywhere, and what is accepted is printed and read again`, async () => {
      const property = fc.asyncProperty(inputs(format, seedsOf(format)), (bytes) => judge(format, bytes));
      await fc.assert(property, { numRuns: runs });
    });

    const { bytesMax } = format;
    if (bytesMax === null) continue;
    test(`${format.name}: nothing longer than ${bytesMax} bytes`, async () => {
      const [good] = corpusOf(format.name).filter(({ reason }) => reason === null);
      const long = new Uint8Array(bytesMax + 1).fill(0x20);
      long.set(good?.bytes ?? [], 0);
      const outcome = await format.read(long, nodeCrypto);
      assert.equal(outcome.ok, false);
      if (!outcome.ok && format.shape === 'json') assert.equal(outcome.reason, 'oversized');
    });
  }
});

function seedsOf({ name }: Format) {
  const files = corpusOf(name);
  const bytesOf = (isValid: boolean) =>
    files.filter(({ reason }) => (reason === null) === isValid).map(({ bytes }) => bytes);
  return { valid: bytesOf(true), invalid: bytesOf(false) };
}

async function judge(format: Format, bytes: Uint8Array): Promise<void> {
  const before = Uint8Array.from(bytes);
  const outcome = await format.read(bytes, nodeCrypto);
  assert.deepEqual(bytes, before, 'the input was changed');
  assertSame(await format.read(bytes, webcrypto), outcome);
  assert.equal(Object.getOwnPropertyNames(Object.prototype).length, pristine, 'a prototype was polluted');
  if (!outcome.ok) {
    assert.ok(outcome.detail.length <= detailCharactersMax, `a refusal of ${outcome.detail.length} characters`);
    return;
  }
  assertPlain(outcome.value);
  if (format.isCanonical) assert.deepEqual(outcome.printed, bytes, 'accepted in a form that is not the one it prints');
  const again = await format.read(outcome.printed, nodeCrypto);
  assert.ok(again.ok, `what was printed is refused: ${again.ok || again.reason}`);
  assert.deepEqual(again.value, outcome.value);
}

function assertSame(one: Outcome, other: Outcome): void {
  // Not the detail: what OpenSSL says of a key depends on what it was asked before.
  const verdicts = [one, other].map((outcome) => (outcome.ok ? outcome : { ok: false, reason: outcome.reason }));
  assert.deepEqual(verdicts[0], verdicts[1], 'the two cryptography adapters differ');
}

/** Lists, bytes and objects of JSON, with no prototype but their own. */
function assertPlain(value: unknown): void {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return;
  const prototype: unknown = Object.getPrototypeOf(value);
  const isPlain = prototype === null || prototype === (Array.isArray(value) ? Array.prototype : Object.prototype);
  assert.ok(isPlain, 'an object with a prototype of the attacker’s');
  for (const inside of Object.values(value)) assertPlain(inside);
}
