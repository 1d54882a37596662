// A fleet of machines that systemd boots: an installer's system first, then releases.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { demoIntent, testChannel, testHost } from '@nixfleet/testkit';
import { quick } from '../loop/harness/lab.ts';
import { until } from '../loop/harness/until.ts';
import { controlPlaneHost, setClosure, World } from './harness/world.ts';

const webs = ['web-1', 'web-2', 'web-3'];
const intent = quick({
  ...demoIntent(),
  hosts: {
    ...Object.fromEntries(webs.map((name) => [name, testHost('web')])),
    [controlPlaneHost]: testHost('control'),
  },
  channels: { web: testChannel([['web-1'], ['web-2', 'web-3']]), control: testChannel([[controlPlaneHost]], ['web']) },
});
for (const [name, channel] of Object.entries(intent.channels)) {
  if (name === controlPlaneHost) channel.policy.confirm.by = 'local';
}
const world = await World.open(intent);
after(() => world[Symbol.asyncDispose]());
for (const host of Object.keys(intent.hosts)) for (const version of ['seed', '1']) world.want(host, version);
await world.build();
await world.install('seed');
await world.start();

test('machines come up in the system that their boot loader names, every unit well', async () => {
  for (const machine of world.machines) {
    const isWell = (): boolean => machine.tryRun('systemctl', 'is-system-running').trim() === 'running';
    await until(`${machine.name} is well`, isWell, { explain: () => machine.tryRun('systemctl', '--failed') });
    const { closure } = world.closure(machine.name, 'seed');
    assert.deepEqual([machine.running, machine.booted, machine.bootDefault], [closure, closure, closure], machine.name);
  }
});

test('a first release reaches every host, the control plane’s own last', async () => {
  await world.publish((next) => {
    for (const { name } of world.machines) setClosure(next, name, world.closure(name, '1'));
  });
  const isDone = async (): Promise<boolean> => (await world.view()).hosts.every(({ health }) => health === 'converged');
  const explain = (): string => world.machines.map((machine) => machine.log).join('\n======\n');
  await until('converged', isDone, { seconds: 60, explain });
  for (const machine of world.machines) {
    const { closure } = world.closure(machine.name, '1');
    assert.deepEqual([machine.running, machine.profile], [closure, closure], machine.name);
  }
});
