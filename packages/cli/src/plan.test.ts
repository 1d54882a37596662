import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { addSeconds, type HostState, msToInstant, PlanView, RefusedPlanView } from '@nixfleet/contracts';
import { systemClock } from '@nixfleet/contracts/node-clock';
import { initialHostState } from '@nixfleet/engine';
import { testCatalogue } from '@nixfleet/testkit';
import {
  at,
  built,
  closeCi,
  commit,
  declared,
  fails,
  forge,
  openCi,
  placed,
  release,
  succeeds,
  tip,
} from './testing/release-ci.ts';
import { startViewsServer } from './testing/views-server.ts';

before(async () => {
  await openCi();
  const init = ['trust', 'init', '--fleet', 'acme', '--releases', forge(), ...declared()];
  await succeeds(...init, '--root-key', at('root.pem'), '--output', at('trust-1.json'));
  await succeeds(...release('--first-use'));
});
after(closeCi);

test('plan: what a release would do and how it would go, before anything is signed', async () => {
  const before = await tip();
  await commit({ 'web-1': '2.0', 'web-2': '1.0' });
  const plan = (...more: readonly string[]) => ['plan', ...placed(), ...built(), ...more];
  await fails(2, /--what-if 'lost=web-1'.*expected offline=<host>/, ...plan('--what-if', 'lost=web-1'));
  await fails(2, /there is no host web-9/, ...plan('--what-if', 'offline=web-9'));
  await fails(2, /--format 'html'.*text or markdown/, ...plan('--format', 'html'));

  const { stdout } = await succeeds(...plan());
  assert.match(stdout, /^release 2 \(after 1\) of commit [0-9a-f]{8} would make new rollouts in stable$/m);
  assert.match(stdout, /^web-1 +stable +0 +changed +2\.0 \([0-9a-z]{7}\) +\d+ MiB.* not known .*app 1\.0 → 2\.0/m);
  assert.match(stdout, /^web-2 +stable +0 +unchanged/m);
  assert.match(stdout, /^stable@[0-9a-f]{8}: wave 0 (\w{3} )?\d\d:\d\d, done (\w{3} )?\d\d:\d\d$/m);
  assert.match(stdout, /taken to have converged on the last release; switches are taken to take 60 s to fetch/);

  const json = PlanView.parse(JSON.parse((await succeeds(...plan('--json', '--what-if', 'offline=web-1'))).stdout));
  assert.deepEqual([json.isRelease, json.version, json.basis.hosts], [true, 2, 'last-release']);
  const [rollout] = json.forecast.rollouts;
  assert.deepEqual([rollout?.doneAt, rollout?.waiting.map(({ host }) => host)], [null, ['web-1']]);

  const failing = await succeeds(...plan('--format', 'markdown', '--what-if', 'fail=web-1'));
  assert.match(failing.stdout, /^\| web-1 \| stable \| 0 \| changed \| 2\.0 /m);
  assert.match(failing.stdout, /^1 of 2 hosts keep what they run\.$/m);
  assert.match(failing.stdout, /^- stable\\@[0-9a-f]{8}: .*not done \(reverted\).*failed: web-1$/m);
  assert.match(failing.stdout, /What if: web-1 failing\./);
  assert.equal(await tip(), before);

  await writeFile(at('nothing.jsonl'), 'x');
  await fails(1, /nothing\.jsonl: line 1: expected JSON/, ...plan('--journal', at('nothing.jsonl')));
  await commit({ 'web-1': '1.0', 'web-2': '1.0' });
  const same = await succeeds(...plan());
  assert.match(same.stdout, /^nothing to release: release 1 says the same$/m);
  assert.match(same.stdout, /^stable@[0-9a-f]{8}: nothing to switch$/m);
});

