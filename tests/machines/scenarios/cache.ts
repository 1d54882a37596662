import assert from 'node:assert/strict';
import type { CacheFault } from '../../loop/harness/cache-server.ts';
import type { Scenario } from '../harness/scenario.ts';
import type { Stage } from '../harness/stage.ts';

/** Nothing is switched while the cache is like this; when it is well again, the release follows. */
function refusedUntilWell(name: string, fault: CacheFault): Scenario {
  return {
    name,
    seconds: 120,
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

/** Something in the store changes a path that the next release shares; the release repairs it, and is switched to. */
async function repairs(stage: Stage): Promise<void> {
  const { machine } = stage;
  const kernel = machine.run('readlink', '--canonicalize', '/run/current-system/kernel').trim();
  const text = machine.read(kernel);
  machine.damage(kernel);
  assert.notEqual(machine.read(kernel), text);
  await stage.release('next');
  await stage.until('converged', ({ body }) => body.target.closure === stage.closure('next').closure);
  await stage.endsOn(stage.closure('next').closure);
  assert.equal(machine.read(kernel), text);
  assert.ok(!stage.kinds.includes('refused'));
}

export const cache: readonly Scenario[] = [
  {
    name: 'a path of the store is damaged: repaired through the Nix daemon',
    seconds: 90,
    systems: { next: {} },
    run: repairs,
  },
  {
    name: 'a host without a Nix daemon works on its store itself, and repairs it',
    seconds: 120,
    systems: { direct: { store: 'direct' }, next: { store: 'direct' } },
    async run(stage) {
      await stage.release('direct');
      await stage.endsOn(stage.closure('direct').closure);
      stage.machine.run('systemctl', 'stop', 'nix-daemon.socket', 'nix-daemon.service');
      await repairs(stage);
      stage.machine.run('systemctl', 'start', 'nix-daemon.socket');
    },
  },
  refusedUntilWell('the cache is down', 'down'),
  refusedUntilWell('the cache sends half of each file', 'truncating'),
  refusedUntilWell('the cache did not have it yet, and nobody remembers that', 'missing'),
  {
    name: 'the cache is slow',
    seconds: 120,
    systems: { next: {} },
    async run(stage) {
      stage.world.cache.faults.set(stage.address, 'slow');
      await stage.release('next');
      await stage.endsOn(stage.closure('next').closure);
    },
  },
];
