import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../system-clock.ts';
import { waitUntil } from '../wait-until.ts';
import type { DarwinHost } from './darwin-host.ts';
import { type Behaviour, FakeMac } from './fake-mac.test.ts';

const never = new AbortController().signal;
const rules = { timeoutSeconds: 300, onFailedUnits: 'new' } as const;

/** A Mac that runs `one`, confirmed, with a dead man's switch armed that goes back there, and a second system. */
async function armed(behaviour: Behaviour = 'good') {
  const mac = new FakeMac();
  const [one, two] = [mac.system('one'), mac.system('two', behaviour)];
  mac.install(one);
  const host = mac.host();
  assert.deepEqual(await host.arm(one, 300), { ok: true });
  return { mac, host, one, two };
}

async function until(isTrue: () => Promise<boolean>): Promise<void> {
  assert.ok(await waitUntil(isTrue, { clock: systemClock, msMax: 30_000, everyMs: 20 }), 'it did not happen');
}

const untilFired = (host: DarwinHost): Promise<void> =>
  until(async () => {
    const report = await host.deadMan();
    return report.kind === 'fired' && report.ok !== null;
  });

test('what it knows of the machine', async () => {
  await using mac = new FakeMac();
  const one = mac.system('one');
  mac.install(one);
  const host = mac.host();
  assert.equal(await host.bootId(), 'BOOT-1');
  assert.equal(await host.running(), one);
  assert.equal(await host.bootDefault(), one);
  assert.equal(await host.isClockSynchronised(), true);
  mac.put('network-time', 'Network Time: Off');
  assert.equal(await host.isClockSynchronised(), false);
  assert.equal(await host.rebootPending(), null);
  assert.equal((await host.reboot()).ok, false);
  assert.deepEqual(await host.deadMan(), { kind: 'absent' });
});

test('a switch that is confirmed: the profile follows last, and nothing fires afterwards', async () => {
  const { mac, host, one, two } = await armed();
  await using _ = mac;
  assert.deepEqual(await host.deadMan(), { kind: 'armed', to: one });
  const outcome = await host.activate(two, rules, never);
  assert.ok(outcome.kind === 'ok', JSON.stringify(outcome));
  assert.equal(outcome.running, two);
  assert.match(outcome.output.excerpt, /activating two/);
  assert.equal(await host.bootDefault(), one, 'nothing was set yet: a boot ends on what was confirmed');
  assert.deepEqual(await host.setDefault(two), { ok: true });
  assert.equal(await host.bootDefault(), two);
  assert.equal(await host.disarm(), 'disarmed');
  mac.pass(10_000);
  assert.deepEqual(await host.deadMan(), { kind: 'disarmed' });
  assert.equal(await host.running(), two);
  assert.equal(mac.get('activated'), 'two\n');
});

test('an agent that is gone: when the time is up the dead man’s switch activates what was confirmed last', async () => {
  const { mac, host, one, two } = await armed();
  await using _ = mac;
  await host.activate(two, rules, never);
  mac.pass(299);
  assert.equal((await host.deadMan()).kind, 'armed');
  mac.pass(1);
  await untilFired(host);
  const later = mac.host();
  const report = await later.deadMan();
  assert.deepEqual(report, { kind: 'fired', to: one, ok: true });
  assert.equal(await later.running(), one);
  assert.equal(await later.disarm(), 'fired');
  assert.deepEqual(await later.revert(one, never), { running: one, by: 'dead-man' });
  assert.equal(mac.get('activated'), 'two\none\n');
});

test('time that the clock jumps by is no time that has passed', async () => {
  const { mac, host } = await armed();
  await using _ = mac;
  // The wall clock is set a day ahead, and the kernel moves boottime along.
  mac.put('boottime', String(Number(mac.get('boottime')) + 86_400));
  mac.pass(86_400);
  await host.keepGuarded();
  assert.equal((await host.deadMan()).kind, 'armed');
});

test('a commit that stops after the profile was set is undone with the profile', async () => {
  const { mac, host, one, two } = await armed();
  await using _ = mac;
  await host.activate(two, rules, never);
  await host.setDefault(two);
  mac.pass(300);
  await untilFired(host);
  assert.equal(await host.bootDefault(), one);
  assert.deepEqual(mac.generations(), ['system-1-link']);
  assert.equal(mac.has('nix/var/nix/profiles/system-2-link'), false, 'no rollback by hand lands on it');
});

test('the agent goes back by itself', async () => {
  const { mac, host, one, two } = await armed();
  await using _ = mac;
  await host.activate(two, rules, never);
  const reverted = await host.revert(one, never);
  assert.equal(reverted.by, 'agent');
  assert.equal(reverted.running, one);
  assert.match(reverted.output?.excerpt ?? '', /activating one/);
  mac.pass(10_000);
  assert.deepEqual(await host.deadMan(), { kind: 'absent' });
});

test('how activate ends is told apart', async () => {
  const ends: [Behaviour, string][] = [
    ['fails', 'failed activation-failed'],
    ['fails-late', 'failed activation-failed'],
    ['check', 'refused pre-switch-check'],
  ];
  for (const [behaviour, expected] of ends) {
    const { mac, host, one, two } = await armed(behaviour);
    await using _ = mac;
    const outcome = await host.activate(two, rules, never);
    const why = outcome.kind === 'failed' ? outcome.cause : outcome.kind === 'refused' ? outcome.reason : '';
    assert.equal(`${outcome.kind} ${why}`, expected);
    assert.ok(!JSON.stringify(outcome).includes('hunter2'), 'what looks like a secret stays on the host');
    assert.equal((await host.revert(one, never)).running, one);
  }
});

