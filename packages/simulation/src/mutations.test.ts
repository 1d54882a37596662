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

function* runsFor(scene: Mutation['scene']): Generator<WorkerTask> {
  if (scene !== undefined) return yield { scene };
  for (let seed = 1; seed <= seedsMax; seed++) yield { seed, ...size };
}

function everyScene(mutation: Mutation): readonly { readonly mutation: Mutation; readonly scene: Mutation['scene'] }[] {
  return [mutation.scene, ...(mutation.alsoIn ?? [])].map((scene) => ({ mutation, scene }));
}

describe('noticed', { concurrency: 2 }, () => {
  for (const { mutation, scene } of mutations.flatMap(everyScene)) {
    test(`${mutation.name}: ${scene ?? 'at random'}`, async () => {
      const found: SimulationResult[] = [];
      await simulateAll(runsFor(scene), {
        mutation: mutation.name,
        ...(scene === undefined ? {} : { jobs: 1 }),
        onResult: (result) => {
          if (result.broken) found.push(result);
          return result.broken ? 'enough' : 'more';
        },
      });
      const [first] = found;
      const where = scene ?? `${seedsMax} seeds`;
      assert.ok(first?.broken, `without it every invariant held: ${where}`);
      const said = `${first.broken.invariant}: ${first.broken.text}\n${first.broken.timeline}`;
      assert.ok(mutation.breaks.includes(first.broken.invariant as never), said);
    });
  }
});
