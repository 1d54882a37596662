import assert from 'node:assert/strict';
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  at,
  built,
  closeCi,
  commit,
  declared,
  exec,
  fails,
  forge,
  nixfleet,
  openCi,
  placed,
  published,
  pushed,
  release,
  signed,
  succeeds,
  tip,
} from './testing/release-ci.ts';

before(openCi);
after(closeCi);

test('trust init signs and publishes version 1, once, by a root key', async () => {
  const init = ['trust', 'init', '--fleet', 'acme', '--releases', forge(), ...declared()];
  await fails(2, /nothing to sign with.*--root-key/, ...init);
  await fails(1, /not-a-signer.*root role/, ...init, '--root-key', at('ci.pem'));
  await fails(2, /--role 'root=x'.*expected <root\|/, ...init, '--role', 'root=x', '--root-key', at('root.pem'));
  const { stdout } = await succeeds(...init, '--root-key', at('root.pem'), '--output', at('trust-1.json'), '--json');
  const { version, missing, sha256 } = JSON.parse(stdout) as Record<string, unknown>;
  assert.deepEqual({ version, missing }, { version: 1, missing: null });
  assert.match(String(sha256), /^[0-9a-f]{64}$/);
  await fails(1, /trust\/1\.json is there already.*trust update/, ...init, '--root-key', at('root.pem'));
});

test('release: what it needs is told in one line, before anything is built', async () => {
  await fails(2, /trust/, 'release', '--releases', forge(), ...built(), ...pushed(), ...signed());
  await fails(1, /nowhere\.json/, 'release', '--releases', forge(), '--trust', at('nowhere.json'), ...signed());
  await fails(2, /nothing to sign with.*--release-key/, 'release', ...placed(), ...built(), ...pushed());
  await fails(2, /--builds 'many'.*1 to 256/, ...release('--builds', 'many'));
  await fails(2, /nohow/, ...release('--nohow'));
  await fails(2, /--cache/, 'release', ...placed(), ...built(), ...signed());
  const lost = await fails(1, /floor-lost.*--floors.*--first-use/, ...release());
  assert.doesNotMatch(lost.stderr, /^build /m, 'it was built first');
  await writeFile(at('source/stray'), '');
  await fails(1, /dirty-source.*stray/, ...release('--first-use'));
  await rm(at('source/stray'));
});

test('a dry run shows the release and does nothing', async () => {
  const before = await tip();
  const { stdout } = await succeeds('release', '--dry-run', ...placed(), ...built(), '--json');
  const run = JSON.parse(stdout) as { kind: string; version: number; hosts: { host: string; change: string }[] };
  assert.equal(run.kind, 'dry-run');
  assert.deepEqual(
    run.hosts.map(({ host, change }) => `${host} ${change}`),
    ['web-1 new', 'web-2 new'],
  );
  assert.equal(await tip(), before);
  assert.deepEqual(await readdir(at('cache')), []);
});

test('keys of the wrong role sign nothing', async () => {
  const signers = (ci: string, head: string) => ['--release-key', at(`${ci}.pem`), '--head-key', at(`${head}.pem`)];
  const args = ['release', '--first-use', ...placed(), ...built(), ...pushed()];
  await fails(1, /not-a-signer.*release role/, ...args, ...signers('head', 'head'));
  const { stderr } = await fails(1, /not-a-signer.*head role/, ...args, ...signers('ci', 'ci'));
  assert.doesNotMatch(stderr, /^build /m, 'it was built first');
});

test('a cache that does not have the closures is named, with the path', async () => {
  await mkdir(at('empty-cache'));
  const line = /not-in-cache.*empty-cache.*\/nix\/store\/[^ ]+: missing/;
  await fails(1, line, ...release('--first-use', '--cache', `file://${at('empty-cache')}`));
});

