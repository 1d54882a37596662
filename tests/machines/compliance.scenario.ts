// The collector under its shipped unit, started by the agent on machines that systemd boots: what it signs decides whether
// a host confirms, whether a wave opens, and what an auditor with stock tools sees.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { EvidenceDocument } from '@nixfleet/contracts';
import { demoIntent, testChannel, testHost } from '@nixfleet/testkit';
import { quick } from '../loop/harness/lab.ts';
import { stays, until } from '../loop/harness/until.ts';
import { assign, play } from './harness/scenario.ts';
import { controlPlaneHost, publicLine, setClosure, World } from './harness/world.ts';
import { collectorUnit, compliance, wrongSysctl } from './scenarios/compliance.ts';

const webs = ['web-1', 'web-2'] as const;
/** Each is alone in its channel, and works through scenarios of its own. */
const lone = Array.from({ length: 5 }, (_, i) => `lone-${i + 1}`);
const archive = 'var/lib/nixfleet-compliance/archive';

const intent = quick({
  ...demoIntent(),
  hosts: {
    ...Object.fromEntries(webs.map((name) => [name, testHost('web')])),
    ...Object.fromEntries(lone.map((name) => [name, testHost(name)])),
    [controlPlaneHost]: testHost('control'),
  },
  channels: {
    web: testChannel([['web-1'], ['web-2']]),
    ...Object.fromEntries(lone.map((name) => [name, testChannel([[name]])])),
    control: testChannel([[controlPlaneHost]]),
  },
});
for (const [name, channel] of Object.entries(intent.channels)) {
  if (name === controlPlaneHost) channel.policy.confirm.by = 'local';
  else channel.policy.compliance = { mode: 'enforce', frameworks: ['nis2'] };
}

const world = await World.open(intent);
after(() => world[Symbol.asyncDispose]());
for (const host of [...webs, ...lone]) {
  const publicKeys = [await publicLine(host)];
  world.want(host, '1', { compliance: { publicKeys } });
  world.want(host, 'wrong', { compliance: { publicKeys, sysctl: wrongSysctl } });
}
for (const host of Object.keys(intent.hosts)) world.want(host, 'seed');
const lanes = assign(world, lone, compliance);
await world.build();
await world.install('seed');
await world.start();

const explain = (): string => world.machines.map(({ log }) => log).join('\n======\n');

test('a release whose controls pass on the host is confirmed, wave after wave', async () => {
  await world.publish((next) => {
    for (const host of [...webs, ...lone]) setClosure(next, host, world.closure(host, '1'));
  });
  const isDone = async (): Promise<boolean> => {
    const { hosts } = await world.view();
    return [...webs, ...lone].every((host) => hosts.find(({ name }) => name === host)?.health === 'converged');
  };
  await until('every host has converged', isDone, { seconds: 150, explain });
  for (const host of webs) {
    assert.equal(world.machine(host).running, world.closure(host, '1').closure);
    const kinds = world.machine(host).kinds();
    assert.ok(kinds.indexOf('compliance-passed') < kinds.indexOf('confirmed'), kinds.join(' '));
  }
});

test('what was signed names what ran, was measured under the hardened unit, and is in error nowhere', () => {
  const machine = world.machine('web-1');
  const document = EvidenceDocument.parse(JSON.parse(machine.read(`/${archive}/${newest('web-1')}`) ?? ''));
  assert.deepEqual(
    [document.trigger, document.hostname, document.system.toplevel, document.release?.channel],
    ['activation', 'web-1', world.closure('web-1', '1').closure, 'web'],
  );
  const statuses = new Map(
    document.controls.flatMap(({ rules }) => rules.map(({ id, status }) => [id as string, status])),
  );
  for (const rule of ['BH-06', 'CM-03', 'EI-01', 'EI-02', 'EI-03', 'EI-04'])
    assert.equal(statuses.get(rule), 'pass', rule);
  assert.equal(document.summary.error, 0, JSON.stringify(document.controls));
  const shown = machine.run('systemctl', 'show', collectorUnit, '--property=NoNewPrivileges,ProtectSystem,Result');
  assert.deepEqual(shown.trim().split('\n').sort(), ['NoNewPrivileges=yes', 'ProtectSystem=strict', 'Result=success']);
});