test('an activation that hangs is ended, whole, by its own time', async () => {
  const { mac, host, one, two } = await armed('hangs');
  await using _ = mac;
  const outcome = await host.activate(two, { ...rules, timeoutSeconds: 1 }, never);
  assert.ok(outcome.kind === 'failed' && outcome.cause === 'activation-timeout');
  assert.equal((await host.revert(one, never)).running, one);
});

test('an activation that hangs is ended by whoever goes back', async () => {
  const { mac, host, one, two } = await armed('hangs');
  await using _ = mac;
  const abort = new AbortController();
  const switching = host.activate(two, rules, abort.signal).catch(() => null);
  await until(async () => (await host.running()) === two);
  // The agent is replaced by the switch; the next one finds it.
  abort.abort();
  await switching;
  const later = mac.host();
  assert.equal(await later.activation(), 'running');
  const reverted = await later.revert(one, never);
  assert.equal(reverted.running, one);
  assert.equal(await later.activation(), 'unknown');
});

test('without a way back there is no switch', async () => {
  await using mac = new FakeMac();
  const [one, two] = [mac.system('one'), mac.system('two')];
  mac.install(one);
  const host = mac.host();
  mac.put('no-launchd', '');
  const refused = await host.arm(one, 300);
  assert.ok(!refused.ok && /dead-man watch/.test(refused.detail), JSON.stringify(refused));
  mac.remove('no-launchd');
  mac.remove(`${one}/etc/nixfleet/dead-man`);
  const lacking = await host.arm(one, 300);
  assert.ok(!lacking.ok && /nothing would undo it/.test(lacking.detail));
  for (const part of ['activate', 'etc/nixfleet/dead-man', 'Library/LaunchDaemons/org.nixos.nixfleet-recover.plist']) {
    mac.remove(`${two}/${part}`);
    const outcome = await host.activate(two, rules, never);
    assert.ok(outcome.kind === 'refused' && outcome.reason === 'not-a-system', part);
    mac.system('two');
  }
});

test('a dead man’s switch whose job was ended is started again, with the same deadline', async () => {
  const { mac, host, two } = await armed();
  await using _ = mac;
  const [label] = [`nixfleet.dead-man.${(await mac.recordNames())[0]}`];
  await mac.kill(label);
  assert.deepEqual(await host.deadMan(), { kind: 'absent' });
  await host.keepGuarded();
  assert.equal((await host.deadMan()).kind, 'armed');
  await host.activate(two, rules, never);
  mac.pass(300);
  await untilFired(host);
});

test('a profile that cannot be set is no commit, and is not left half set', async () => {
  const { mac, host, one, two } = await armed();
  await using _ = mac;
  await host.activate(two, rules, never);
  mac.put('no-profile', '');
  const set = await host.setDefault(two);
  assert.ok(!set.ok && /no space left/.test(set.detail));
  assert.equal((await host.revert(one, never)).running, one);
  assert.equal(await host.bootDefault(), one);
});

test('power is cut during a switch: the next boot activates the whole of what was confirmed, without an agent', async () => {
  const { mac, host, one, two } = await armed();
  await using _ = mac;
  await host.activate(two, rules, never);
  await mac.boot();
  const later = mac.host();
  assert.equal(await later.bootId(), 'BOOT-2');
  assert.deepEqual(await later.deadMan(), { kind: 'absent' }, 'armed in another boot');
  await mac.recover(one);
  assert.ok(mac.has('run/recovered'), 'the agent waits for it');
  assert.equal((await later.deadMan()).kind, 'armed', 'the agent is given time to go back by itself');
  mac.pass(120);
  await untilFired(later);
  // The system is said to run since the boot, but what the switch left is undone only by activating it.
  assert.equal(mac.get('activated'), 'two\none\n');
});

test('power is cut after the profile was set and before the commit: the next boot goes back', async () => {
  const { mac, host, one, two } = await armed();
  await using _ = mac;
  await host.activate(two, rules, never);
  await host.setDefault(two);
  await mac.boot();
  assert.equal(await mac.host().running(), two);
  await mac.recover(two);
  mac.pass(120);
  const later = mac.host();
  await untilFired(later);
  assert.equal(await later.running(), one);
  assert.equal(await later.bootDefault(), one);
});

test('power is cut while the machine goes back: the next boot goes on at once', async () => {
  const { mac, host, one, two } = await armed();
  await using _ = mac;
  await host.activate(two, rules, never);
  mac.system('one', 'hangs');
  mac.pass(300);
  await until(async () => (await host.deadMan()).kind === 'fired');
  await mac.boot();
  mac.system('one');
  await mac.recover(one);
  const later = mac.host();
  await untilFired(later);
  assert.deepEqual(await later.deadMan(), { kind: 'fired', to: one, ok: true });
});

test('after a confirmed switch a boot has nothing to pick up', async () => {
  const { mac, host, two } = await armed();
  await using _ = mac;
  await host.activate(two, rules, never);
  await host.setDefault(two);
  await host.disarm();
  await mac.boot();
  await mac.recover(two);
  assert.deepEqual(await mac.host().deadMan(), { kind: 'disarmed' });
  assert.equal(mac.get('activated'), 'two\n');
});

test('a way back that an earlier boot left undone is released before another is armed', async () => {
  const { mac, host, one, two } = await armed();
  await using _ = mac;
  await host.activate(two, rules, never);
  mac.system('one', 'hangs');
  const abort = new AbortController();
  const reverting = host.revert(one, abort.signal).catch(() => null);
  const [record = ''] = await mac.recordNames();
  await until(async () => mac.has(`switch/${record}/reverting`));
  abort.abort();
  await reverting;
  await mac.boot();
  mac.system('one');
  assert.deepEqual(await mac.host().arm(one, 300), { ok: true });
  assert.equal(mac.has(`switch/${record}/released`), true);
});