test('the first release is published; the next shows what changed', async () => {
  const first = await succeeds(...release('--first-use'));
  assert.match(first.stdout, /release 1 \(the first\) of commit [0-9a-f]+: new rollouts in stable/);
  assert.match(first.stdout, /published, under head 1 until /);
  assert.doesNotMatch(first.stderr + first.stdout, /secret/);
  assert.equal(((await published('head.json')).release as { version: number }).version, 1);
  assert.match((await succeeds(...release())).stdout, /nothing to release: release 1 says the same/);

  await commit({ 'web-1': '1.0', 'web-2': '1.1' });
  const { stdout } = await succeeds(...release());
  const row = (host: string) => stdout.split('\n').find((line) => line.startsWith(host)) ?? '';
  assert.match(row('HOST'), /^HOST +CHANNEL +CHANGE +CLOSURE +PACKAGES$/);
  assert.match(row('web-1'), /^web-1 +stable +unchanged +1\.0 \([0-9a-z]{7}\)$/);
  assert.match(row('web-2'), /^web-2 +stable +changed +1\.1 \([0-9a-z]{7}\) +\+0 -0 ~1: app 1\.0 → 1\.1/);
  const json = await succeeds(...release('--force', '--json'));
  const run = JSON.parse(json.stdout) as { kind: string; version: number; hosts: { closure: string }[] };
  assert.deepEqual([run.kind, run.version], ['published', 3]);
  assert.match(run.hosts[1]?.closure ?? '', /^\/nix\/store\/[0-9a-z]{32}-nixos-system-web-2-1\.1$/);
});

