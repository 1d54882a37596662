import assert from 'node:assert/strict';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import {
  addSeconds,
  EventsView,
  FleetView,
  formatOpensshPublicLine,
  HostView,
  Instant,
  msToInstant,
  RolloutsView,
  RolloutView,
  WhyView,
} from '@nixfleet/contracts';
import { systemClock } from '@nixfleet/contracts/node-clock';
import { generatePrivateKey, privateKeyToPem, signerFor } from '@nixfleet/contracts/node-crypto';
import { runNixfleet } from './testing/run-nixfleet.ts';
import { type Answer, startViewsServer, type ViewsServer } from './testing/views-server.ts';

const now = msToInstant(systemClock.now());
const hash = 'ab'.repeat(32);
const path = (version: string) => `/nix/store/x3k2j1a0x3k2j1a0x3k2j1a0x3k2j1a${version}-nixos-system-25.0${version}`;

function host(name: string, more: object = {}) {
  return {
    name,
    channel: 'stable',
    tags: ['web'],
    health: 'converged',
    phase: null,
    running: path('1'),
    target: path('1'),
    wave: 0,
    online: true,
    lastSeenAt: now,
    rebootPending: false,
    withheld: [],
    ...more,
  };
}

const rollout = {
  rolloutId: hash,
  channel: 'stable',
  displayName: 'stable@3f2a1bc0',
  state: 'converged',
  wave: 1,
  waves: 2,
  hosts: 2,
  converged: 2,
  failed: 0,
  leftBehind: [],
  introducedIn: 3,
  withheld: [],
};

const healthy = {
  fleet: 'demo',
  now,
  release: { version: 3, sha256: hash, commit: '3f2a1bc0'.repeat(5), createdAt: addSeconds(now, -300) },
  head: { version: 9, signedAt: now, expiresAt: addSeconds(now, 7200) },
  trustVersion: 1,
  rebuilding: null,
  problems: [],
  hosts: [host('web-1'), host('web-2')],
  rollouts: [rollout],
  unknownKeys: [],
};

