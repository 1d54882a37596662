import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StorePath } from '@nixfleet/contracts';
import { World } from './agent-world.test.ts';

test('what fails because the machine goes down is no failure of the closure', async () => {
  for (const goesDown of [true, false]) {
    const world = await World.create();
    await world.publish(1);
    await world.start();
    await world.pass(25);
    world.host.goesDown = goesDown;
    world.host.setDefault = async () => ({ ok: false, detail: 'PID 1 starts nothing any more' });
    await world.publish(2);
    await world.pass(10);
    assert.equal(world.kinds.includes('failed'), !goesDown);
    assert.equal(world.phase, goesDown ? 'confirming' : 'reverted');
    await world.stop();
  }
});

test('what the dead man’s switch ends is silence, and no failure of the closure', async () => {
  const world = await World.create();
  await world.publish(1);
  await world.start();
  await world.pass(25);
  const one = world.host.current as StorePath;
  const { activate } = world.host;
  world.host.activate = async (closure) => {
    const { output } = await activate(closure);
    // A machine that slept past its time: the switch is killed, and the agent sees that between two looks at its guard.
    await world.clock.sleep(700);
    world.host.current = one;
    world.host.deadMan = async () => ({ kind: 'fired', to: one, ok: true });
    return { kind: 'failed', cause: 'activation-failed', output } as never;
  };
  await world.publish(2);
  await world.pass(5);
  assert.ok(!world.kinds.includes('failed'), world.kinds.join(' '));
  assert.ok(world.kinds.includes('unconfirmed'), world.kinds.join(' '));
  assert.equal(world.phase, 'reverted');
  await world.stop();
});
