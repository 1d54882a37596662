import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { JournalId, rolloutPath, sha256Hex } from '@nixfleet/contracts';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import { createTestFleet, type TestFleet, TestJournal } from '@nixfleet/testkit';
import { runNixfleet } from './testing/run-nixfleet.ts';
import { VerificationReport } from './verification/report.ts';

let root = '';
let fleet: TestFleet;
let releases = '';
let count = 0;
let start = '';

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'nixfleet-verify-'));
  start = join(root, 'trust-1.json');
});
after(() => rm(root, { recursive: true }));
beforeEach(async () => {
  fleet = await createTestFleet();
  await fleet.publish();
  releases = join(root, `releases-${count++}`);
  await writeFile(start, fleet.trustChain[0]?.bytes ?? '');
});

async function writeReleases(directory = releases): Promise<void> {
  for (const [path, bytes] of fleet.files) {
    await mkdir(join(directory, dirname(path)), { recursive: true });
    await writeFile(join(directory, path), bytes);
  }
}

const verify = (...args: string[]) =>
  runNixfleet(['verify', ...args, '--releases', releases, '--at', fleet.now], {
    environment: { NIXFLEET_TRUST: start },
  });

async function report(...args: string[]) {
  const { code, stdout, stderr } = await verify(...args, '--json');
  const json: unknown = JSON.parse(stdout);
  return { code, stderr, json, ...VerificationReport.parse(json) };
}

function assertRefused(result: { code: number | null; stderr: string }, reason: string): void {
  assert.equal(result.code, 1);
  assert.match(result.stderr, new RegExp(`^nixfleet: refused \\(${reason}\\): [^\\n]+\\n$`));
}

test('a whole release holds, and every statement names who vouches for it', async () => {
  await fleet.nextTrust((draft) => {
    draft.roles.head.threshold = 1;
  });
  await fleet.hold('data', { reason: 'quarter end' });
  await writeReleases();
  const { ok, code, steps, stderr } = await report('release');
  assert.equal(stderr, '');
  assert.equal(code, 0);
  assert.equal(ok, true);
  assert.deepEqual(
    steps.map(({ document, signers }) => [document, signers.join(' ')]),
    [
      ['trust 1', ''],
      ['trust 2', 'root-1 root-2 root-3'],
      ['head 2', 'ci-head'],
      ['release 1', 'ci'],
      ['fleet', ''],
      ['rollout data@00000000', ''],
      ['rollout stable@00000000', ''],
      ['hold', 'alice'],
    ],
  );
  for (const { signers, keyIds } of steps) assert.equal(keyIds.length, signers.length);
  const text = await verify('release');
  assert.match(text.stdout, /^ok head 2: signed by 1 of 1 needed of the head role/m);
  assert.match(text.stdout, /^ {5}key [0-9a-f]{64}$/m);
  assert.match(text.stdout, /everything holds \(fleet demo, at 2026-06-01T08:00:00Z\)\n$/);
});

test('the starting point is compared with the hash that was given', async () => {
  await writeReleases();
  const hash = await sha256Hex(nodeCrypto, fleet.trustChain[0]?.bytes ?? new Uint8Array());
  const run = (...more: string[]) =>
    runNixfleet(['verify', 'trust', '--releases', releases, '--at', fleet.now, ...more]);
  assert.equal((await run('--trust-sha256', hash)).code, 0);
  const wrong = await run('--trust-sha256', 'f'.repeat(64));
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /^nixfleet: trust\/1\.json of .*hash-mismatch: .*: do not trust it\n$/);
  const none = await run();
  assert.equal(none.code, 2);
  assert.match(none.stderr, /^nixfleet: nothing says which trust document to start from: /);
});

test('what does not hold is refused with its reason, after the steps that do', async () => {
  await writeReleases();
  const { rolloutId, bytes } = fleet.current.manifests.get('stable') ?? assert.fail();
  const file = join(releases, rolloutPath(rolloutId));
  await writeFile(file, Buffer.from(bytes).toString().replace('canary', 'canarx'));
  const tampered = await report('release');
  assertRefused(tampered, 'hash-mismatch');
  assert.equal(tampered.ok, false);
  assert.equal(tampered.refusal?.reason, 'hash-mismatch');
  assert.equal(tampered.steps.at(-1)?.document, 'rollout data@00000000');
  await rm(file);
  assertRefused(await verify('rollout', 'stable'), 'missing');
  assert.equal((await verify('rollout', 'data')).code, 0);

  const { now } = fleet;
  fleet.pass(3 * 24 * 3600);
  assertRefused(await verify('release'), 'expired');
  fleet.now = now;

  await fleet.publish(() => {}, { signedBy: ['ci-head'] });
  await writeReleases();
  assertRefused(await verify('release'), 'too-few-signers');
  assert.equal((await verify('trust')).code, 0);
  const next = await fleet.nextTrust(() => {}, ['root-1']);
  assert.ok(next);
  await writeReleases();
  assertRefused(await verify('trust'), 'too-few-signers');
});