let directory = '';
let server: ViewsServer;
let answers: Map<string, Answer>;
let identity = '';
let publicLine = '';

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'nixfleet-cli-'));
  identity = join(directory, 'operator.pem');
  const key = generatePrivateKey('ed25519');
  publicLine = formatOpensshPublicLine((await signerFor(key)).publicKey);
  await writeFile(identity, privateKeyToPem(key), { mode: 0o600 });
  server = await startViewsServer(
    (asked) => answers.get(asked) ?? { status: 404, body: { error: 'not-found', message: `no ${asked}` } },
    now,
  );
});
after(async () => {
  await server[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});
beforeEach(() => {
  answers = new Map([['/v1/fleet', { body: FleetView.parse(healthy) }]]);
});

const run = (
  args: string[],
  environment: Record<string, string> = {},
  options: Parameters<typeof runNixfleet>[1] = {},
) =>
  runNixfleet(args, {
    ...options,
    environment: {
      NIXFLEET_CONTROL_PLANES: server.url,
      NIXFLEET_PINS: server.pin,
      NIXFLEET_IDENTITY: identity,
      ...environment,
    },
  });

/** One line, starting with our name, ending with what to do. */
function assertOneLine(stderr: string, pattern: RegExp): void {
  assert.match(stderr, pattern);
  assert.match(stderr, /^nixfleet: [^\n]+\n$/);
}

test('status shows every host and rollout; piped there is no colour and no cut', async () => {
  answers.set('/v1/fleet', {
    body: {
      ...healthy,
      hosts: [
        host('web-1'),
        host('web-2', {
          health: 'waiting',
          target: path('2'),
          withheld: [
            {
              code: 'hold',
              reason: `because \u001b[31mof ${'a very long reason '.repeat(10)}end`,
              until: addSeconds(now, 3600),
            },
          ],
        }),
        host('db', {
          health: 'offline',
          online: false,
          lastSeenAt: addSeconds(now, -7200),
          withheld: [{ code: 'offline' }],
        }),
      ],
      problems: ['release source: unreachable'],
      unknownKeys: [
        { fingerprint: 'SHA256:abc\u001b[2J', address: '10.0.0.9', firstSeenAt: now, lastSeenAt: now, count: 4 },
      ],
    },
  });
  const { code, stdout, stderr } = await run(['status']);
  assert.equal(stderr, '');
  assert.equal(code, 0);
  assert.ok(!stdout.includes('\u001b'));
  assert.match(stdout, /^demo: release 3 of commit 3f2a1bc0, 5 min ago; head 9 valid for 2 h; trust 1\n/);
  assert.match(stdout, /web-1 +stable +0 +converged +25\.01 \(x3k2j1a\) +same/);
  assert.match(
    stdout,
    /web-2 .*waiting .*25\.02 \(x3k2j1a\).*held by an approver, ends in .* — because \[31mof .*end\n/,
  );
  assert.match(stdout, /db .*offline .*2 h ago +offline\n/);
  assert.match(stdout, /stable@3f2a1bc0 +abababab +converged +1 \(last 1\) +2 of 2/);
  assert.match(stdout, /problem: release source: unreachable/);
  assert.match(stdout, /SHA256:abc\[2J +10\.0\.0\.9/);
});

test('the operator key is shown to the server, and to nobody else', async () => {
  await run(['status']);
  assert.match(server.clients.at(-1) ?? '', /^[0-9a-f]{64}$/);
  const asked = server.requests.length;
  const wrong = await run(['status'], { NIXFLEET_PINS: 'f'.repeat(64) });
  assert.equal(wrong.code, 1);
  assertOneLine(wrong.stderr, /expected a server key of 1 pinned ones, got [0-9a-f]{64}: if its key was replaced/);
  assert.equal(server.requests.length, asked);
});

test('--check is 0 only for a fleet wholly converged, heard, and under a valid head', async () => {
  assert.equal((await run(['status', '--check'])).code, 0);
  const broken: [object, RegExp][] = [
    [{ hosts: [host('db', { health: 'offline', online: false })] }, /db offline/],
    [{ hosts: [host('db', { online: false })] }, /db offline/],
    [{ hosts: [host('db', { target: path('2') })] }, /db does not run its target/],
    [{ head: { version: 9, signedAt: now, expiresAt: now } }, /head expired/],
    [{ head: null }, /no head/],
    [{ release: null }, /no release/],
    [{ rebuilding: { until: now, unheard: [] } }, /rebuilding/],
    [{ problems: ['x'] }, /not converged: x/],
    [{ rollouts: [{ ...rollout, state: 'halted' }] }, /rollout stable@3f2a1bc0 halted/],
  ];
  for (const [change, pattern] of broken) {
    answers.set('/v1/fleet', { body: { ...healthy, ...change } });
    const { code, stderr } = await run(['status', '--check']);
    assert.equal(code, 1, JSON.stringify(change));
    assertOneLine(stderr, pattern);
  }
});

test('--json of every read is the view', async () => {
  const reported = (rolloutId: string, position: number) => ({
    position,
    receivedAt: now,
    host: 'web-1',
    event: JSON.stringify({
      ...{ type: 'event', fleet: 'demo', schemaVersion: 1, host: 'web-1', journal: 'c'.repeat(32), seq: position },
      ...{ prevSha256: hash, at: now, bootId: 'boot-1', rolloutId },
      ...{ kind: 'head-expiring', body: { expiresAt: now } },
    }),
    signature: 'x',
  });
  const other = reported('cd'.repeat(32), 2);
  answers.set('/v1/why/web-1', {
    body: {
      host: 'web-1',
      health: 'waiting',
      running: path('1'),
      target: path('2'),
      rolloutId: hash,
      withheld: [],
      sentences: [],
    },
  });
  answers.set('/v1/hosts/web-1', { body: { ...host('web-1'), state: null, journal: null, agentVersion: '0.1.0' } });
  answers.set('/v1/rollouts', { body: { rollouts: [rollout] } });
  answers.set(`/v1/rollouts/${hash}`, {
    body: { ...rollout, hostStates: [{ name: 'web-1', wave: 0, phase: 'converged', converged: true, withheld: [] }] },
  });
  answers.set('/v1/events?after=0&limit=500', {
    body: EventsView.parse({ events: [reported(hash, 1), other], next: 2 }),
  });
  answers.set('/v1/events?after=2&limit=500', { body: { events: [reported(hash, 3)], next: null } });
  const json = async (...args: string[]): Promise<unknown> => {
    const { code, stdout, stderr } = await run([...args, '--json']);
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout);
  };
  FleetView.parse(await json('status'));
  WhyView.parse(await json('why', 'web-1'));
  HostView.parse(await json('host', 'show', 'web-1'));
  RolloutsView.parse(await json('rollout', 'list'));
  RolloutView.parse(await json('rollout', 'show', 'abab'));
  const events = await run(['rollout', 'events', 'stable@3f2a1bc0', '--json']);
  assert.deepEqual(
    events.stdout
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { position: number }).position),
    [1, 3],
  );
});