test('the control plane hands out the very bytes of the host, and stock ssh-keygen verifies them', async () => {
  for (const host of webs) {
    const name = newest(host);
    const read = (suffix = ''): string => readFileSync(join(world.machine(host).root, archive, name + suffix), 'utf8');
    const isThere = async (): Promise<boolean> =>
      (await world.evidence(host)).evidence.some(({ evidence }) => evidence === read());
    await until(`the evidence of ${host}`, isThere, { seconds: 60, explain });
    const served = (await world.evidence(host)).evidence.find(({ evidence }) => evidence === read());
    assert.deepEqual([served?.sig, served?.sshsig], [read('.sig'), read('.sshsig')]);
    assert.equal(await sshKeygen(host, served?.evidence ?? '', served?.sshsig ?? ''), 0);
    assert.notEqual(await sshKeygen(host, (served?.evidence ?? '').replace('pass', 'fail'), served?.sshsig ?? ''), 0);
  }
});

test('a release that fails a runtime rule under enforce reverts itself and holds the next wave, and the journal says why', async () => {
  const [first, second] = [world.machine('web-1'), world.machine('web-2')];
  const [mark, secondMark] = [first.mark, second.mark];
  await world.publish((next) => {
    for (const host of webs) setClosure(next, host, world.closure(host, 'wrong'));
  });
  const { body } = await first.until('compliance-failure', { mark, seconds: 90 });
  assert.deepEqual(
    [body.closure, body.controlId, body.ruleIds, body.mode, body.status],
    [world.closure('web-1', 'wrong').closure, 'baseline-hardening', ['BH-06'], 'enforce', 'fail'],
  );
  assert.match(body.snippet, /baseline-hardening/);
  const failed = await first.until('failed', { mark, seconds: 60 });
  assert.equal(failed.body.cause, 'compliance-failed');
  await first.until('reverted', { mark, seconds: 60 });
  assert.equal(first.running, world.closure('web-1', '1').closure);
  assert.ok(!first.kinds(mark).includes('confirmed'));

  // Collected again on the closure it went back to, which passes.
  const isAgain = (): boolean => {
    const { system, summary } = EvidenceDocument.parse(JSON.parse(first.read(`/${archive}/${newest('web-1')}`) ?? ''));
    return system.toplevel === world.closure('web-1', '1').closure && summary.fail === 0;
  };
  await until('evidence of the old closure', isAgain, { seconds: 60, explain: () => first.log });

  const why = async (): Promise<string | undefined> => (await world.why('web-2')).withheld[0]?.code;
  await until('web-2 is held', async () => (await why()) !== undefined, { explain });
  await stays('the wave is held', () => second.running === world.closure('web-2', '1').closure, 5);
  assert.ok(!second.kinds(secondMark).includes('activating'), second.kinds(secondMark).join(' '));
});

play(world, lanes);

function newest(host: string): string {
  const names = readdirSync(join(world.machine(host).root, archive)).filter((name) => name.endsWith('.json'));
  return names.sort().at(-1) ?? '';
}

async function sshKeygen(host: string, message: string, sshsig: string): Promise<number | null> {
  const folder = mkdtempSync(join(tmpdir(), 'nixfleet-audit-'));
  try {
    const key = await publicLine(host);
    writeFileSync(join(folder, 'allowed_signers'), `${host} namespaces="evidence@${world.fleet.name}" ${key}\n`);
    writeFileSync(join(folder, 'sig'), sshsig);
    const args = [
      '-Y',
      'verify',
      '-f',
      'allowed_signers',
      '-I',
      host,
      '-n',
      `evidence@${world.fleet.name}`,
      '-s',
      'sig',
    ];
    return spawnSync('ssh-keygen', args, { cwd: folder, input: message, timeout: 10_000 }).status;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
