// kill -9 of an agent, and of the control plane, at each stage of a rollout (design §7, §1 a).
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { journalStart } from '@nixfleet/contracts';
import { Lab, twoWaves } from './harness/lab.ts';
import { until } from './harness/until.ts';

const lab = await Lab.open({ intent: twoWaves() });
after(() => lab[Symbol.asyncDispose]());
const names = ['1', '2', '3', '4', '5', '6', '7'];
const [v1, v2, v3, v4, v5, v6, v7] = await Promise.all(names.map((name) => lab.system(name)));
assert.ok(v1 && v2 && v3 && v4 && v5 && v6 && v7);
const canary = lab.host('canary');
const web = lab.host('web-1');
await lab.write((next) => {
  for (const host of Object.values(next.hosts)) host.real = { ...v1 };
});
await lab.controlPlane.start();
canary.startProcess();
await web.start();
await lab.converged();

const stages = [
  { stage: 'fetching', to: v2 },
  { stage: 'activating', to: v3 },
  { stage: 'confirming', to: v4 },
  { stage: 'soaking', to: v5 },
] as const;

for (const { stage, to } of stages) {
  test(`an agent killed while ${stage} ends on what was signed, with its journal whole`, async () => {
    const before = canary.running;
    const mark = canary.mark;
    if (stage === 'fetching') lab.server.stall();
    const released = lab.release(to, (next) => {
      const [first] = next.channels.stable?.waves ?? [];
      if (first) first.soakSeconds = stage === 'soaking' ? 5 : 1;
    });
    // Cut, an agent stays in `confirming` until it is killed.
    if (stage === 'confirming') {
      await canary.until('activating', { mark });
      canary.route.cut();
    }
    await canary.until(stage === 'soaking' ? 'confirmed' : stage, { mark });
    await canary.stop('SIGKILL');
    assert.equal(canary.kinds(mark).at(-1), expectedLast(canary.kinds(mark).at(-1), stage), 'killed in time');
    if (stage !== 'soaking') assert.equal(canary.bootDefault, before, 'what boots is what was confirmed');
    lab.server.release();
    canary.route.mend();
    await released;
    canary.startProcess();
    await lab.converged();
    assert.deepEqual([canary.running, canary.bootDefault], [to.closure, to.closure]);
    assert.ok(!canary.kinds(mark).includes('failed'), 'a killed agent is no failure of the release');
    assertWhole();
  });
}

test('an agent killed for good while confirming: its dead man’s switch alone goes back', async () => {
  const mark = canary.mark;
  const released = lab.release(v6, (next) => {
    const policy = next.channels.stable?.policy;
    if (policy)
      Object.assign(policy, { activationTimeoutSeconds: 5, confirm: { by: 'control-plane', timeoutSeconds: 5 } });
  });
  await canary.until('activating', { mark });
  canary.route.cut();
  await canary.until('confirming', { mark });
  await canary.stop('SIGKILL');
  await released;
  const last = canary.mark;
  assert.equal(canary.running, v6.closure);
  await until('the dead man’s switch', () => canary.running === v5.closure, { seconds: 20 });
  assert.deepEqual(canary.mark, last, 'nobody wrote the journal meanwhile');
  assert.equal(canary.bootDefault, v5.closure);
  assert.equal(web.running, v5.closure, 'and the next wave did not start');

  canary.route.mend();
  canary.startProcess();
  const { body } = await canary.until('reverted', { mark: last });
  assert.deepEqual([body.to, body.by, body.cause], [v5.closure, 'dead-man', 'unconfirmed']);
  await lab.converged();
  assert.equal(canary.running, v6.closure);
  assertWhole();
});

test('the control plane killed at each stage of a rollout: it goes on, in order, each host switched once', async () => {
  const marks = { canary: canary.mark, web: web.mark };
  const restart = async (): Promise<void> => {
    await lab.controlPlane.stop('SIGKILL');
    await lab.controlPlane.start();
  };
  lab.server.stall();
  await lab.release(v7, (next) => {
    const policy = next.channels.stable?.policy;
    if (policy) policy.confirm.timeoutSeconds = 30;
    for (const wave of next.channels.stable?.waves ?? []) wave.soakSeconds = 2;
  });
  await canary.until('fetching', { mark: marks.canary });
  await restart();
  lab.server.release();
  await canary.until('confirmed', { mark: marks.canary });
  await restart();
  await web.until('activating', { mark: marks.web });
  await restart();
  await web.until('confirming', { mark: marks.web });
  await restart();
  await lab.converged();
  for (const [host, mark] of [
    [canary, marks.canary],
    [web, marks.web],
  ] as const) {
    const starts = host.kinds(mark).filter((kind) => kind === 'activating');
    assert.equal(starts.length, 1, host.name);
  }
  const [first] = canary.since(marks.canary).filter(({ kind }) => kind === 'converged');
  const [second] = web.since(marks.web).filter(({ kind }) => kind === 'fetching');
  assert.ok(first && second && first.at <= second.at);
});

/** Where a kill came a moment after the event that was waited for, the stage's own further events are as good. */
function expectedLast(last: string | undefined, stage: (typeof stages)[number]['stage']): string | undefined {
  const within = {
    fetching: ['fetching'],
    activating: ['activating'],
    confirming: ['confirming', 'probe', 'probes-passed'],
    soaking: ['confirmed', 'probe'],
  };
  return last !== undefined && within[stage].includes(last) ? last : within[stage][0];
}

/** One epoch from the first event to the last, with no event lost. */
function assertWhole(): void {
  const events = canary.journal();
  assert.deepEqual(new Set(events.map(({ journal }) => journal)).size, 1);
  assert.equal(events[0]?.prevSha256, journalStart);
  assert.deepEqual(
    events.map(({ seq }) => seq),
    events.map((_, i) => i + 1),
  );
}
