// Every probe that has a meaning on a Debian in a container, on a machine set right for it and on one set wrong. The
// probes that need a kernel of their own must say so there, by themselves.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Machine } from './harness/machine.ts';
import { ProbeWorld, runProbe } from './harness/probe-world.ts';
import { accountCases } from './probes/accounts.ts';
import { kernelCases, vmCases } from './probes/kernel.ts';
import { networkCases } from './probes/network.ts';
import type { ProbeCase } from './probes/probe-case.ts';
import { serviceCases } from './probes/services.ts';
import { sshCases } from './probes/ssh.ts';

const cases: readonly ProbeCase[] = [...sshCases, ...accountCases, ...kernelCases, ...networkCases, ...serviceCases];

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

for (const one of cases) {
  const { rules, probe, args, wrongArgs = args, found } = one;
  test(`${rules.join(' ')}: ${probe} ${args.join(' ')}`, () => {
    if (one.right.script !== undefined) right.run('/bin/sh', '-euc', one.right.script);
    const good = runProbe(right, probe, args);
    assert.deepEqual(good.violations, [], JSON.stringify(good));
    assert.equal(good.compliant, true);
    if (one.wrong.script !== undefined) wrong.run('/bin/sh', '-euc', one.wrong.script);
    const bad = runProbe(wrong, probe, wrongArgs);
    assert.equal(bad.compliant, false);
    assert.deepEqual([...new Set(bad.violations?.map(({ what }) => what))].sort(), found, JSON.stringify(bad));
  });
}

for (const { rules, probe, args } of vmCases) {
  test(`${rules.join(' ')}: ${probe} is not measured here: it needs a virtual machine`, () => {
    const said = runProbe(right, probe, args);
    assert.equal(said.notApplicable, 'container', JSON.stringify(said));
    assert.equal(said.compliant, false);
  });
}
