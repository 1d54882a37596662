// Two kinds of not succeeding (design §7): a failing probe, and silence. One host with a real service.
import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { instantToMs } from '@nixfleet/contracts';
import type { RealClosure } from '@nixfleet/testkit';
import { Lab } from './harness/lab.ts';
import { writeReleases } from './harness/release-directory.ts';
import { stays, until } from './harness/until.ts';

const lab = await Lab.open();
after(() => lab[Symbol.asyncDispose]());
const canary = lab.host('canary');
const sick = join(canary.root, 'sick');
const mirror = join(lab.directory, 'mirror');
const checks = (port: number): object => ({
  marker: {
    kind: 'exec',
    command: ['/bin/sh', '-c', 'test ! -e "$NIXFLEET_SYSTEM_ROOT/sick"'],
    intervalSeconds: 1,
    failureThreshold: 2,
  },
  web: { kind: 'http', url: `http://127.0.0.1:${port}/healthz`, intervalSeconds: 1, failureThreshold: 2 },
});
const service = (version: string, more: object = {}): Promise<RealClosure> =>
  lab.system(version, { service: true, healthChecks: checks(canary.servicePort), ...more });
const [v1, unhealthy, v2, v3, v4] = await Promise.all([
  service('1'),
  service('unhealthy', { healthy: false }),
  service('2'),
  service('3'),
  service('4'),
]);

/** What the service on the host says of itself; null if nobody listens. */
function served(): Promise<string | null> {
  return new Promise((resolve) => {
    get(`http://127.0.0.1:${canary.servicePort}/`, (response) => {
      let text = '';
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => resolve((JSON.parse(text) as { version: string }).version));
    }).on('error', () => resolve(null));
  });
}

mkdirSync(mirror);
canary.configure((config) => {
  config.mirrors = [{ kind: 'directory', path: mirror }];
  config.mirrorSeconds = 1;
});
await lab.begin(v1);

test('an unhealthy service: reverted, quarantined, the channel halted', async () => {
  assert.equal(await served(), '1');
  const mark = canary.mark;
  await lab.release(unhealthy);
  const { body } = await canary.until('failed', { mark });
  assert.deepEqual([body.cause, body.check, body.revertTo], ['probe-failed', 'web', v1.closure]);
  await canary.until('reverted', { mark });
  assert.deepEqual([canary.running, canary.bootDefault], [v1.closure, v1.closure]);
  assert.equal(await served(), '1', 'the service of before is back');
  const view = await lab.controlPlane.until('halted', ({ rollouts }) =>
    rollouts.some(({ channel, state, failed }) => channel === 'stable' && state === 'reverted' && failed === 1),
  );
  assert.equal(view.hosts[0]?.health, 'failed');
});

test('the same closure at the same attempt is not tried again; a higher attempt is', async () => {
  writeFileSync(sick, '');
  const before = canary.mark;
  await lab.release(v2);
  await canary.until('reverted', { mark: before });
  rmSync(sick);

  // Another commit with the same closure: another rollout, and still the closure that failed here.
  const mark = canary.mark;
  await lab.release(v2, (next) => {
    next.channels.stable?.waves.forEach((wave) => {
      wave.soakSeconds++;
    });
  });
  await canary.until('release-accepted', { mark });
  // Told when it began, which may be before that release, and not again.
  const { body } = await canary.until('withheld', { mark: before, where: (event) => event.body.withheld !== null });
  assert.equal(body.withheld?.code, 'quarantined');
  await stays('nothing starts', () => !canary.kinds(mark).includes('fetching'), 1);
  assert.ok((await lab.controlPlane.why('canary')).withheld.some(({ code }) => code === 'quarantined'));

  await lab.release(v2, (next) => {
    for (const host of Object.values(next.hosts)) host.attempt++;
  });
  await lab.converged();
  assert.equal(await served(), '2');
});

test('the network cut by the switch: reverted by its deadline without anybody, retried, never quarantined', async () => {
  const mark = canary.mark;
  await lab.release(v3, (next) => {
    const policy = next.channels.stable?.policy;
    if (policy) policy.confirm.timeoutSeconds = 5;
  });
  await canary.until('activating', { mark });
  canary.route.cut();
  const confirming = await canary.until('confirming', { mark });
  const unconfirmed = await canary.until('unconfirmed', { mark });
  const reverted = await canary.until('reverted', { mark });
  assert.ok(['no-contact', 'dead-man'].includes(unconfirmed.body.cause), unconfirmed.body.cause);
  const tookSeconds = (instantToMs(reverted.at) - instantToMs(confirming.at)) / 1000;
  assert.ok(tookSeconds >= 4 && tookSeconds <= 10, `${tookSeconds} s`);
  assert.deepEqual([canary.running, canary.bootDefault, await served()], [v2.closure, v2.closure, '2']);
  assert.equal(canary.route.open, 0, 'without the control plane');

  canary.route.mend();
  await lab.converged();
  assert.equal(await served(), '3');
  assert.ok(!canary.kinds(mark).includes('failed'));
  const { state } = await lab.controlPlane.host('canary');
  assert.ok(!state?.quarantine.some(({ closure }) => closure === v3.closure));
  const id = lab.fleet.current.manifests.get('stable')?.rolloutId;
  await lab.controlPlane.until('the rollout converged without a failure', ({ rollouts }) =>
    rollouts.some(({ rolloutId, state: name, failed }) => rolloutId === id && name === 'converged' && failed === 0),
  );
});

test('with the control plane down, a mirror keeps the documents current, and nothing starts', async () => {
  await lab.controlPlane.stop('SIGKILL');
  const mark = canary.mark;
  await lab.write((next) => {
    for (const host of Object.values(next.hosts)) host.real = { ...v4 };
  });
  writeReleases(mirror, lab.fleet.files);
  const { body } = await canary.until('release-accepted', { mark });
  assert.equal(body.release.version, lab.fleet.current.version);
  await stays('nothing starts', () => !canary.kinds(mark).includes('fetching'), 2);
  assert.equal(canary.running, v3.closure);
  await lab.controlPlane.start();
  await lab.converged();
  await until('the new service', async () => (await served()) === '4');
});
