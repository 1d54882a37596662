// Every probe that has a meaning on a Debian in a container, on a machine set right for it and on one set wrong. The
// probes that need a kernel of their own must say so there, by themselves.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Machine } from './harness/machine.ts';
import { ProbeWorld, runProbe } from './harness/probe-world.ts';
import { kernelCases } from './probes/kernel.ts';
import { sshCases } from './probes/ssh.ts';

const cases = [...sshCases, ...kernelCases];

let world: ProbeWorld;
let right: Machine;
let wrong: Machine;

before(async () => {
  world = new ProbeWorld();
  [right, wrong] = await Promise.all([
    world.boot(
      'right',
      cases.map((one) => one.right),
    ),
    world.boot(
      'wrong',
      cases.map((one) => one.wrong),
    ),
  ]);
});
after(() => world[Symbol.asyncDispose]());

for (const { rules, probe, args, found } of cases) {
  test(`${rules.join(' ')}: ${probe} ${args.join(' ')}`, () => {
    const good = runProbe(right, probe, args);
    assert.deepEqual(good.violations, [], JSON.stringify(good));
    assert.equal(good.compliant, true);
    const bad = runProbe(wrong, probe, args);
    assert.equal(bad.compliant, false);
    assert.deepEqual([...new Set(bad.violations?.map(({ what }) => what))].sort(), found, JSON.stringify(bad));
  });
}
