// One fleet of four hosts, from its first release through everything that may befall its control plane (design §1).
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { systemClock } from '@nixfleet/agent';
import { type FleetView, JournalEvent, msToInstant } from '@nixfleet/contracts';
import { demoIntent } from '@nixfleet/testkit';
import { Lab, quick } from './harness/lab.ts';
import { nixfleet } from './harness/nixfleet-command.ts';
import { findSecrets, secretOf, secretOfLabel } from './harness/secrets.ts';
import { stays } from './harness/until.ts';

const lab = await Lab.open({ intent: quick(demoIntent()) });
after(() => lab[Symbol.asyncDispose]());
const [v1, v2, v3, v4] = await Promise.all([
  lab.system('1'),
  lab.system('2'),
  lab.system('3', { healthChecks: { never: { kind: 'exec', command: ['/bin/false'], failureThreshold: 1 } } }),
  lab.system('4'),
]);
/** When the fleet ran what: for the auditor at the end. */
const times: Record<string, string> = {};
/** One check-in cycle after a control plane came back: the agents' first retries, and the rebuilding itself, in seconds. */
const cycleSeconds = 20;

const now = (): string => msToInstant(systemClock.now());

/** What the view says apart from times. */
function shapeOf({ release, head, trustVersion, rollouts, hosts, rebuilding }: FleetView) {
  return {
    release,
    head,
    trustVersion,
    rebuilding,
    rollouts: rollouts.map(({ withheld, ...rest }) => ({ ...rest, withheld: withheld.map(({ code }) => code) })),
    hosts: hosts.map(({ lastSeenAt: _, withheld, ...rest }) => ({
      ...rest,
      withheld: withheld.map(({ code }) => code),
    })),
  };
}

/** Kills the control plane, deletes all that it knew, and starts it again. */
async function wipe(): Promise<void> {
  await lab.controlPlane.stop('SIGKILL');
  lab.controlPlane.wipe();
  await lab.controlPlane.start();
}

/** The place in the control plane's log of the first event of a kind about a closure. */
async function placeOf(host: string, kind: string, closure: string): Promise<number> {
  const events = await lab.controlPlane.events();
  const found = events.find((view) => {
    if (view.host !== host) return false;
    const event = JournalEvent.parse(JSON.parse(view.event));
    return event.kind === kind && 'target' in event.body && event.body.target.closure === closure;
  });
  assert.ok(found, `${kind} of ${host}`);
  return found.position;
}

async function assertWaveOrder(closure: string): Promise<void> {
  const converged = {
    canary: await placeOf('canary', 'converged', closure),
    'web-1': await placeOf('web-1', 'converged', closure),
    'web-2': await placeOf('web-2', 'converged', closure),
  };
  for (const web of ['web-1', 'web-2'] as const) {
    assert.ok(converged.canary < (await placeOf(web, 'fetching', closure)), `${web} after the canary`);
    assert.ok(converged[web] < (await placeOf('db', 'fetching', closure)), `db after ${web}`);
  }
}

function switchesTo(closure: string): Record<string, number> {
  return Object.fromEntries(
    lab.hosts.map((host) => {
      const starts = host
        .journal()
        .filter((event) => event.kind === 'fetching' && event.body.target.closure === closure);
      return [host.name, starts.length];
    }),
  );
}

test('a first release converges, wave by wave and channel by channel', async () => {
  times.v1 = now();
  await lab.begin(v1);
  const view = await lab.converged();
  assert.deepEqual(view.problems, []);
  await assertWaveOrder(v1.closure);
  for (const host of lab.hosts) {
    assert.equal(host.running, v1.closure);
    assert.equal(host.bootDefault, v1.closure);
    const kinds = ['fetching', 'activating', 'confirming', 'probes-passed', 'confirmed', 'converged'];
    assert.deepEqual(
      host.kinds().filter((kind) => kinds.includes(kind)),
      kinds,
      host.name,
    );
  }
});

test('wiped while converged: the same view within a check-in cycle, and nobody switches', async () => {
  const before = shapeOf(await lab.controlPlane.view());
  const marks = new Map(lab.hosts.map((host) => [host.name, host.mark]));
  await wipe();
  const back = await lab.controlPlane.until(
    'the fleet as it was',
    ({ rebuilding, hosts }) => rebuilding === null && hosts.every(({ health }) => health === 'converged'),
    { seconds: cycleSeconds },
  );
  assert.deepEqual(shapeOf(back), before);
  for (const host of lab.hosts) assert.deepEqual(host.kinds(marks.get(host.name)), [], host.name);
});

test('wiped half way through a rollout: it goes on in its order, and no host switches twice', async () => {
  await lab.release(v2, (next) => {
    const [first] = next.channels.stable?.waves ?? [];
    if (first) first.soakSeconds = 4;
  });
  await lab.host('canary').until('confirmed', { where: ({ body }) => body.target.closure === v2.closure });
  await wipe();
  const view = await lab.controlPlane.until('rebuilt', ({ rebuilding }) => rebuilding === null, {
    seconds: cycleSeconds,
  });
  const rollout = view.rollouts.find(({ channel }) => channel === 'stable');
  assert.equal(rollout?.state, 'active');
  await lab.converged();
  times.v2 = now();
  await assertWaveOrder(v2.closure);
  assert.deepEqual(switchesTo(v2.closure), { canary: 1, 'web-1': 1, 'web-2': 1, db: 1 });
});

