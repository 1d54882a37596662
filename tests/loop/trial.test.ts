// One host runs another closure for a while (design §7: the dead man's switch), with the real profile agent: it ends by
// itself, with the agent and with nobody at all, and the channel has its host back.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { addSeconds, type EventOf, instantToMs, msToInstant } from '@nixfleet/contracts';
import { systemClock } from '@nixfleet/contracts/node-clock';
import type { RealClosure } from '@nixfleet/testkit';
import { Lab } from './harness/lab.ts';
import { until } from './harness/until.ts';

const lab = await Lab.open();
after(() => lab[Symbol.asyncDispose]());
const canary = lab.host('canary');
const [v1, tried, v2] = await Promise.all([lab.system('1'), lab.system('tried'), lab.system('2')]);

/** Publishes a trial that ends in so many seconds, and waits until the host is in it. */
async function begin(real: RealClosure, seconds: number): Promise<EventOf<'trying'>> {
  const mark = canary.mark;
  const expiresAt = addSeconds(msToInstant(systemClock.now()), seconds);
  await lab.publish((next) => {
    next.trials = { canary: { real: { ...real }, expiresAt } };
  });
  return canary.until('trying', { mark });
}

const places = () => [canary.running, canary.bootDefault];

await lab.begin(v1);

test('it runs until its end, shown as a trial, and never becomes the boot default', async () => {
  const mark = canary.mark;
  const trying = await begin(tried, 25);
  assert.deepEqual(places(), [tried.closure, v1.closure]);
  const view = await lab.controlPlane.until('it is shown as a trial', ({ hosts }) =>
    hosts.some(({ withheld }) =>
      withheld.some(({ code, until: end }) => code === 'trial' && end === trying.body.deadline),
    ),
  );
  assert.equal(view.hosts[0]?.target, tried.closure);
  const { body, at } = await canary.until('reverted', { mark });
  assert.deepEqual([body.cause, body.to], ['trial-ended', v1.closure]);
  assert.ok(instantToMs(at) >= instantToMs(trying.body.deadline) - 1000, 'not before its end');
  await lab.converged();
  assert.deepEqual(places(), [v1.closure, v1.closure]);
  assert.deepEqual(
    canary.kinds(mark).filter((kind) => kind === 'confirmed' || kind === 'failed'),
    [],
  );
  const done = await lab.converged();
  assert.deepEqual(
    done.rollouts.map(({ state, failed }) => [state, failed]),
    [['converged', 0]],
  );
});

test('without agent and without control plane it ends all the same', async () => {
  await canary.stop();
  canary.startProcess();
  await begin(tried, 25);
  await lab.controlPlane.stop('SIGKILL');
  await canary.stop('SIGKILL');
  await until('the dead man has taken it home', () => places().every((path) => path === v1.closure), { seconds: 60 });
  await lab.controlPlane.start();
  const mark = canary.mark;
  await canary.start();
  const { body } = await canary.until('reverted', { mark });
  assert.deepEqual([body.cause, body.by], ['trial-ended', 'dead-man']);
  await lab.converged();
});

test('the next release carries it on or ends it, and what is released then is what runs', async () => {
  const mark = canary.mark;
  await begin(tried, 3600);
  await lab.release(v2, (next) => {
    delete next.trials;
  });
  const { body } = await canary.until('reverted', { mark });
  assert.equal(body.cause, 'trial-ended');
  await lab.converged();
  assert.deepEqual(places(), [v2.closure, v2.closure]);
});

test('a trial that is unwell ends at once, and quarantines nothing', async () => {
  const mark = canary.mark;
  const expiresAt = addSeconds(msToInstant(systemClock.now()), 3600);
  const broken = await lab.system('broken', { exitCode: 2 });
  await lab.publish((next) => {
    next.trials = { canary: { real: { ...broken }, expiresAt } };
  });
  await canary.until('reverted', { mark });
  assert.deepEqual(places(), [v2.closure, v2.closure]);
  const { state } = await lab.controlPlane.host('canary');
  assert.deepEqual(state?.quarantine, []);
  await lab.converged();
});