test('a host that does not build: which, why and the end of its log, and nothing is published', async () => {
  await commit({ 'web-1': '1.0', 'web-2': 'broken' });
  const { stderr } = await fails(
    1,
    /build-failed.*1 of 2 hosts failed: web-2 \(build: undefined reference/,
    ...release(),
  );
  assert.match(
    stderr,
    /^build failed: web-2: nixos-system-web-2: builder failed with exit code 3\n {4}compiling\n {4}undefined reference to main$/m,
  );
  assert.doesNotMatch(stderr, /^building '/m);
  assert.match((await nixfleet(...release('--verbose'))).stderr, /^build: building '/m);
  const carried = await succeeds(...release('--carry-over', '--force'));
  assert.match(carried.stdout, /^web-2 +stable +carried-over/m);
});

test('the four steps apart; what a stranger puts into the folder between them is not published', async () => {
  await commit({ 'web-1': '1.2', 'web-2': '1.2' });
  await succeeds('release', 'build', ...built(), ...pushed(), '--output', at('builds'));
  const build = ['--build', at('builds/build-x86_64-linux.json'), '--cache', `file://${at('cache')}`];
  await succeeds('release', 'assemble', ...build, ...placed(), '--output', at('assembled'));
  await fails(1, /not-a-signer/, 'release', 'sign', at('assembled'), '--release-key', at('stranger.pem'), ...placed());
  await cp(at('assembled'), at('forged'), { recursive: true });
  const [name = ''] = await readdir(at('forged/release'));
  await writeFile(
    at(`forged/release/${name}`),
    (await readFile(at(`forged/release/${name}`), 'utf8')).replace('1', '2'),
  );
  await fails(1, /hash-mismatch/, 'release', 'sign', at('forged'), '--release-key', at('ci.pem'), ...placed());

  await succeeds('release', 'sign', at('assembled'), '--release-key', at('ci.pem'), ...placed());
  await writeFile(at('assembled/release/stowaway.json'), 'x');
  const { stdout } = await succeeds('release', 'publish', at('assembled'), '--head-key', at('head.pem'), ...placed());
  assert.match(stdout, /^published as [0-9a-f]{40}/);
  const { stdout: names } = await exec('git', ['-C', at('forge.git'), 'ls-tree', '-r', '--name-only', 'releases']);
  assert.doesNotMatch(names, /stowaway/);
});

test('a publication in between: refused as a lost race, and what the other published stays', async () => {
  // The sign hook is the moment: everything is built, nothing is published.
  const git = `git -C ${at('forge.git')} -c user.name=eve -c user.email=eve@example.org`;
  const other = `${git} update-ref refs/heads/releases $(${git} commit-tree -p releases -m other releases^{tree})`;
  const sign = `openssl pkeyutl -sign -rawin -inkey ${at('ci.pem')} -in $NIXFLEET_INPUT -out $NIXFLEET_OUTPUT`;
  await exec('openssl', ['pkey', '-in', at('ci.pem'), '-pubout', '-out', at('ci.pub')]);
  const before = await tip();
  const hook = ['--release-key', `hook:${at('ci.pub')}:${other} && ${sign}`, '--head-key', at('head.pem')];
  const { code, stderr } = await nixfleet('release', '--force', ...placed(), ...built(), ...pushed(), ...hook);
  assert.equal(code, 1, stderr);
  assert.match(stderr, /^nixfleet: refused \(lost-race\): .*: somebody published in between: run it again$/m);
  const { stdout } = await exec('git', ['-C', at('forge.git'), 'log', '--format=%s', `${before}..releases`]);
  assert.equal(stdout, 'other\n');
  await succeeds(...release());
});

test('head sign renews the head, and warns of a hold that no approver signed', async () => {
  const scratch = at('scratch');
  await exec('git', ['clone', '--quiet', '--branch', 'releases', at('forge.git'), scratch]);
  await mkdir(join(scratch, 'holds'));
  await writeFile(join(scratch, 'holds', `${'1'.repeat(64)}.json`), '{}');
  const git = ['-C', scratch, '-c', 'user.name=eve', '-c', 'user.email=eve@example.org'];
  await exec('git', [...git, 'add', '--all']);
  await exec('git', [...git, 'commit', '--quiet', '-m', 'stop everything']);
  await exec('git', [...git, 'push', '--quiet', 'origin', 'releases']);
  const { stdout, stderr } = await succeeds('head', 'sign', '--head-key', at('head.pem'), ...placed());
  assert.match(stdout, /^head \d+ names release 5, valid until /);
  assert.match(stderr, /^warning: holds\/1{64}\.json is ignored: hash-mismatch/m);
  await fails(1, /not-a-signer.*head role/, 'head', 'sign', '--head-key', at('ci.pem'), ...placed());
});

test('an emergency waits for trust’s number of approvers, and is published by who has a head key', async () => {
  await commit({ 'web-1': '1.3', 'web-2': '1.2' });
  const emergency = ['--emergency', '--reason', 'CVE-2026-1234', '--expires', '4h'];
  await fails(2, /an emergency needs a reason and an end/, ...release('--emergency', '--expires', '4h'));
  await fails(2, /an emergency needs a reason and an end/, ...release('--emergency', '--reason', 'x'));
  await fails(2, /belong to an emergency/, ...release('--reason', 'x'));
  await fails(2, /--expires 'soon'/, ...release('--emergency', '--reason', 'x', '--expires', 'soon'));
  const long = await fails(1, /invalid.*at most 7 days/, ...release('--emergency', '--reason', 'x', '--expires', '8d'));
  assert.doesNotMatch(long.stderr, /^build /m, 'it was built first');
  await fails(1, /not-a-signer.*approver role/, ...release(...emergency, '--approver-key', at('ci.pem')));

  const waits = await succeeds(...release(...emergency, '--json'));
  const { kind, sha256, missing } = JSON.parse(waits.stdout) as { kind: string; sha256: string; missing: string };
  assert.deepEqual([kind, missing], ['pending', 'expected 2 approvers of the emergency, got none']);
  const before = await published('head.json');

  const approve = (key: string, ...more: string[]) => [
    ...['release', 'approve', sha256, '--approver-key', at(`${key}.pem`), ...placed(), ...more],
  ];
  await fails(1, /not-a-signer.*approver role/, ...approve('stranger'));
  await fails(2, /sha256 '12'/, 'release', 'approve', '12', '--approver-key', at('approver.pem'), ...placed());
  await fails(1, /missing.*is pending/, 'release', 'approve', '0'.repeat(64), ...approve('approver').slice(3));
  const first = await succeeds(...approve('approver'));
  assert.match(first.stderr, /an emergency until .*: CVE-2026-1234/);
  assert.match(first.stdout, /still pending: expected 2 approvers of the emergency, got 1 \(approver\)/);
  const again = await succeeds(...approve('approver'));
  assert.match(again.stdout, /got 1 \(approver\)/, 'one approver twice');
  assert.match((await succeeds(...approve('approver-2'))).stdout, /still pending: everybody has signed: a head/);
  assert.deepEqual(await published('head.json'), before);

  await succeeds('release', 'sign', '--pending', sha256, '--head-key', at('head.pem'), ...placed());
  assert.equal(((await published('head.json')).release as { sha256: string }).sha256, sha256);
  const verified = await succeeds('verify', 'release', '--releases', forge(), '--trust', at('trust-1.json'));
  assert.match(verified.stdout, /an approved emergency/);
  assert.match((await succeeds(...release())).stdout, /nothing to release/, 'it must not end the emergency');
});

test('what is no emergency needs no approval', async () => {
  const args = ['--release-key', at('ci.pem'), ...placed(), ...built(), ...pushed(), '--force'];
  const finished = await succeeds('release', ...args, '--head-key', at('head.pem'), '--json');
  assert.equal((JSON.parse(finished.stdout) as { kind: string }).kind, 'published');
  const approver = ['--approver-key', at('approver.pem')];
  await fails(1, /invalid.*is no emergency/, 'release', ...args, '--head-key', at('head.pem'), ...approver);
});

test('try: one host runs another branch for a while; what is wrong is told in one line', async () => {
  const git = (...args: readonly string[]) => exec('git', ['-C', at('source'), ...args]);
  await git('checkout', '--quiet', '-b', 'experiment');
  await commit({ 'web-1': '7.7', 'web-2': 'broken' });
  await git('checkout', '--quiet', 'main');
  const trying = (host: string, ...more: readonly string[]) => [
    ...['try', host, ...placed(), ...built(), ...pushed(), ...signed(), ...more],
  ];
  await fails(2, /a trial needs a ref.*--ref/, ...trying('web-1'));
  await fails(2, /--end ends a trial/, ...trying('web-1', '--end', '--for', '1h'));
  await fails(2, /--for 'soon'.*a duration/, ...trying('web-1', '--ref', 'experiment', '--for', 'soon'));
  await fails(1, /invalid.*within 24 hours/, ...trying('web-1', '--ref', 'experiment', '--for', '2d'));
  await fails(1, /unknown-host.*nobody/, ...trying('nobody', '--ref', 'experiment'));
  await fails(1, /missing.*nowhere: no such branch, tag or commit.*fetch it/, ...trying('web-1', '--ref', 'nowhere'));
  await fails(1, /build-failed.*web-2 at experiment/, ...trying('web-2', '--ref', 'experiment'));
  await fails(1, /nothing-to-try.*by the last release/, ...trying('web-1', '--ref', 'HEAD'));

  const before = (await published('head.json')).release as { version: number };
  await succeeds(
    'hold',
    'stable',
    '--reason',
    'moving',
    '--for',
    '2h',
    '--approver-key',
    at('approver.pem'),
    ...placed(),
  );
  const { stdout, stderr } = await succeeds(...trying('web-1', '--ref', 'experiment', '--for', '1h', '--json'));
  const run = JSON.parse(stdout) as {
    kind: string;
    version: number;
    withheld: { code: string }[];
    trial: { closure: string };
  };
  assert.deepEqual(
    run.withheld.map(({ code }) => code),
    ['hold'],
  );
  assert.match(stderr, /^warning: web-1 will not begin it before it ends: An approver holds .*\(moving\), until /m);
  assert.deepEqual([run.kind, run.version], ['published', before.version + 1]);
  assert.match(run.trial.closure, /web-1-7\.7$/);
  assert.match((await succeeds(...release())).stdout, /nothing to release/, 'the next release goes on as ever');
  assert.match((await succeeds(...trying('web-1', '--end'))).stdout, /web-1 tries nothing any more/);
  await fails(1, /missing.*web-1 tries nothing now/, ...trying('web-1', '--end'));
});

test('a root document that waits is signed by its hash, never by its place', async () => {
  const second = ['--signer', `root-2=${at('root-2.pem')}`, '--role', 'root=2:root,root-2'];
  const update = ['trust', 'update', ...second, ...placed(), '--root-key', at('root.pem')];
  const proposed = await succeeds(...update, '--json');
  const { sha256, missing } = JSON.parse(proposed.stdout) as { sha256: string; missing: string };
  assert.match(missing, /root-2|expected 2/);
  const sign = ['trust', 'sign', '--root-key', at('root-2.pem'), ...placed()];
  const shown = await fails(2, new RegExp(`trust 2 waits as ${sha256}.*--sha256`), ...sign);
  assert.match(shown.stderr, /^- role root: 1 of root$[\s\S]*^\+ role root: 2 of root, root-2$/m);
  await fails(1, /hash-mismatch.*nothing was signed/, ...sign, '--sha256', '0'.repeat(64));
  await fails(1, /not-a-signer/, 'trust', 'sign', '--root-key', at('ci.pem'), ...placed(), '--sha256', sha256);
  assert.match((await succeeds(...sign, '--sha256', sha256)).stdout, /^trust 2 is published$/m);
  assert.match(
    (await succeeds('trust', 'show', '--trust', at('trust-1.json'), '--releases', forge())).stdout,
    /2 of root, root-2/,
  );
});
