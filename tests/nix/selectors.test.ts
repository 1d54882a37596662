import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { FleetDocument } from '@nixfleet/contracts';
import fc from 'fast-check';
import { evaluated } from './nix.ts';

/** Selectors, waves and budgets of generated fleets, in Nix and by a resolver written from the documentation alone. */

interface Selector {
  readonly all?: true;
  readonly hosts?: readonly string[];
  readonly channel?: string;
  readonly tags?: readonly string[];
  readonly tagsAny?: readonly string[];
  readonly not?: Selector;
  readonly and?: readonly Selector[];
  readonly or?: readonly Selector[];
}
interface Host {
  readonly channel: string;
  readonly tags: readonly string[];
}
type Wave = { readonly selector: Selector } | { readonly percent: number } | { readonly size: number };
interface Fleet {
  readonly hosts: Readonly<Record<string, Host>>;
  readonly waves: readonly Wave[];
}

const hostNames = ['h-1', 'h-10', 'h-2', 'h-3', 'z', '0a', 'a--b', 'aa'];
const channels = ['edge', 'stable'];
const tags = ['canary', 'db', 'eu', 'web'];

/** Fleets in one evaluation, and evaluations. */
const fleetsPerRun = 60;
const runs = 4;

const someOf = (names: readonly string[]): fc.Arbitrary<string[]> =>
  fc.uniqueArray(fc.constantFrom(...names), { minLength: 1, maxLength: 3 });

const flat: fc.Arbitrary<Selector> = fc
  .record(
    {
      all: fc.constant(true as const),
      hosts: someOf(hostNames),
      channel: fc.constantFrom(...channels),
      tags: someOf(tags),
      tagsAny: someOf(tags),
    },
    { requiredKeys: [] },
  )
  .map(narrowed);

/** Selectors of selectors of flat ones: as deep as needed to see that nesting means what it says. */
const around = (inner: fc.Arbitrary<Selector>): fc.Arbitrary<Selector> =>
  fc.oneof(
    inner,
    fc.record({ not: inner }),
    fc.record({ tagsAny: someOf(tags), not: inner }),
    fc.record({ and: fc.array(inner, { minLength: 1, maxLength: 2 }) }),
    fc.record({ or: fc.array(inner, { minLength: 1, maxLength: 3 }) }),
    fc.record({
      or: fc.array(inner, { minLength: 1, maxLength: 2 }),
      and: fc.array(inner, { minLength: 1, maxLength: 2 }),
    }),
  );
const selector = around(around(flat));
const wave: fc.Arbitrary<Wave> = fc.oneof(
  fc.record({ selector }),
  // Four of them are 100 at most.
  fc.record({ percent: fc.constantFrom(1, 10, 20, 25) }),
  fc.record({ size: fc.integer({ min: 1, max: 4 }) }),
);

/** One or two of the criteria, so that selectors match something now and then. */
function narrowed(criteria: Selector): Selector {
  const entries = Object.entries(criteria).slice(0, 2);
  return entries.length === 0 ? { all: true } : Object.fromEntries(entries);
}

const host: fc.Arbitrary<Host> = fc.record({
  channel: fc.constantFrom(...channels),
  tags: fc.uniqueArray(fc.constantFrom(...tags)),
});
const fleet: fc.Arbitrary<Fleet> = fc
  .record({
    hosts: fc.dictionary(fc.constantFrom(...hostNames), host),
    waves: fc.array(wave, { maxLength: 4 }),
  })
  .map(({ hosts, waves }) => ({
    // Every name exists, since a selector may only name hosts there are.
    hosts: Object.fromEntries(hostNames.map((name) => [name, hosts[name] ?? { channel: 'edge', tags: [] }])),
    waves,
  }));

function matches(criteria: Selector, name: string, { channel, tags: carried }: Host): boolean {
  const self = { channel, tags: carried };
  return (
    (criteria.hosts?.includes(name) ?? true) &&
    (criteria.channel === undefined || criteria.channel === channel) &&
    (criteria.tags?.every((tag) => carried.includes(tag)) ?? true) &&
    (criteria.tagsAny?.some((tag) => carried.includes(tag)) ?? true) &&
    (criteria.not === undefined || !matches(criteria.not, name, self)) &&
    (criteria.and?.every((one) => matches(one, name, self)) ?? true) &&
    (criteria.or?.some((one) => matches(one, name, self)) ?? true)
  );
}

