import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { converged, healthChecks, newFleet, publish, system, TestHost, until } from './agent-harness.test.ts';
import { systemClock } from './system-clock.ts';

const v1 = await system('1');
const v2 = await system('2');

test('a host converges, reverts a failing release, and takes the next one', async () => {
  const { plane } = await newFleet();
  const host = await TestHost.create(plane);
  host.start();
  await converged(host, plane, v1);
  await converged(host, plane, v2);
  const steps = ['fetching', 'activating', 'confirming', 'probes-passed', 'confirmed', 'converged'];
  const switches = plane.kinds().filter((kind) => steps.includes(kind));
  assert.deepEqual(switches, [...steps, ...steps]);

  // A probe that fails: reverted, quarantined, and the boot default never moved.
  const v3 = await system('3', {
    healthChecks: { never: { ...healthChecks.marker, command: ['/bin/sh', '-c', 'echo password=hunter2; exit 3'] } },
  });
  const before = plane.events.length;
  await publish(plane.fleet, v3);
  await plane.grant('canary');
  await until('reverted', () => plane.kinds(before).includes('reverted'), host);
  assert.equal(host.running, v2.closure);
  assert.equal(host.bootDefault, v2.closure);
  const failed = plane.events.find(({ kind }) => kind === 'failed');
  assert.ok(failed?.kind === 'failed' && failed.body.cause === 'probe-failed');
  assert.ok(!JSON.stringify(plane.events).includes('hunter2'), 'secrets stay on the host');
  await until('quarantined', () => JSON.stringify(plane.events.slice(before)).includes('"quarantined"'), host);

  const v4 = await system('4');
  await converged(host, plane, v4);
  await host.stop();
});

test('silence reverts by itself and is retried, not quarantined', async () => {
  const { plane, fleet } = await newFleet();
  const host = await TestHost.create(plane);
  host.start();
  await converged(host, plane, v1);
  await publish(fleet, v2, (confirm) => {
    confirm.timeoutSeconds = 5;
  });
  const before = plane.events.length;
  plane.isCutBySwitch = true;
  await plane.grant('canary');
  await until('switched', () => host.running === v2.closure, host);
  await until('reverted without the control plane', () => host.running === v1.closure, host);
  plane.isCutBySwitch = false;
  assert.equal(host.bootDefault, v1.closure);
  plane.mend();
  await until('retried and confirmed', () => plane.kinds(before).includes('confirmed'), host);
  assert.ok(plane.kinds(before).includes('unconfirmed'));
  assert.ok(!plane.kinds(before).includes('failed'));
  assert.equal(host.running, v2.closure);
  await host.stop();
});

test('the agent killed for good while confirming: the dead man’s switch reverts; a new one says so', async () => {
  const { plane, fleet } = await newFleet();
  const host = await TestHost.create(plane);
  host.start();
  await converged(host, plane, v1);
  await publish(fleet, v2, (confirm) => {
    confirm.timeoutSeconds = 5;
  });
  const before = plane.events.length;
  writeFileSync(join(host.directory, 'root/sick'), '');
  await plane.grant('canary');
  await until('switched', () => host.running === v2.closure, host);
  await host.stop('SIGKILL');
  await until('the dead man’s switch', () => host.running === v1.closure, host);
  rmSync(join(host.directory, 'root/sick'));
  host.start();
  await until('told', () => plane.kinds(before).includes('reverted'), host);
  const reverted = plane.events.slice(before).find(({ kind }) => kind === 'reverted');
  assert.ok(reverted?.kind === 'reverted' && reverted.body.by === 'dead-man', JSON.stringify(reverted));
  await host.stop();
});

