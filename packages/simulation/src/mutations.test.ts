import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Mutation } from './mutation.ts';
import { mutations } from './mutations.ts';
import { simulateAll } from './pool.ts';
import type { SimulationResult } from './simulate.ts';
import type { WorkerTask } from './worker.ts';

/** Within so many seeds of small fleets each mutation without a scene of its own must be noticed. */
const seedsMax = 24;
const size = { hosts: 8, hours: 4 };

function* runsFor({ scene }: Mutation): Generator<WorkerTask> {
  if (scene !== undefined) return yield { scene };
  for (let seed = 1; seed <= seedsMax; seed++) yield { seed, ...size };
}

describe('noticed', { concurrency: 2 }, () => {
  for (const mutation of mutations) {
    test(mutation.name, async () => {
      const found: SimulationResult[] = [];
      await simulateAll(runsFor(mutation), {
        mutation: mutation.name,
        ...(mutation.scene === undefined ? {} : { jobs: 1 }),
        onResult: (result) => {
          if (result.broken) found.push(result);
          return result.broken ? 'enough' : 'more';
        },
      });
      const [first] = found;
      const where = mutation.scene ?? `${seedsMax} seeds`;
      assert.ok(first?.broken, `without it every invariant held: ${where}`);
      const said = `${first.broken.invariant}: ${first.broken.text}\n${first.broken.timeline}`;
      assert.ok(mutation.breaks.includes(first.broken.invariant as never), said);
    });
  }
});