function rankOf(channel: string, name: string): string {
  return createHash('sha256').update(`${channel}/${name}`).digest('hex');
}

/** Host → the wave as declared, `waves.length` for the rest: for each host in its turn which wave takes it. */
function placesOf({ hosts, waves }: Fleet, channel: string): Map<string, number> {
  const members = Object.entries(hosts).filter(([, of]) => of.channel === channel);
  const places = new Map<string, number>();
  let percent = 0;
  for (const [index, wave] of waves.entries()) {
    const left = members.filter(([name]) => !places.has(name));
    const inOrder = left.map(([name]) => name).sort((a, b) => (rankOf(channel, a) < rankOf(channel, b) ? -1 : 1));
    let taken: string[];
    if ('selector' in wave) taken = left.filter(([name, of]) => matches(wave.selector, name, of)).map(([name]) => name);
    else if ('size' in wave) taken = inOrder.slice(0, wave.size);
    else {
      const before = Math.ceil((members.length * percent) / 100);
      percent += wave.percent;
      taken = inOrder.slice(0, Math.ceil((members.length * percent) / 100) - before);
    }
    for (const name of taken) places.set(name, index);
  }
  for (const [name] of members) if (!places.has(name)) places.set(name, waves.length);
  return places;
}

function wavesOf(given: Fleet, channel: string): string[][] {
  const places = placesOf(given, channel);
  const all = [...given.waves, undefined].map((_, index) =>
    [...places]
      .filter(([, place]) => place === index)
      .map(([name]) => name)
      .sort(),
  );
  const some = all.filter((names) => names.length > 0);
  return some.length === 0 ? [[]] : some;
}

test('selectors, waves and budgets mean in Nix what the documentation says', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'nixfleet-selectors-'));
  const file = join(folder, 'fleets.json');
  const expression = `map (import ${join(import.meta.dirname, 'generated.nix')}) (builtins.fromJSON (builtins.readFile ${file}))`;
  try {
    await fc.assert(
      fc.asyncProperty(fc.array(fleet, { minLength: 1, maxLength: fleetsPerRun, size: 'max' }), async (fleets) => {
        await writeFile(file, JSON.stringify(fleets));
        const documents = FleetDocument.array().parse(await evaluated({ expression }));
        for (const [index, given] of fleets.entries()) {
          const resolved = documents[index];
          assert.ok(resolved);
          for (const [name, channel] of Object.entries(resolved.channels)) {
            assert.deepEqual(
              channel.waves.map((wave) => wave.hosts),
              wavesOf(given, name),
            );
          }
          const budgets = given.waves.flatMap((wave) =>
            'selector' in wave
              ? [
                  Object.entries(given.hosts)
                    .filter(([name, of]) => matches(wave.selector, name, of))
                    .map(([name]) => name)
                    .sort(),
                ]
              : [],
          );
          assert.deepEqual(
            resolved.disruptionBudgets.map((budget) => budget.hosts),
            budgets,
          );
        }
      }),
      { numRuns: runs },
    );
  } finally {
    await rm(folder, { recursive: true });
  }
});

/** What the documentation promises; of the resolver above, which Nix was just compared with. */
test('a host more moves one other host at most across the end of each wave', () => {
  fc.assert(
    fc.property(fleet, host, ({ hosts, waves }, more) => {
      const { channel } = more;
      const before = placesOf({ hosts, waves }, channel);
      const after = placesOf({ hosts: { ...hosts, 'one-more': more }, waves }, channel);
      for (const [end] of waves.entries()) {
        const moved = [...before].filter(([name, place]) => place <= end !== (after.get(name) ?? 0) <= end);
        assert.ok(moved.length <= 1, `${moved.length} hosts cross the end of wave ${end}`);
      }
    }),
    { numRuns: 2000 },
  );
});

test('percentages that are 100 together are everybody, and no host is in two waves', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 300 }), fc.uniqueArray(fc.integer({ min: 1, max: 99 })), (count, cuts) => {
      const bounds = [0, ...cuts.sort((a, b) => a - b), 100];
      const waves = bounds.slice(1).map((bound, index) => ({ percent: bound - (bounds[index] ?? 0) }));
      const hosts = Object.fromEntries(Array.from({ length: count }, (_, n) => [`h-${n}`, { channel: 'c', tags: [] }]));
      const places = [...placesOf({ hosts, waves }, 'c').values()];
      assert.equal(places.length, count);
      assert.ok(places.every((place) => place < waves.length));
    }),
  );
});
