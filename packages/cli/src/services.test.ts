import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { FleetView, HostState, HostView, msToInstant, RolloutsView, RolloutView, WhyView } from '@nixfleet/contracts';
import { systemClock } from '@nixfleet/contracts/node-clock';
import { privateKeyToPem } from '@nixfleet/contracts/node-crypto';
import { createTestFleet, type TestFleet, testKey } from '@nixfleet/testkit';
import { type Finished, runNixfleet } from './testing/run-nixfleet.ts';

let root = '';
let fleet: TestFleet;
const at = (name: string): string => join(root, name);

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'nixfleet-services-'));
  fleet = await createTestFleet({ now: msToInstant(systemClock.now()) });
  await fleet.publish();
  for (const [path, bytes] of fleet.files) {
    await mkdir(dirname(at(`releases/${path}`)), { recursive: true });
    await writeFile(at(`releases/${path}`), bytes);
  }
  for (const label of ['control-plane', 'operator:olivia', 'host:web-1', 'ci-head', 'ci']) {
    await writeFile(at(`${label}.pem`), privateKeyToPem((await testKey(label)).privateKey), { mode: 0o600 });
  }
  await writeFile(at('trust.json'), fleet.trustChain[0]?.bytes ?? '');
});
after(() => rm(root, { recursive: true }));

/** A control plane as a process; `use` runs while it listens, then it is told to stop. */
async function withControlPlane(use: (environment: Record<string, string>) => Promise<void>): Promise<Finished> {
  const config = {
    trust: at('trust.json'),
    tlsKey: at('control-plane.pem'),
    listen: { host: '127.0.0.1', port: 0 },
    release: { kind: 'directory', path: at('releases') },
    stateDirectory: at('state'),
    rebuildSecondsMax: 0,
  };
  await writeFile(at('control-plane.json'), JSON.stringify(config));
  let used: Promise<void> | null = null;
  const finished = await runNixfleet(['control-plane', 'run', '--config', at('control-plane.json')], {
    onStdout: (text, child) => {
      const { listening } = JSON.parse(text) as { listening: { port: number } };
      used = use({
        NIXFLEET_CONTROL_PLANES: `https://127.0.0.1:${listening.port}`,
        NIXFLEET_TRUST: at('trust.json'),
        NIXFLEET_IDENTITY: at('operator:olivia.pem'),
      }).finally(() => child.kill('SIGTERM'));
    },
  });
  await used;
  assert.ok(used, finished.stderr);
  return finished;
}

test('every read works against a control plane, pinned by the trust document', async () => {
  const finished = await withControlPlane(async (environment) => {
    const run = (...args: string[]) => runNixfleet(args, { environment });
    const json = async (...args: string[]): Promise<unknown> => {
      const { code, stdout, stderr } = await run(...args, '--json');
      assert.equal(code, 0, stderr);
      return JSON.parse(stdout);
    };
    // The release source is polled right after the start.
    for (let tries = 0; tries < 50; tries++) if ((await run('status')).code === 0) break;
    const view = FleetView.parse(await json('status'));
    assert.equal(view.release?.version, 1);
    assert.deepEqual(view.hosts.map(({ name, health }) => `${name} ${health}`).sort(), [
      'canary unheard',
      'db unheard',
      'web-1 unheard',
      'web-2 unheard',
    ]);
    const check = await run('status', '--check');
    assert.equal(check.code, 1);
    assert.match(check.stderr, /^nixfleet: the fleet is not converged: .*web-1 unheard.*\n$/);
    assert.ok(WhyView.parse(await json('why', 'db')).sentences.length > 0);
    assert.equal(HostView.parse(await json('host', 'show', 'db')).channel, 'data');
    const { rollouts } = RolloutsView.parse(await json('rollout', 'list'));
    const id = rollouts.find(({ channel }) => channel === 'data')?.rolloutId ?? '';
    assert.equal(RolloutView.parse(await json('rollout', 'show', id.slice(0, 12))).rolloutId, id);
    assert.equal((await run('rollout', 'events', id)).stdout, '');
    const unknown = await runNixfleet(['status'], { environment: { ...environment, NIXFLEET_IDENTITY: at('ci.pem') } });
    assert.equal(unknown.code, 1);
    assert.match(unknown.stderr, /unknown-key.*declare it under operators/);
    const host = await runNixfleet(['status'], {
      environment: { ...environment, NIXFLEET_IDENTITY: at('host:web-1.pem') },
    });
    assert.match(host.stderr, /not-allowed/);
    assert.equal(FleetView.parse(await json('status')).unknownKeys.length, 1);
    const second = await runNixfleet(['control-plane', 'run', '--config', at('control-plane.json')]);
    assert.equal(second.code, 1);
    assert.match(second.stderr, /^nixfleet: .*another control plane uses this state directory[^\n]*\n$/);
  });
  assert.equal(finished.code, 0);
});

