import assert from 'node:assert/strict';
import type { CacheFault } from '../../loop/harness/cache-server.ts';
import type { Scenario } from '../harness/scenario.ts';

/** Nothing is switched while the cache is like this; when it is well again, the release follows. */
function refusedUntilWell(name: string, fault: CacheFault): Scenario {
  return {
    name,
    seconds: 75,
    systems: { next: {} },
    async run(stage) {
      stage.world.cache.faults.set(stage.address, fault);
      await stage.release('next');
      await stage.until('refused');
      assert.equal(stage.machine.running, stage.before);
      stage.world.cache.faults.delete(stage.address);
      stage.begin();
      await stage.endsOn(stage.closure('next').closure);
    },
  };
}

export const cache: readonly Scenario[] = [
  refusedUntilWell('the cache is down', 'down'),
  refusedUntilWell('the cache sends half of each file', 'truncating'),
  refusedUntilWell('the cache did not have it yet, and nobody remembers that', 'missing'),
  {
    name: 'the cache is slow',
    seconds: 75,
    systems: { next: {} },
    async run(stage) {
      stage.world.cache.faults.set(stage.address, 'slow');
      await stage.release('next');
      await stage.endsOn(stage.closure('next').closure);
    },
  },
];
