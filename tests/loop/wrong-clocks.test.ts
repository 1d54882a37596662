// Clocks that are wrong, and heads that are too old or too new: no new switch, with the reason; a switch under way needs none.
import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { systemClock } from '@nixfleet/agent';
import { addSeconds, type Clock, msToInstant } from '@nixfleet/contracts';
import type { TestIntent } from '@nixfleet/testkit';
import { Lab, onAll, twoWaves } from './harness/lab.ts';
import { stays, until } from './harness/until.ts';

const day = 24 * 3600 * 1000;
/** The machine's clock with the wall set wrong. */
class WrongClock implements Clock {
  aheadMs: number;
  readonly monotonicMs = systemClock.monotonicMs;
  readonly sleep = systemClock.sleep;
  constructor(aheadMs: number) {
    this.aheadMs = aheadMs;
  }
  now(): number {
    return systemClock.now() + this.aheadMs;
  }
}

const lab = await Lab.open({ intent: twoWaves() });
after(() => lab[Symbol.asyncDispose]());
/** Says nothing until the test lets it. */
const patient = (then: string): object => ({
  kind: 'exec',
  command: ['/bin/sh', '-c', `while [ ! -e "$NIXFLEET_SYSTEM_ROOT/go-on" ]; do sleep 0.1; done; ${then}`],
  timeoutSeconds: 60,
  failureThreshold: 1,
});
const [v1, v2, v3, failing] = await Promise.all([
  lab.system('1'),
  lab.system('2'),
  lab.system('patient', { healthChecks: { patient: patient('true') } }),
  lab.system('failing', { healthChecks: { patient: patient('false') } }),
]);
const canary = lab.host('canary');
const web = lab.host('web-1');

test('a clock a day behind: heads are from its future, nothing starts until it is right', async () => {
  const clock = new WrongClock(-day);
  await lab.write(onAll(v1));
  await lab.controlPlane.start();
  await canary.start({ clock });
  await web.start();
  const { body } = await canary.until('document-refused');
  assert.deepEqual([body.document, body.reason], ['head', 'future-dated']);
  await stays('nothing starts', () => !canary.kinds().includes('fetching'), 2);
  clock.aheadMs = 0;
  await lab.fleet.signHead();
  lab.writeTree();
  await lab.untilRead();
  await lab.converged();
});

test('set back a day while it runs: time does not go back before what was verified', async () => {
  await canary.stop();
  const mark = canary.mark;
  const verified = lab.fleet.headDocument.signedAt;
  await canary.start({ clock: new WrongClock(-day) });
  await lab.release(v2);
  await lab.converged();
  for (const { kind, at } of canary.since(mark)) assert.ok(at >= verified, `${kind} at ${at}`);
  assert.ok(canary.kinds(mark).includes('confirmed'));
});

test('a clock two days ahead: the head has expired, nothing starts, and once it is right all goes on', async () => {
  const clock = new WrongClock(2 * day);
  await canary.stop();
  const mark = canary.mark;
  await canary.start({ clock });
  await lab.release(v1);
  const { body } = await canary.until('document-refused', { mark });
  assert.deepEqual([body.document, body.reason], ['head', 'expired']);
  await stays('nothing starts', () => !canary.kinds(mark).includes('fetching'), 1);
  assert.equal(canary.running, v2.closure);
  await canary.stop();
  await canary.start();
  await lab.converged();
});

/** A head for the same release that has expired by the time this returns, on both sides. */
async function expireHead(): Promise<void> {
  lab.fleet.now = msToInstant(systemClock.now());
  await lab.fleet.signHead((draft) => {
    draft.expiresAt = addSeconds(msToInstant(systemClock.now()), 8);
  });
  lab.writeTree();
  await lab.untilRead();
  const { version, expiresAt } = lab.fleet.headDocument;
  await until('the agent has it', async () => (await lab.controlPlane.host('canary')).state?.head?.version === version);
  await until('expired', () => msToInstant(systemClock.now()) > expiresAt);
}

async function freshHead(): Promise<void> {
  lab.fleet.now = msToInstant(systemClock.now() - 1000);
  await lab.fleet.signHead();
  lab.writeTree();
  await lab.untilRead();
}

const patience = (next: TestIntent): void => {
  const policy = next.channels.stable?.policy;
  if (policy) policy.confirm.timeoutSeconds = 60;
};
const goOn = (): void => {
  for (const host of lab.hosts) writeFileSync(join(host.root, 'go-on'), '');
};

test('an expired head: no new switch anywhere; confirming, soaking and converging need none', async () => {
  const marks = { canary: canary.mark, web: web.mark };
  await lab.release(v3, patience);
  await canary.until('confirming', { mark: marks.canary });
  await expireHead();
  const { expiresAt } = lab.fleet.headDocument;
  const warned = await canary.until('head-expiring', { mark: marks.canary });
  assert.equal(warned.body.expiresAt, expiresAt);
  goOn();
  const confirmed = await canary.until('confirmed', { mark: marks.canary });
  assert.ok(confirmed.at > expiresAt, 'confirmed after its head had expired');
  await canary.until('converged', { mark: marks.canary });
  const { body } = await web.until('withheld', { mark: marks.web, where: (event) => event.body.withheld !== null });
  assert.equal(body.withheld?.code, 'head-expired');
  const why = await lab.controlPlane.why('web-1');
  assert.ok(
    why.withheld.some(({ code }) => code === 'head-expired'),
    JSON.stringify(why),
  );
  await stays('the next wave does not start', () => !web.kinds(marks.web).includes('fetching'), 1);
  await freshHead();
  await lab.converged();
  assert.equal(web.running, v3.closure);
});

test('a switch that fails under an expired head is undone like any other', async () => {
  for (const host of lab.hosts) rmSync(join(host.root, 'go-on'));
  const mark = canary.mark;
  await lab.release(failing, patience);
  await canary.until('confirming', { mark });
  await expireHead();
  goOn();
  const reverted = await canary.until('reverted', { mark });
  assert.ok(reverted.at > lab.fleet.headDocument.expiresAt, 'reverted after its head had expired');
  assert.equal(canary.running, v3.closure);
});
