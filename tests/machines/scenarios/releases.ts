import assert from 'node:assert/strict';
import type { Scenario } from '../harness/scenario.ts';

export const releases: readonly Scenario[] = [
  {
    name: 'two releases in quick succession',
    seconds: 90,
    systems: { next: {}, last: {} },
    async run(stage) {
      await stage.release('next');
      await stage.world.release(stage.machine.name, stage.closure('last'));
      stage.begin();
      await stage.until('converged', ({ body }) => body.target.closure === stage.closure('last').closure);
      await stage.endsOn(stage.closure('last').closure);
    },
  },
  {
    name: 'the agent upgrades itself',
    seconds: 90,
    systems: { next: { revision: '2' } },
    async run(stage) {
      const programOf = (): string => stage.machine.run('systemctl', 'show', '--property=ExecStart', 'nixfleet-agent');
      const before = programOf();
      await stage.release('next');
      await stage.endsOn(stage.closure('next').closure);
      assert.notEqual(programOf(), before);
      assert.ok(stage.kinds.includes('started'), 'it was replaced while it switched');
    },
  },
];