test('settings of services that are wrong are one line and a usage error', async () => {
  await writeFile(at('broken.json'), '{');
  await writeFile(at('unknown.json'), '{"tls":1}');
  for (const service of ['control-plane', 'agent']) {
    for (const [file, pattern] of [
      ['broken.json', /not JSON/],
      ['unknown.json', /tls/],
    ] as const) {
      const { code, stderr } = await runNixfleet([service, 'run', '--config', at(file)]);
      assert.equal(code, 2, stderr);
      assert.match(stderr, pattern);
      assert.match(stderr, /^nixfleet: [^\n]+\n$/);
    }
    const gone = await runNixfleet([service, 'run', '--config', at('gone.json')]);
    assert.equal(gone.code, 1);
    assert.match(gone.stderr, /gone\.json: no such file or directory/);
  }
});

test('an agent is held, looked at and resumed on its host', async () => {
  const config = {
    fleet: 'demo',
    host: 'web-1',
    stateDirectory: at('agent'),
    key: at('host:web-1.pem'),
    trust: at('trust.json'),
    controlPlanes: ['https://127.0.0.1:9'],
    backend: { kind: 'profile', storeDirectory: at('store'), systemRoot: at('system') },
  };
  await writeFile(at('agent.json'), JSON.stringify(config));
  const journal = await fleet.journal('web-1');
  const target = await fleet.target('web-1');
  const content = { kind: 'converged', body: { target, switched: true } } as const;
  await journal.append(content, { at: fleet.now, rolloutId: target.rolloutId });
  await mkdir(at('agent/journal'), { recursive: true });
  const lines = journal.events.map((event) => `${JSON.stringify(event)}\n`).join('');
  // The last line is still being written.
  await writeFile(at('agent/journal/journal.jsonl'), `${lines}{"event":"{`);

  const agent = (...args: string[]) => runNixfleet(['agent', ...args, '--config', at('agent.json')]);
  const noReason = await agent('hold', '2h');
  assert.equal(noReason.code, 2);
  assert.match(noReason.stderr, /^nixfleet: a hold needs a reason: pass --reason/);
  assert.match((await agent('hold', '2 hours', '--reason', 'x')).stderr, /expected a duration such as/);
  const held = await agent('hold', '2h', '--reason', 'restoring \u001b[2J');
  assert.equal(held.code, 0, held.stderr);
  const status = JSON.parse((await agent('status', '--json')).stdout) as {
    state: unknown;
    localHold: { reason: string };
  };
  assert.equal(HostState.parse(status.state).phase.name, 'converged');
  assert.equal(status.localHold.reason, 'restoring \u001b[2J');
  const text = await agent('status');
  assert.match(text.stdout, /^held +until .* \(in (?:119 min|1 h|2 h)\) — restoring \[2J$/m);
  assert.match((await agent('resume')).stdout, /^resumed: .*restoring/);
  assert.equal((await agent('resume')).stdout, 'there was no hold\n');
});

test('keys are made once and for the owner alone, and shown in every form', async () => {
  const made = await runNixfleet(['keys', 'new', at('new.pem'), '--json']);
  assert.equal(made.code, 0, made.stderr);
  assert.equal((await stat(at('new.pem'))).mode & 0o777, 0o600);
  const before = await readFile(at('new.pem'));
  const again = await runNixfleet(['keys', 'new', at('new.pem')]);
  assert.equal(again.code, 1);
  assert.match(again.stderr, /^nixfleet: .*new\.pem: cannot write the key: [^\n]*\n$/);
  assert.deepEqual(await readFile(at('new.pem')), before);
  const shown = await runNixfleet(['keys', 'show', at('new.pem'), '--json']);
  assert.deepEqual(JSON.parse(shown.stdout), JSON.parse(made.stdout));
});

test('a head is signed anew by its own key alone, and floors must be there', async () => {
  const sign = (key: string, ...more: string[]) =>
    runNixfleet(
      ['head', 'sign', '--head-key', at(key), '--trust', at('trust.json'), '--releases', at('releases'), ...more],
      {
        environment: { HOME: at('home') },
      },
    );
  assert.match((await sign('ci-head.pem')).stderr, /^nixfleet: refused \(floor-lost\): .*--first-use/);
  assert.match((await sign('ci.pem', '--first-use')).stderr, /^nixfleet: refused \(not-a-signer\)/);
  const signed = await sign('ci-head.pem', '--first-use', '--head-life', '2h', '--json');
  assert.equal(signed.code, 0, signed.stderr);
  const version = (JSON.parse(signed.stdout) as { version: number }).version;
  assert.match((await sign('ci-head.pem')).stdout, new RegExp(`^head ${version + 1} names release 1, valid until `));
  const repository = at('repository');
  await new Promise((resolve) => spawn('git', ['init', '-q', repository]).on('close', resolve));
  const inside = await runNixfleet(
    ['head', 'sign', '--head-key', at('ci-head.pem'), '--trust', at('trust.json'), '--releases', repository],
    { environment: { HOME: at('home') } },
  );
  assert.equal(inside.code, 2);
  assert.match(inside.stderr, /this is a git repository: name a branch: /);
});
