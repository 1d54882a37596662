import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { evaluated } from './nix.ts';

/** Expressions in one evaluation, and evaluations. */
const expressionsPerRun = 150;
const runs = 4;

const monthNames = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const dayNames = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

interface Field {
  readonly text: string;
  /** Whether a value of the field is meant, asked one by one: no list is ever made. */
  readonly means: (value: number) => boolean;
}

/** Parts of one field with what each means, by the manual page of cron. */
function field(min: number, max: number, names: readonly string[] = []): fc.Arbitrary<Field> {
  const number = fc.integer({ min, max });
  const text = (value: number, named: boolean) => (named && names[value - min]) || String(value);
  const single = fc.tuple(number, fc.boolean()).map(([value, named]) => ({
    text: text(value, named),
    means: (candidate: number) => candidate === value,
  }));
  const range = fc
    .tuple(number, number, fc.option(fc.integer({ min: 1, max: 20 })), fc.boolean())
    .map(([one, other, step, named]) => {
      const [from, to] = [Math.min(one, other), Math.max(one, other)];
      return {
        text: `${text(from, named)}-${text(to, named)}${step === null ? '' : `/${step}`}`,
        means: (candidate: number) => candidate >= from && candidate <= to && (candidate - from) % (step ?? 1) === 0,
      };
    });
  const every = fc.option(fc.integer({ min: 1, max: 20 })).map((step) => ({
    text: step === null ? '*' : `*/${step}`,
    means: (candidate: number) => (candidate - min) % (step ?? 1) === 0,
  }));
  const several = fc.array(fc.oneof(single, range, every), { minLength: 1, maxLength: 3 }).map((parts) => ({
    text: parts.map((part) => part.text).join(','),
    means: (candidate: number) => parts.some((part) => part.means(candidate)),
  }));
  return fc.oneof(single, range, every, several);
}

const anything: Field = { text: '*', means: () => true };
const expression = fc
  .record({
    minute: field(0, 59),
    hour: field(0, 23),
    month: field(1, 12, monthNames),
    // Sunday is 0 and 7; the field's names begin with it.
    day: fc.oneof(
      fc.record({ dayOfMonth: fc.constant(anything), dayOfWeek: field(0, 6, dayNames) }),
      fc.record({ dayOfMonth: field(1, 31), dayOfWeek: fc.constant(anything) }),
    ),
  })
  .map(({ day, ...rest }) => ({ ...rest, ...day }));
type Expression = typeof expression extends fc.Arbitrary<infer Value> ? Value : never;

interface Parsed {
  readonly problem: string | null;
  readonly starts?: readonly string[];
  readonly days?: readonly string[] | null;
  readonly daysOfMonth?: readonly number[] | null;
  readonly months?: readonly number[] | null;
}

const upTo = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);
const two = (value: number) => String(value).padStart(2, '0');

/** What the rule opens on, in full: null and every value mean the same. */
function meantBy({ minute, hour, dayOfMonth, month, dayOfWeek }: Expression) {
  const minutes = upTo(0, 59).filter(minute.means);
  return {
    starts: upTo(0, 23)
      .filter(hour.means)
      .flatMap((hours) => minutes.map((minutes) => `${two(hours)}:${two(minutes)}`)),
    days: dayNames.filter((_, index) => dayOfWeek.means(index)).sort(),
    daysOfMonth: upTo(1, 31).filter(dayOfMonth.means),
    months: upTo(1, 12).filter(month.means),
  };
}

test('cron in Nix opens when the manual page of cron says', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'nixfleet-cron-'));
  const file = join(folder, 'expressions.json');
  const parse = `map (import ./nix/fleet/cron.nix { lib = import ./nix/lib; }).parse (builtins.fromJSON (builtins.readFile ${file}))`;
  try {
    await fc.assert(
      fc.asyncProperty(
        fc.array(expression, { minLength: 1, maxLength: expressionsPerRun, size: 'max' }),
        async (all) => {
          const texts = all.map(({ minute, hour, dayOfMonth, month, dayOfWeek }) =>
            [minute, hour, dayOfMonth, month, dayOfWeek].map(({ text }) => text).join(' '),
          );
          await writeFile(file, JSON.stringify(texts));
          const parsed = (await evaluated({ expression: parse })) as Parsed[];
          for (const [index, given] of all.entries()) {
            const found = parsed[index];
            assert.ok(found);
            const expected = meantBy(given);
            if (expected.starts.length > 144) {
              assert.match(found.problem ?? '', /^opens \d+ times a day, at most 144/, texts[index]);
              continue;
            }
            const actual = {
              starts: found.starts,
              days: [...(found.days ?? dayNames)].sort(),
              daysOfMonth: found.daysOfMonth ?? upTo(1, 31),
              months: found.months ?? upTo(1, 12),
            };
            assert.deepEqual(actual, expected, `${texts[index]}: ${found.problem}`);
          }
        },
      ),
      { numRuns: runs },
    );
  } finally {
    await rm(folder, { recursive: true });
  }
});
