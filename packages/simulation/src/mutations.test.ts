import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mutations } from './mutations.ts';
import { simulateAll } from './pool.ts';
import type { SimulationOptions, SimulationResult } from './simulate.ts';

/** Within so many seeds of small fleets each mutation must be noticed. */
const seedsMax = 24;
const size = { hosts: 8, hours: 4 };

function* runs(): Generator<SimulationOptions> {
  for (let seed = 1; seed <= seedsMax; seed++) yield { seed, ...size };
}

for (const mutation of mutations) {
  test(`noticed: ${mutation.name}`, async () => {
    const found: SimulationResult[] = [];
    await simulateAll(runs(), {
      mutation: mutation.name,
      onResult: (result) => {
        if (result.broken) found.push(result);
        return result.broken ? 'enough' : 'more';
      },
    });
    const [first] = found;
    assert.ok(first?.broken, `${seedsMax} seeds held every invariant without it`);
    const said = `seed ${first.seed}: ${first.broken.invariant}: ${first.broken.text}\n${first.broken.timeline}`;
    assert.ok(mutation.breaks.includes(first.broken.invariant as never), said);
  });
}