test('plan: from what a control plane sees, where one answers', async () => {
  await commit({ 'web-1': '2.0', 'web-2': '1.0' });
  const now = msToInstant(systemClock.now());
  const events: unknown[] = [];
  const rolloutId = '1'.repeat(64);
  const hostOf = (name: string) => ({
    ...{ name, channel: 'stable', tags: [], health: 'waiting', phase: null, running: null, target: null, wave: null },
    ...{ online: name === 'web-2' || isOnline, lastSeenAt: now, rebootPending: false, withheld: [] },
  });
  const fleet = () => ({
    ...{ fleet: 'acme', now, release: null, head: null, trustVersion: 1, rebuilding: null, problems: [] },
    ...{ rollouts: [], unknownKeys: [], hosts: ['web-1', 'web-2'].map(hostOf) },
  });
  let isOnline = true;
  let localHold: HostState['localHold'] = null;
  await using server = await startViewsServer((path) => {
    if (path.startsWith('/v1/events?last=')) return { body: { events, next: null } };
    if (path === '/v1/fleet') return { body: fleet() };
    const name = path.startsWith('/v1/hosts/') ? path.slice('/v1/hosts/'.length) : '';
    const more = { state: { ...initialHostState, localHold }, journal: null, agentVersion: null };
    if (name !== '') return { body: { ...hostOf(name), ...more } };
    return { status: 404, body: { error: 'not-found', message: path } };
  }, now);
  const target = { rolloutId, channel: 'stable', introducedIn: 1, wave: 0, closure: `/nix/store/${'0'.repeat(32)}-x` };
  const body = { target: { ...target, closureDigest: rolloutId, attempt: 1, soakSeconds: 0 }, deadline: now };
  const common = {
    type: 'event',
    fleet: 'acme',
    schemaVersion: 1,
    host: 'web-1',
    journal: '1'.repeat(32),
    bootId: 'b',
  };
  for (const [seq, kind] of ['activating', 'confirming'].entries()) {
    const at = addSeconds(now, seq * 100 - 7200);
    const event = { ...common, seq: seq + 1, prevSha256: rolloutId, at, kind, body: { ...body, revertTo: null } };
    events.push({ position: seq + 1, receivedAt: at, host: 'web-1', event: JSON.stringify(event), signature: 'x' });
  }
  const connected = ['--control-plane', server.url, '--pin', server.pin, '--identity', at('approver.pem')];
  const plan = async () => {
    const { stdout } = await succeeds('plan', ...placed(), ...built(), ...connected, '--json');
    return PlanView.parse(JSON.parse(stdout));
  };
  const seen = await plan();
  assert.deepEqual(seen.basis, { hosts: 'control-plane', durations: 'control-plane', measuredHosts: 1 });
  const [rollout] = seen.forecast.rollouts;
  assert.ok(rollout?.startsAt && rollout.doneAt && rollout.doneAt >= addSeconds(rollout.startsAt, 160), 'too fast');
  localHold = { until: addSeconds(now, 5 * 3600), reason: 'the disk is being replaced' };
  const held = (await plan()).forecast.rollouts[0];
  assert.equal(held?.startsAt, localHold.until);
  assert.deepEqual(
    held?.blockedBy.map(({ withheld, to }) => [withheld.code, withheld.names, to]),
    ['web-1', 'web-2'].map((name) => ['local-hold', [name], localHold?.until]),
  );
  localHold = null;
  isOnline = false;
  const waiting = (await plan()).forecast.rollouts[0]?.waiting;
  assert.deepEqual(
    waiting?.map(({ host }) => host),
    ['web-1'],
  );

  const gone = ['--control-plane', 'https://127.0.0.1:1', '--pin', server.pin, '--identity', at('approver.pem')];
  const finished = await succeeds('plan', ...placed(), ...built(), ...gone, '--json');
  assert.match(finished.stderr, /^warning: control plane .*; the forecast starts from the last release instead$/m);
});

/** Both hosts declare controls; `failing` rules of web-1 fail. */
async function gate(mode: 'permissive' | 'enforce', failing: readonly string[]): Promise<void> {
  const hostOf = (host: string) => {
    const catalogue = testCatalogue(host);
    const rules = catalogue.controls.flatMap((control) => control.rules.filter(({ hasStatic }) => hasStatic));
    const observed = rules.map(({ id }) => {
      const passed = host !== 'web-1' || !failing.includes(id);
      const fix = passed ? '' : 'services.openssh.x = false;\nservices.openssh.y = false;';
      return { id, passed, expected: false, observed: !passed, optionPath: 'services.openssh.x', fix };
    });
    return [host, { catalogue: JSON.stringify(catalogue), static: observed }];
  };
  const policy = { mode, frameworks: ['nis2'] };
  const hosts = Object.fromEntries(['web-1', 'web-2'].map(hostOf));
  await writeFile(at('source/gate.json'), JSON.stringify({ policy, hosts }));
  await commit({ 'web-1': '1.0', 'web-2': '1.0' });
}

test('plan: which static rules would stand otherwise, on whom, and how they are mended', async () => {
  await gate('permissive', ['AC-02']);
  await succeeds(...release());
  const plan = (...more: readonly string[]) => ['plan', ...placed(), ...built(), ...more];
  await gate('permissive', ['AC-01']);
  const { stdout } = await succeeds(...plan());
  assert.match(stdout, /^HOST .*CONTROLS$/m);
  assert.match(stdout, /^web-1 .* 2 pass, 1 fail$/m);
  assert.match(stdout, /^web-2 .* 3 pass$/m);
  const failing =
    /^web-1: access-control AC-01 \(permissive\): pass → fail, services\.openssh\.x; fix: services\.openssh\.x = false; services\.openssh\.y = false;$/m;
  assert.match(stdout, failing);
  assert.match(stdout, /^web-1: access-control AC-02 \(permissive\): fail → pass$/m);
  assert.doesNotMatch(stdout, /^web-2: /m);

  const json = PlanView.parse(JSON.parse((await succeeds(...plan('--json'))).stdout));
  const [first, second] = json.hosts.map(({ controls }) => controls);
  assert.deepEqual([first?.fail, second?.changes], [1, []]);
  assert.deepEqual(
    first?.changes.map(({ ruleId, before, after }) => [ruleId, before, after]),
    [
      ['AC-01', 'pass', 'fail'],
      ['AC-02', 'fail', 'pass'],
    ],
  );
  const { stdout: comment } = await succeeds(...plan('--format', 'markdown'));
  assert.match(
    comment,
    /^#### Controls\n\n5 pass, 1 fail on 2 hosts:\n\n- web-1: access-control AC-01 \(permissive\): pass → fail/m,
  );

  await gate('enforce', ['AC-01']);
  const refused = await fails(1, /refused \(compliance-failed\)/, ...plan());
  assert.match(
    refused.stdout,
    /^web-1: access-control AC-01 \(permissive → enforce\): pass → fail, services\.openssh\.x; fix: /m,
  );
  assert.doesNotMatch(refused.stdout, /pass → pass/);
  const { stdout: text } = await fails(1, /refused \(compliance-failed\)/, ...plan('--json'));
  const view = RefusedPlanView.parse(JSON.parse(text));
  assert.deepEqual(view.hosts[0]?.controls.changes.find(({ after }) => after === 'fail')?.ruleId, 'AC-01');
  const { stdout: blocked } = await fails(1, /refused/, ...plan('--format', 'markdown'));
  assert.match(blocked, /^### no release: 1 rules fail under enforce on web-1/m);
});