test('a hung activation whose process is killed ends on the last confirmed closure', async () => {
  const { plane, fleet } = await newFleet();
  const host = await TestHost.create(plane);
  host.start();
  await converged(host, plane, v1);
  const hung = await system('hung', { hang: true });
  await publish(fleet, hung);
  const before = plane.events.length;
  await plane.grant('canary');
  await until('hanging', () => host.running === hung.closure, host);
  const records = join(host.directory, 'state/switch');
  const newest = execFileSync('ls', [records], { encoding: 'utf8' }).trim().split('\n').at(-1) ?? '';
  const { runner } = JSON.parse(readFileSync(join(records, newest, 'activation.json'), 'utf8')) as {
    runner: { pid: number };
  };
  process.kill(runner.pid, 'SIGKILL');
  await until('reverted', () => plane.kinds(before).includes('reverted'), host);
  assert.equal(host.running, v1.closure);
  assert.equal(host.bootDefault, v1.closure);
  const group = execFileSync('ps', ['-eo', 'pgid=,stat=,args='], { encoding: 'utf8' }).split('\n');
  const left = group.filter((line) => new RegExp(`^\\s*${runner.pid} [^Z]`).test(line));
  assert.deepEqual(left, [], 'nothing of the switch is left');
  await host.stop();
});

test('unreadable floors stop everything new, and are not reset', async () => {
  const { plane, fleet } = await newFleet();
  const host = await TestHost.create(plane);
  host.start();
  await converged(host, plane, v1);
  await host.stop();
  const floors = join(host.directory, 'state/floors.json');
  writeFileSync(floors, '{"schemaVersion":1,"trust":');
  const before = plane.events.length;
  await publish(fleet, v2);
  await plane.grant('canary');
  host.start();
  await until('told', () => JSON.stringify(plane.events.slice(before)).includes('floor-unreadable'), host);
  await systemClock.sleep(1500);
  assert.equal(host.running, v1.closure);
  assert.ok(!plane.kinds(before).includes('fetching'));
  assert.equal(readFileSync(floors, 'utf8'), '{"schemaVersion":1,"trust":');
  await host.stop();
});

test('lost floors: told, and a fresh head is accepted', async () => {
  const { plane } = await newFleet();
  const host = await TestHost.create(plane);
  host.start();
  await converged(host, plane, v1);
  await host.stop();
  rmSync(join(host.directory, 'state/floors.json'));
  host.start();
  await until('told', () => plane.kinds().includes('floor-lost'), host);
  await converged(host, plane, v2);
  assert.ok(existsSync(join(host.directory, 'state/floors.json')));
  await host.stop();
});

test('a local hold stops a new switch until it is lifted', async () => {
  const { plane, fleet } = await newFleet();
  const host = await TestHost.create(plane);
  host.start();
  await converged(host, plane, v1);
  const path = join(host.directory, 'state/local-hold.json');
  writeFileSync(path, JSON.stringify({ until: '2999-01-01T00:00:00Z', reason: 'disk being replaced' }));
  await until('held', () => plane.kinds().includes('local-hold'), host);
  const before = plane.events.length;
  await publish(fleet, v2);
  await plane.grant('canary');
  await until('withheld', () => plane.kinds(before).includes('withheld'), host);
  assert.equal(host.running, v1.closure);
  rmSync(path);
  await until('switched', () => plane.kinds(before).includes('confirmed'), host);
  await host.stop();
});

test('a dead man’s switch that was killed is started again, and fires when the agent is killed too', async () => {
  const { plane, fleet } = await newFleet();
  const host = await TestHost.create(plane);
  host.start();
  await converged(host, plane, v1);
  await publish(fleet, v2, (confirm) => {
    confirm.timeoutSeconds = 12;
  });
  plane.isCutBySwitch = true;
  await plane.grant('canary');
  await until('switched', () => host.running === v2.closure, host);
  const records = join(host.directory, 'state/switch');
  const newest = execFileSync('ls', [records], { encoding: 'utf8' }).trim().split('\n').at(-1) ?? '';
  const guardPid = (): number => {
    const guard = JSON.parse(readFileSync(join(records, newest, 'guard.json'), 'utf8')) as { pid: number };
    return guard.pid;
  };
  const first = guardPid();
  process.kill(first, 'SIGKILL');
  await until('guarded again', () => guardPid() !== first, host);
  await host.stop('SIGKILL');
  await until('the dead man’s switch', () => host.running === v1.closure, host);
});