test('a failing probe reverts the canary and halts its channel; halt and quarantine survive a wipe', async () => {
  const canary = lab.host('canary');
  const mark = canary.mark;
  await lab.release(v3);
  await canary.until('reverted', { mark });
  const isHalted = ({ rollouts, rebuilding }: FleetView): boolean =>
    rebuilding === null && rollouts.some(({ channel, state }) => channel === 'stable' && state === 'reverted');
  const isWhole = (view: FleetView): boolean => isHalted(view) && view.hosts.every(({ online }) => online);
  const before = shapeOf(await lab.controlPlane.until('halted', isWhole));
  await wipe();
  const back = await lab.controlPlane.until('halted again', isWhole, { seconds: cycleSeconds });
  assert.deepEqual(shapeOf(back), before);
  const { state } = await lab.controlPlane.host('canary');
  assert.deepEqual(
    state?.quarantine.map(({ closure, attempt }) => ({ closure, attempt })),
    [{ closure: v3.closure, attempt: 1 }],
  );
  const untouched = { canary: 1, 'web-1': 0, 'web-2': 0, db: 0 };
  await stays('nobody else starts', () => JSON.stringify(switchesTo(v3.closure)) === JSON.stringify(untouched), 2);
  for (const host of lab.hosts) assert.equal(host.running, v2.closure, host.name);
  const { sentences } = await lab.controlPlane.why('web-1');
  assert.ok(sentences.length > 0, 'nixfleet why says why');
});

test('a hold that the head names stops control plane and agents until it ends', async () => {
  lab.fleet.now = msToInstant(systemClock.now());
  await lab.fleet.hold('stable', { reason: 'incident 42', seconds: 10 });
  const marks = new Map(lab.hosts.map((host) => [host.name, host.mark]));
  await lab.release(v4);
  for (const name of ['canary', 'web-1', 'web-2']) {
    const { body } = await lab.host(name).until('withheld', { mark: marks.get(name) ?? null });
    assert.equal(body.withheld?.code, 'hold', name);
    assert.equal(body.withheld?.reason, 'incident 42', name);
    const why = await lab.controlPlane.why(name);
    assert.ok(
      why.withheld.some(({ code, reason, until }) => code === 'hold' && reason === 'incident 42' && until),
      name,
    );
  }
  assert.deepEqual(switchesTo(v4.closure), { canary: 0, 'web-1': 0, 'web-2': 0, db: 0 });
  await lab.converged();
  await assertWaveOrder(v4.closure);
});

test('the control plane holds no secret but its TLS key', async () => {
  await lab.controlPlane.stop('SIGTERM');
  const labels = ['root-1', 'root-2', 'root-3', 'ci', 'ci-spare', 'ci-head', 'alice', 'bob', 'control-plane-spare'];
  const others = [...labels, 'operator:olivia', ...lab.hosts.map(({ name }) => `host:${name}`)];
  const secrets = await Promise.all(others.map((label) => secretOfLabel(label)));
  const cacheSecret = readFileSync(join(lab.cache.directory, 'secret'), 'utf8').trim().split(':')[1] ?? '';
  secrets.push(secretOf('cache', Buffer.from(cacheSecret, 'base64').subarray(0, 32)));
  const own = await secretOfLabel('control-plane');
  const everything = join(lab.directory, 'control-plane');
  assert.ok(readdirSync(lab.controlPlane.stateDirectory).some((name) => name.endsWith('.sqlite')));
  assert.deepEqual(findSecrets(everything, secrets), []);
  assert.deepEqual(findSecrets(everything, [own]), [`control-plane in ${join(everything, 'tls.pem')}`]);
  // The search finds a key where there is one: a host's in its own file, the cache's in the cache's.
  const canary = secrets.filter(({ name }) => name === 'host:canary');
  assert.deepEqual(findSecrets(lab.host('canary').directory, canary).length, 1);
  assert.deepEqual(findSecrets(lab.cache.directory, secrets.slice(-1)).length, 1);
});

test('without the control plane, an auditor learns from releases and a journal what ran when, from which commit', async () => {
  const home = join(lab.directory, 'auditor');
  const journal = join(lab.directory, 'canary.jsonl');
  writeFileSync(journal, readFileSync(join(lab.host('canary').stateDirectory, 'journal/journal.jsonl')));
  const trust = join(lab.releases, 'trust/1.json');
  const check = (more: readonly string[]) =>
    nixfleet(['verify', 'journal', journal, '--releases', lab.releases, '--trust', trust, '--json', ...more], home);

  const whole = await check([]);
  assert.equal(whole.exitCode, 0, whole.stderr);
  const { ran } = JSON.parse(whole.stdout) as {
    ran: { running: string; commit: string; from: string; to: string | null }[];
  };
  const commit = (version: number): string => version.toString(16).padStart(40, '0');
  assert.deepEqual(
    ran.map(({ running, commit: from }) => ({ running, commit: from })),
    [
      { running: v1.closure, commit: commit(1) },
      { running: v2.closure, commit: commit(2) },
      { running: v3.closure, commit: commit(3) },
      { running: v2.closure, commit: commit(2) },
      { running: v4.closure, commit: commit(4) },
    ],
  );
  for (const [i, period] of ran.entries()) assert.equal(period.to, ran[i + 1]?.from ?? null);

  const span = await check(['--since', times.v2 ?? '', '--until', times.v2 ?? '']);
  assert.equal(span.exitCode, 0, span.stderr);
  const { ran: then } = JSON.parse(span.stdout) as { ran: { running: string }[] };
  assert.deepEqual(
    then.map(({ running }) => running),
    [v2.closure],
  );

  const lines = readFileSync(journal, 'utf8').split('\n');
  const forged = lines.map((line) => line.replaceAll(v4.closure, v3.closure));
  for (const [what, changed] of [
    ['a forged event', forged],
    ['a missing event', lines.toSpliced(4, 1)],
  ] as const) {
    writeFileSync(journal, changed.join('\n'));
    const refused = await check([]);
    assert.equal(refused.exitCode, 1, `${what}: ${refused.stdout}${refused.stderr}`);
  }
});