test('another fleet, and a place where there is nothing', async () => {
  await writeReleases();
  assertRefused(await verify('release', '--fleet', 'other'), 'wrong-fleet');
  releases = join(root, 'nowhere');
  const { code, stderr } = await verify('release');
  assert.equal(code, 1);
  assert.match(stderr, /^nixfleet: .*nowhere: no such directory: /);
  releases = root;
  assertRefused(await verify('release'), 'missing');
});

test('a rollout, by channel or prefix, with what each host is to run', async () => {
  await writeReleases();
  const { rolloutId } = fleet.current.manifests.get('stable') ?? assert.fail();
  const { stdout, code } = await verify('rollout', rolloutId.slice(0, 10));
  assert.equal(code, 0);
  assert.match(stdout, /^canary +0 +1 +[0-9a-f]{64} +\/nix\/store\/.*-nixos-system-canary-1$/m);
  assert.match(stdout, /^web-2 +1 +1 /m);
  assertRefused(await verify('rollout', 'nonsense'), 'wrong-rollout');
});

test('the same from a branch of a bare repository, at any of its commits', async () => {
  await writeReleases();
  const git = (...args: string[]) =>
    execFileSync('git', ['-C', releases, '-c', 'user.name=t', '-c', 'user.email=t@example.org', ...args], {
      encoding: 'utf8',
    });
  git('init', '-q', '-b', 'main');
  git('add', '.');
  git('commit', '-q', '-m', 'one');
  const first = git('rev-parse', 'HEAD').trim();
  const { now } = fleet;
  fleet.pass(7200);
  await fleet.publish((next) => {
    next.hosts.canary = { ...(next.hosts.canary ?? assert.fail()), closure: 2 };
  });
  await writeReleases();
  git('add', '-A');
  git('commit', '-q', '-m', 'two');
  const bare = join(root, 'bare.git');
  git('clone', '-q', '--bare', '.', bare);
  await rm(releases, { recursive: true });
  releases = `${bare}#main`;
  assert.equal(
    (await report('release')).steps.find(({ document }) => document.startsWith('release'))?.document,
    'release 2',
  );
  releases = `${bare}#${first}`;
  fleet.now = now;
  assert.equal(
    (await report('release')).steps.find(({ document }) => document.startsWith('release'))?.document,
    'release 1',
  );
  releases = `${bare}#nope`;
  assert.match((await verify('release')).stderr, /no commit nope: name a branch, tag or commit after #/);
  releases = `${bare}#--output=x`;
  assert.match((await verify('release')).stderr, /no commit --output=x/);
});

async function journalFile(): Promise<string> {
  const journal = await fleet.journal('web-1');
  const target = await fleet.target('web-1');
  const rolloutId = target.rolloutId;
  const old = (await fleet.target('web-2')).closure;
  await journal.append(
    { kind: 'journal-started', body: { reason: 'first-contact', running: old, confirmed: old, agentVersion: '0.1.0' } },
    { at: fleet.now },
  );
  fleet.pass(60);
  const deadline = fleet.now;
  await journal.append({ kind: 'activating', body: { target, revertTo: old, deadline } }, { at: fleet.now, rolloutId });
  await journal.append({ kind: 'confirming', body: { target, deadline } }, { at: fleet.now, rolloutId });
  fleet.pass(60);
  await journal.append(
    { kind: 'reverted', body: { target, to: old, cause: 'unconfirmed', by: 'dead-man' } },
    { at: fleet.now, rolloutId },
  );
  const file = join(root, 'web-1.jsonl');
  await writeFile(file, journal.events.map((event) => `${JSON.stringify({ position: 3, ...event })}\n`).join(''));
  return file;
}

test('a journal says what ran, from when to when, and from which commit', async () => {
  await writeReleases();
  const file = await journalFile();
  const { code, json, steps } = await report('journal', file);
  assert.equal(code, 0);
  const step = steps.find(({ document }) => document.startsWith('journal')) ?? assert.fail();
  assert.match(step.statement, /^4 events of host web-1, from its first event on: .* last is event 4$/);
  assert.equal(step.keyIds.length, 1);
  const { ran } = json as { ran: { from: string; to: string | null; running: string; commit: string | null }[] };
  assert.deepEqual(
    ran.map(({ from, to, running, commit }) => [from, to, running.split('-').slice(1).join('-'), commit]),
    [
      ['2026-06-01T08:00:00Z', '2026-06-01T08:01:00Z', 'nixos-system-web-2-1', null],
      ['2026-06-01T08:01:00Z', '2026-06-01T08:02:00Z', 'nixos-system-web-1-1', `${'0'.repeat(39)}1`],
      ['2026-06-01T08:02:00Z', null, 'nixos-system-web-2-1', null],
    ],
  );
  const part = await verify('journal', file, '--since', '2026-06-01T08:01:30Z', '--until', '2026-06-01T08:01:40Z');
  assert.deepEqual(part.stdout.match(/nixos-system-web-\d-1$/gm), ['nixos-system-web-1-1']);
});

test('of a pinned host the commit is the one it was built from, or none that is known', async () => {
  for (const [builtFrom, statement] of [
    ['f'.repeat(40), /; made from commit f{40} of https:\/\/git\.example\.org\/fleet\.git$/],
    [null, /; a closure pinned as it is, from no commit that is known$/],
  ] as const) {
    fleet = await createTestFleet();
    await fleet.publish((next) => {
      const host = next.hosts['web-1'];
      if (host) host.builtFrom = builtFrom;
    });
    releases = join(root, `releases-${count++}`);
    await writeReleases();
    const { json, steps } = await report('journal', await journalFile());
    const { ran } = json as { ran: { commit: string | null }[] };
    assert.equal(ran[1]?.commit, builtFrom);
    assert.match(steps.find(({ document }) => document.startsWith('rollout'))?.statement ?? '', statement);
  }
});

test('a journal that was cut, changed, signed by another or reordered is refused', async () => {
  await writeReleases();
  const file = await journalFile();
  const { events } = await fleet.journal('web-1');
  const withLines = async (lines: readonly object[]) => {
    await writeFile(file, lines.map((line) => JSON.stringify(line)).join('\n'));
    return verify('journal', file);
  };
  const [first, second, third, fourth] = events;
  assert.ok(first && second && third && fourth);
  assertRefused(await withLines([first, third, fourth]), 'chain-gap');
  assertRefused(await withLines([second, first]), 'chain-gap');
  assertRefused(
    await withLines([first, { ...second, event: second.event.replace('08:01:00Z', '08:00:30Z') }]),
    'bad-signature',
  );
  assertRefused(await withLines([{ ...first, signature: second.signature }]), 'bad-signature');
  const other = await (await fleet.journal('web-2')).append(
    { kind: 'started', body: { running: null, agentVersion: '0.1.0' } },
    { at: fleet.now },
  );
  assertRefused(await withLines([first, other]), 'wrong-host');
  assertRefused(await withLines([]), 'missing');
  const later = await withLines([third, fourth]);
  assert.equal(later.code, 0);
  assert.match(later.stdout, /from event 3 on \(what came before is not here\)/);
  const broken = await withLines([first, { event: 1 }]);
  assert.equal(broken.code, 1);
  assert.match(broken.stderr, /^nixfleet: .*web-1\.jsonl: line 2: .*: expected \{"event": "…", "signature": "…"\}\n$/);
});

test('a host that began another journal: both are checked, and the first may not be cut short', async () => {
  await writeReleases();
  const file = await journalFile();
  const { events, position } = await fleet.journal('web-1');
  const key = await fleet.hostKey('web-1');
  const { host, journal } = await fleet.journal('web-1');
  const next = new TestJournal({ fleet: fleet.name, host, key, journal: JournalId.parse('a'.repeat(32)) });
  const running = (await fleet.target('web-2')).closure;
  const body = { reason: 'state-lost', running, confirmed: running, agentVersion: '0.1.0' } as const;
  const previous = { journal, seq: position.seq };
  await next.append({ kind: 'journal-started', body: { ...body, previous } }, { at: fleet.now });
  const withLines = async (lines: readonly object[]) => {
    await writeFile(file, lines.map((line) => JSON.stringify(line)).join('\n'));
    return verify('journal', file);
  };
  const whole = await withLines([...events, ...next.events]);
  assert.equal(whole.code, 0, whole.stderr);
  assert.match(whole.stdout, /4 events of host web-1, from its first/);
  assert.match(whole.stdout, /1 event of host web-1, from its first/);
  assertRefused(await withLines([...events.slice(0, -1), ...next.events]), 'chain-gap');
  assert.equal((await withLines(next.events)).code, 0);
});
