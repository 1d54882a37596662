// A fleet of machines that systemd boots: an installer's system first, then releases, and then everything that may befall
// a host while it switches. In every case it ends on the released or on the last confirmed system, in time.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { demoIntent, testChannel, testHost } from '@nixfleet/testkit';
import { quick } from '../loop/harness/lab.ts';
import { until } from '../loop/harness/until.ts';
import { assign, play } from './harness/scenario.ts';
import { controlPlaneHost, setClosure, World } from './harness/world.ts';
import { boots } from './scenarios/boots.ts';
import { cache } from './scenarios/cache.ts';
import { changedByHand } from './scenarios/changed-by-hand.ts';
import { clocks } from './scenarios/clocks.ts';
import { disks } from './scenarios/disks.ts';
import { interrupted } from './scenarios/interrupted.ts';
import { releases } from './scenarios/releases.ts';
import { state } from './scenarios/state.ts';
import { switchEnds } from './scenarios/switch-ends.ts';
import { undone } from './scenarios/undone.ts';

const webs = ['web-1', 'web-2', 'web-3'];
/**
 * Each is alone in its channel, and works through scenarios of its own, the same ones everywhere. With twice as many on two
 * cores each scenario takes nearly as long as it may, and all of them hardly less.
 */
const lone = Array.from({ length: 6 }, (_, i) => `lone-${i + 1}`);
/** How long a host of a wave may be silent before the rest goes on without it. */
const offlineGraceSeconds = 10;

const intent = quick({
  ...demoIntent(),
  hosts: {
    ...Object.fromEntries(webs.map((name) => [name, testHost('web')])),
    ...Object.fromEntries(lone.map((name) => [name, testHost(name)])),
    [controlPlaneHost]: testHost('control'),
  },
  channels: {
    web: testChannel([['web-1'], ['web-2', 'web-3']]),
    ...Object.fromEntries(lone.map((name) => [name, testChannel([[name]])])),
    control: testChannel([[controlPlaneHost]], ['web']),
  },
});
for (const [name, channel] of Object.entries(intent.channels)) {
  if (name === controlPlaneHost) channel.policy.confirm.by = 'local';
  channel.policy.offlineGraceSeconds = offlineGraceSeconds;
}

/** A pattern of names, to look at a few. */
const chosen = new RegExp(process.env.NIXFLEET_SCENARIOS ?? '');
const scenarios = [
  ...interrupted,
  ...undone,
  ...switchEnds,
  ...boots,
  ...changedByHand,
  ...cache,
  ...disks,
  ...state,
  ...clocks,
  ...releases,
].filter(({ name }) => chosen.test(name));

const world = await World.open(intent);
after(() => world[Symbol.asyncDispose]());
for (const host of Object.keys(intent.hosts)) for (const version of ['seed', '1']) world.want(host, version);
world.want(controlPlaneHost, '2', { revision: '2' });
for (const host of webs) world.want(host, '2');
const lanes = assign(world, lone, scenarios);
await world.build();
await world.install('seed');
await world.start();

/** Waits until these hosts have converged on these versions, and do run them. */
async function converged(hosts: readonly string[], version: string, seconds: number): Promise<void> {
  const isDone = async (): Promise<boolean> => {
    const view = await world.view();
    return hosts.every((host) => {
      const { closure } = world.closure(host, version);
      const shown = view.hosts.find(({ name }) => name === host);
      return shown?.health === 'converged' && shown.running === closure && world.machine(host).running === closure;
    });
  };
  const explain = (): string => hosts.map((host) => world.machine(host).log).join('\n======\n');
  await until(`converged: ${hosts.join(', ')}`, isDone, { seconds, explain });
  for (const host of hosts) {
    const { closure } = world.closure(host, version);
    assert.deepEqual([world.machine(host).profile, world.machine(host).bootDefault], [closure, closure], host);
  }
}

test('machines come up in the system that their boot loader names, every unit well', async () => {
  for (const machine of world.machines) {
    const isWell = (): boolean => machine.tryRun('systemctl', 'is-system-running').trim() === 'running';
    await until(`${machine.name} is well`, isWell, {
      seconds: 90,
      explain: () => machine.tryRun('systemctl', '--failed'),
    });
    const { closure } = world.closure(machine.name, 'seed');
    assert.deepEqual([machine.running, machine.booted, machine.bootDefault], [closure, closure, closure], machine.name);
  }
});

test('a first release reaches every host, the control plane’s own last', async () => {
  await world.publish((next) => {
    for (const { name } of world.machines) setClosure(next, name, world.closure(name, '1'));
  });
  await converged(Object.keys(intent.hosts), '1', 180);
});

test('a host is offline for its wave, and catches up when it is back', async () => {
  const away = world.machine('web-2');
  away.unplug();
  await world.publish((next) => {
    for (const host of webs) setClosure(next, host, world.closure(host, '2'));
  });
  await converged(['web-1', 'web-3'], '2', 180);
  assert.equal(away.running, world.closure('web-2', '1').closure);
  away.plugIn();
  await converged(['web-2'], '2', 120);
});

test('the control plane upgrades itself', async () => {
  const control = world.machine(controlPlaneHost);
  const programOf = (): string => control.run('systemctl', 'show', '--property=ExecStart', 'nixfleet-control-plane');
  const before = programOf();
  await world.publish((next) => setClosure(next, controlPlaneHost, world.closure(controlPlaneHost, '2')));
  await converged([controlPlaneHost], '2', 120);
  assert.notEqual(programOf(), before);
  const confirmed = control.journal().filter((event) => event.kind === 'confirmed');
  assert.deepEqual(
    confirmed.map(({ body }) => body.by),
    ['local', 'local'],
  );
});

play(world, lanes);

test('after all of it no private key is in a command line, an environment or the log of a machine', () => {
  const files = ['/etc/ssh/ssh_host_ed25519_key', '/etc/nixfleet/control-plane.pem'];
  for (const machine of world.machines) {
    const keys = files.flatMap((file) =>
      (machine.read(file) ?? '').split('\n').filter((line) => /^[A-Za-z0-9+/=]{40,}$/.test(line)),
    );
    assert.ok(keys.length > 0, machine.name);
    const processes = machine.run('sh', '-c', 'cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null || true');
    const log = machine.run('journalctl', '--no-pager', '--output=cat', '--all');
    assert.ok(processes.includes('nixfleet') && log.includes('converged'), machine.name);
    for (const key of keys) assert.ok(!processes.includes(key) && !log.includes(key), machine.name);
  }
});