test('why tells each reason as a sentence, and when it ends', async () => {
  // Half a day from the next whole one: the command reads its own clock, which goes on meanwhile.
  const until = addSeconds(now, 30.5 * 86_400);
  answers.set('/v1/why/web-1', {
    body: {
      host: 'web-1',
      health: 'waiting',
      running: path('1'),
      target: path('2'),
      rolloutId: hash,
      withheld: [{ code: 'freeze', until }],
      sentences: [`The channel is frozen (\u001b[0mfair), until ${until}.`],
    },
  });
  const { stdout } = await run(['why', 'web-1']);
  assert.match(stdout, /^web-1 is waiting, runs 25\.01 \(x3k2j1a\), and should run 25\.02 \(x3k2j1a\)\.\n/);
  assert.match(stdout, /^- The channel is frozen \(\[0mfair\), until .*Z\. \(in 30 d\)$/m);
});

test('an emergency in force is told wherever somebody may wonder at a switch outside its window', async () => {
  const emergency = { reason: 'CVE-2026-1234\u001b[31m', expiresAt: addSeconds(now, 7200.5) };
  const told = new RegExp(
    `passes change windows and freezes \\(CVE-2026-1234\\[31m\\), until ${emergency.expiresAt} \\(in [12] h\\)`,
  );
  answers.set('/v1/fleet', { body: { ...healthy, emergency } });
  answers.set('/v1/why/web-1', {
    body: {
      ...{ host: 'web-1', health: 'converged', running: path('1'), target: path('1'), rolloutId: hash },
      ...{ emergency, withheld: [], sentences: [] },
    },
  });
  answers.set('/v1/rollouts', { body: { rollouts: [rollout] } });
  answers.set(`/v1/rollouts/${hash}`, { body: { ...rollout, emergency, hostStates: [] } });
  for (const args of [['status'], ['why', 'web-1'], ['rollout', 'show', 'abab']]) {
    const { stdout, stderr } = await run(args);
    assert.match(stdout, told, `${args.join(' ')}: ${stderr}`);
    const json = JSON.parse((await run([...args, '--json'])).stdout) as { emergency?: unknown };
    assert.deepEqual(json.emergency, emergency, args.join(' '));
  }
  answers.set('/v1/fleet', { body: healthy });
  assert.doesNotMatch((await run(['status'])).stdout, /emergency/);
});

test('a rollout prefix must mean exactly one', async () => {
  const other = { ...rollout, rolloutId: `abcd${hash.slice(4)}` };
  answers.set('/v1/rollouts', { body: { rollouts: [rollout, other] } });
  assertOneLine((await run(['rollout', 'show', 'ab'])).stderr, /2 rollouts start with "ab"/);
  assertOneLine(
    (await run(['rollout', 'show', 'ff'])).stderr,
    /no rollout starts with "ff": see nixfleet rollout list/,
  );
});

test('what a stranger types or a server answers ends in one line', async () => {
  const notDeclared = await run(['why', 'web-9']);
  assert.equal(notDeclared.code, 1);
  assertOneLine(notDeclared.stderr, /host web-9 is not declared in the current release/);

  const traversal = await run(['why', '../fleet']);
  assert.equal(traversal.code, 2);
  assertOneLine(traversal.stderr, /host '\.\.\/fleet': expected a name/);

  answers.set('/v1/fleet', { status: 403, body: { error: 'unknown-key', message: 'who are you' } });
  const unknown = await run(['status']);
  assert.equal(unknown.code, 1);
  assertOneLine(unknown.stderr, /is not the key of an operator \(unknown-key\): declare it/);
  assert.ok(unknown.stderr.includes(publicLine));

  answers.set('/v1/fleet', { status: 503, body: { error: 'not-ready', message: 'no \u001b[2Jrelease' } });
  assertOneLine((await run(['status'])).stderr, /not-ready: no \[2Jrelease: it has no verified release yet/);

  answers.set('/v1/fleet', { status: 502, body: '<html>' });
  assertOneLine((await run(['status'])).stderr, /status 502: check that this URL is a control plane/);

  answers.set('/v1/fleet', { body: { fleet: 'demo' } });
  assertOneLine((await run(['status'])).stderr, /unexpected reply \(now: /);

  const down = await run(['status'], { NIXFLEET_CONTROL_PLANES: 'https://127.0.0.1:9' });
  assert.equal(down.code, 1);
  assertOneLine(down.stderr, /control plane 127\.0\.0\.1:9: .*ECONNREFUSED.*: check that the control plane runs/);
});

test('the next control plane is asked when the first is silent', async () => {
  const { code } = await run(['status'], { NIXFLEET_CONTROL_PLANES: `https://127.0.0.1:9,${server.url}` });
  assert.equal(code, 0);
});

test('keys that cannot be used say how to mend them', async () => {
  const write = async (name: string, text: string, mode = 0o600): Promise<string> => {
    const file = join(directory, name);
    await writeFile(file, text);
    await chmod(file, mode);
    return file;
  };
  const withKey = async (file: string) => (await run(['status', '--identity', file])).stderr;
  const open = await write('open.pem', privateKeyToPem(generatePrivateKey('ed25519')), 0o644);
  assertOneLine(await withKey(open), /others may read this private key \(mode 0644\): run chmod 600 .*open\.pem/);
  assertOneLine(await withKey(join(directory, 'gone')), /gone is not there: pass --identity/);
  assertOneLine(await withKey(await write('key.pub', publicLine)), /this is a public key/);
  assertOneLine(await withKey(await write('key.txt', 'hello')), /expected an unencrypted PKCS#8 private key/);
  assertOneLine(
    await withKey(
      await write('enc.pem', '-----BEGIN ENCRYPTED PRIVATE KEY-----\nAA==\n-----END ENCRYPTED PRIVATE KEY-----\n'),
    ),
    /it has a passphrase/,
  );
  const p256 = await write('p256.pem', privateKeyToPem(generatePrivateKey('ecdsa-p256')));
  assert.equal(await withKey(p256), '');
});

test('watching without a terminal prints a line for each change and ends with 130 when interrupted', async () => {
  let seen = 0;
  let isChanged = false;
  const { code, stdout, stderr } = await run(
    ['status', '--watch'],
    {},
    {
      onStdout: (text, child) => {
        seen += text.split('\n').length - 1;
        if (seen >= 6 && !isChanged) {
          isChanged = true;
          answers.set('/v1/fleet', {
            body: { ...healthy, hosts: [host('web-1', { health: 'failed' }), host('web-2')] },
          });
        }
        if (text.includes('web-1 failed')) child.kill('SIGINT');
      },
    },
  );
  assert.equal(stderr, '');
  assert.equal(code, 130);
  const lines = stdout.trim().split('\n');
  assert.ok(lines.every((line) => Instant.safeParse(line.split(' ')[0]).success));
  assert.equal(lines.filter((line) => line.includes('host web-2')).length, 1);
  assert.equal(lines.at(-1)?.replace(/^\S+ /, ''), 'host web-1 failed');
});

test('a reader that goes away is no error', async () => {
  answers.set('/v1/fleet', {
    body: { ...healthy, hosts: Array.from({ length: 2000 }, (_, i) => host(`host-${i}`)) },
  });
  const { code, stderr } = await run(['status'], {}, { onStart: (child) => child.stdout?.destroy() });
  assert.equal(stderr, '');
  assert.equal(code, 141);
});
