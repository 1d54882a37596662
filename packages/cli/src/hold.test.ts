import assert from 'node:assert/strict';
import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { declaredKeyOf, HoldsView, msToInstant, parseOpensshPublicLine } from '@nixfleet/contracts';
import { systemClock } from '@nixfleet/contracts/node-clock';
import { privateKeyToPem } from '@nixfleet/contracts/node-crypto';
import { createTestFleet, type TestFleet, testKey } from '@nixfleet/testkit';
import { type Finished, runNixfleet } from './testing/run-nixfleet.ts';

const exec = promisify(execFile);

let root = '';
let fleet: TestFleet;
const at = (name: string): string => join(root, name);
const forge = (): string => `${at('forge.git')}#releases`;
const git = (...args: readonly string[]) =>
  exec('git', ['-C', at('work'), '-c', 'user.name=ci', '-c', 'user.email=ci@example.org', ...args]);

async function nixfleet(args: readonly string[], environment: Record<string, string> = {}): Promise<Finished> {
  const settings = ['--releases', forge(), '--trust', at('trust-1.json')];
  return runNixfleet([...args, ...settings], { environment: { HOME: at('home'), ...environment } });
}

async function succeeds(args: readonly string[], environment?: Record<string, string>): Promise<string> {
  const finished = await nixfleet(args, environment);
  assert.equal(finished.code, 0, finished.stderr);
  return finished.stdout;
}

/** Ends with `code` and one line that matches, and the branch stays where it was. */
async function fails(code: number, line: RegExp, args: readonly string[]): Promise<void> {
  const stood = await tip();
  const finished = await nixfleet(args);
  assert.equal(finished.code, code, finished.stdout + finished.stderr);
  assert.match(finished.stderr.trimEnd().split('\n').at(-1) ?? '', line);
  assert.doesNotMatch(finished.stderr, /^\s+at .*\.ts:/m, 'a stack');
  assert.equal(await tip(), stood, 'the branch moved');
}

const tip = async (): Promise<string> => (await exec('git', ['-C', at('forge.git'), 'rev-parse', 'releases'])).stdout;

async function published(path: string): Promise<string> {
  return (await exec('git', ['-C', at('forge.git'), 'show', `releases:${path}`])).stdout;
}

async function listed(): Promise<string[]> {
  const { holds } = HoldsView.parse(JSON.parse(await succeeds(['holds', 'list', '--json'])));
  return holds.map(({ channel, standing, approvers }) => `${channel} ${standing} ${approvers.join('+')}`);
}

const headSign = () => ['head', 'sign', '--head-key', at('head.pem'), '--floors', at('floors.json')];
const withHead = () => ['--head-key', at('head.pem'), '--floors', at('floors.json')];
const by = (...names: readonly string[]) => names.flatMap((name) => ['--approver-key', at(name)]);
const held = async (): Promise<readonly string[]> => JSON.parse(await published('head.json')).holds;

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'nixfleet-cli-hold-'));
  await mkdir(at('home'));
  const keygen = (name: string, ...options: readonly string[]) =>
    execFileSync('ssh-keygen', ['-q', '-N', '', '-C', name, '-f', at(name), ...options]);
  keygen('alice', '-t', 'ed25519');
  keygen('bob', '-t', 'ecdsa', '-b', '256');
  keygen('mallory', '-t', 'ed25519');
  execFileSync('ssh-keygen', ['-q', '-N', 'open sesame', '-C', 'carol', '-t', 'ed25519', '-f', at('carol')]);
  const keyOf = async (name: string) => {
    const key = parseOpensshPublicLine(await readFile(at(`${name}.pub`), 'utf8'));
    assert.ok(key, name);
    return declaredKeyOf(key);
  };
  fleet = await createTestFleet({
    now: msToInstant(systemClock.now() - 60_000),
    trust: async (draft) => {
      const signers: Record<string, { keys: unknown[] }> = draft.signers;
      for (const name of ['alice', 'bob', 'carol']) signers[name] = { keys: [await keyOf(name)] };
      draft.roles.approver.signers.push('carol' as never);
    },
  });
  await fleet.publish();
  await writeFile(at('trust-1.json'), fleet.trustChain[0]?.bytes ?? '');
  await writeFile(at('head.pem'), privateKeyToPem((await testKey('ci-head')).privateKey), { mode: 0o600 });
  await exec('git', ['init', '--quiet', '--bare', at('forge.git')]);
  await exec('git', ['init', '--quiet', '--initial-branch=releases', at('work')]);
  for (const [path, bytes] of fleet.files) {
    await mkdir(dirname(join(at('work'), path)), { recursive: true });
    await writeFile(join(at('work'), path), bytes);
  }
  await git('add', '--all');
  await git('commit', '--quiet', '-m', 'release 1');
  await git('push', '--quiet', at('forge.git'), 'releases');
  await succeeds([...headSign(), '--first-use']);
});
after(() => rm(root, { recursive: true, force: true }));

describe('nixfleet hold and resume', () => {
  test('what is wrong is said in one line, and nothing is published', async () => {
    const hold = ['hold', 'stable', '--reason', 'incident 7'];
    await fails(2, /nothing to sign with.*--approver-key/, hold);
    await fails(2, /a hold needs a reason: say why with --reason/, ['hold', 'stable', ...by('alice')]);
    await fails(2, /--reason ''/, ['hold', 'stable', '--reason', '', ...by('alice')]);
    await fails(2, /expected a channel or --sign/, ['hold', '--reason', 'x', ...by('alice')]);
    await fails(2, /--for 'soon'.*4h|--for 'soon'.*duration/, [...hold, '--for', 'soon', ...by('alice')]);
    await fails(2, /--until 2020-01-01T00:00:00Z is over/, [
      ...hold,
      '--until',
      '2020-01-01T00:00:00Z',
      ...by('alice'),
    ]);
    await fails(2, /--for and --until/, [...hold, '--for', '1h', '--until', '2099-01-01T00:00:00Z', ...by('alice')]);
    await fails(1, /at most 90 days|at most 7776000/, [...hold, '--for', '91d', ...by('alice')]);
    await fails(1, /unknown-channel.*no channel stabel: there are data, stable/, [
      'hold',
      'stabel',
      '--reason',
      'x',
      ...by('alice'),
    ]);
    await fails(1, /not-a-signer.*approver role/, [...hold, ...by('mallory')]);
    await fails(1, /nobody: cannot read the key/, [...hold, ...by('nobody')]);
    await fails(1, /trust-1\.json: expected a private key, or the \.pub/, [...hold, ...by('trust-1.json')]);
    await fails(1, /sign-failed.*ssh-keygen/, [...hold, ...by('carol')]);
    await fails(1, /missing.*nothing holds channel stable/, ['resume', 'stable', ...by('alice')]);
    await fails(2, /--hold '12'/, ['resume', '--hold', '12', ...by('alice')]);
    assert.deepEqual(await listed(), []);
  });

  test('an approver without a head key: stock ssh-keygen verifies it, and the head job names it', async () => {
    const stdout = await succeeds(['hold', 'stable', '--reason', 'incident 7', '--for', '4h', ...by('alice')]);
    assert.match(stdout, /^held: stable until .*Z \(incident 7\), as [0-9a-f]{12}; agents are bound by the next head/);
    assert.deepEqual(await listed(), ['stable unnamed alice']);
    assert.deepEqual(await held(), []);

    const names = (await exec('git', ['-C', at('forge.git'), 'ls-tree', '-r', '--name-only', 'releases', 'holds/']))
      .stdout;
    const [document = '', signature = ''] = names.trim().split('\n');
    await writeFile(at('hold.json'), await published(document));
    await writeFile(at('hold.sshsig'), await published(signature));
    await writeFile(at('allowed'), `alice ${await readFile(at('alice.pub'), 'utf8')}`);
    const verify = ['-Y', 'verify', '-f', at('allowed'), '-I', 'alice', '-n', 'hold@demo', '-s', at('hold.sshsig')];
    assert.match(
      execFileSync('ssh-keygen', verify, { input: await readFile(at('hold.json')) }).toString(),
      /Good "hold@demo"/,
    );

    assert.match(await succeeds(headSign()), /with 1 holds/);
    assert.equal((await held()).length, 1);
    assert.deepEqual(await listed(), ['stable in-force alice']);
    assert.match(
      await succeeds(['holds', 'list']),
      /^CHANNEL .*\nstable +in-force +.*Z \(in 3 h\) +alice +[0-9a-f]{12} +incident 7$/m,
    );
  });

  test('deleting the file lifts nothing; an approver does, and the head says so', async () => {
    const [sha256 = ''] = await held();
    await git('pull', '--quiet', at('forge.git'), 'releases');
    await git('rm', '--quiet', `holds/${sha256}.json`);
    await git('commit', '--quiet', '-m', 'we are in a hurry');
    await git('push', '--quiet', at('forge.git'), 'releases');
    await fails(1, /hold-dropped.*no longer in holds\/.*nixfleet resume --hold/, headSign());
    await fails(1, /not-a-signer/, ['resume', '--hold', sha256, ...by('mallory')]);

    await git('revert', '--no-edit', 'HEAD');
    await git('push', '--quiet', at('forge.git'), 'releases');
    assert.match(
      await succeeds(['resume', 'stable', '--reason', 'fixed', ...by('bob')]),
      new RegExp(`^hold ${sha256.slice(0, 12)} ends with the next head`),
    );
    assert.deepEqual(await listed(), ['stable lifting alice']);
    await succeeds(headSign());
    assert.deepEqual(await held(), []);
    assert.deepEqual(await listed(), ['stable lifted alice']);
    await fails(1, /nothing holds channel stable/, ['resume', 'stable', ...by('bob')]);
  });

  test('with a head key both at once; the private half stays in ssh-agent', async () => {
    const socket = at('agent.sock');
    const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: ['ignore', 'pipe', 'ignore'] });
    try {
      await once(agent.stdout, 'data');
      const askpass = at('askpass');
      await writeFile(askpass, '#!/bin/sh\necho open sesame\n', { mode: 0o700 });
      const environment = { SSH_AUTH_SOCK: socket, SSH_ASKPASS: askpass, SSH_ASKPASS_REQUIRE: 'force' };
      execFileSync('ssh-add', ['-q', at('carol')], { env: { ...process.env, ...environment } });
      await rm(at('carol'));
      const hold = ['hold', 'data', '--reason', 'restore', ...by('carol.pub'), ...withHead(), '--json'];
      const made = JSON.parse(await succeeds(hold, { SSH_AUTH_SOCK: socket })) as Record<string, unknown>;
      assert.deepEqual([made.channel, made.missing], ['data', null]);
      assert.deepEqual(await held(), [made.sha256]);
      const resume = ['resume', '--hold', String(made.sha256), ...by('carol.pub'), ...withHead()];
      assert.match(await succeeds(resume, { SSH_AUTH_SOCK: socket }), /has ended: head \d+ says so to every agent/);
      assert.deepEqual(await held(), []);
    } finally {
      agent.kill();
    }
  });

  test('where trust asks for two approvers, one holds nobody and ends nothing', async () => {
    await fleet.nextTrust((draft) => {
      draft.roles.approver.threshold = 2;
    });
    await git('pull', '--quiet', at('forge.git'), 'releases');
    for (const [path, bytes] of fleet.files) {
      if (path.startsWith('trust/')) await writeFile(join(at('work'), path), bytes);
    }
    await git('add', '--all');
    await git('commit', '--quiet', '-m', 'trust 2');
    await git('push', '--quiet', at('forge.git'), 'releases');

    const first = await succeeds(['hold', 'stable', '--reason', 'audit', ...by('alice'), ...withHead()]);
    const [, sha256 = ''] = /^not held yet: .*expected 2.*nixfleet hold --sign ([0-9a-f]{64})$/m.exec(first) ?? [];
    await succeeds(headSign());
    assert.deepEqual(await held(), []);
    assert.ok((await listed()).includes('stable pending alice'));
    await fails(1, /missing/, ['hold', '--sign', '0'.repeat(64), ...by('bob')]);
    assert.match(
      await succeeds(['hold', '--sign', sha256, ...by('bob'), ...withHead()]),
      /^held: stable until .*binds every agent/,
    );
    assert.deepEqual(await held(), [sha256]);

    const resume = ['resume', 'stable', ...withHead()];
    assert.match(await succeeds([...resume, ...by('alice')]), /goes on: expected 2.*nixfleet resume --hold/);
    await succeeds(headSign());
    assert.deepEqual(await held(), [sha256]);
    assert.match(await succeeds(['resume', '--hold', sha256, ...by('bob'), ...withHead()]), /has ended/);
    assert.deepEqual(await held(), []);
  });

  test('a forge that signs heads on a push that changes holds: agents are bound by the push itself', async () => {
    const program = `${process.execPath} ${join(import.meta.dirname, 'main.ts')}`;
    const settings = `--head-key ${at('head.pem')} --floors ${at('floors.json')} --trust ${at('trust-1.json')}`;
    const hook = [
      '#!/bin/sh',
      'while read -r old new ref; do',
      '  [ "$ref" = refs/heads/releases ] || continue',
      '  git diff --quiet "$old" "$new" -- holds resumes && continue',
      `  (unset $(git rev-parse --local-env-vars); ${program} head sign ${settings} --releases "$PWD#releases")`,
      'done',
      '',
    ];
    await writeFile(at('forge.git/hooks/post-receive'), hook.join('\n'), { mode: 0o755 });
    try {
      await succeeds(['hold', 'data', '--reason', 'by push', ...by('alice', 'bob')]);
      assert.equal((await held()).length, 1);
      await succeeds(['resume', 'data', ...by('alice', 'bob')]);
      assert.deepEqual(await held(), []);
    } finally {
      await rm(at('forge.git/hooks/post-receive'));
    }
  });

  test('CI that publishes in between is waited out', async () => {
    const other = `git -C ${at('forge.git')} -c user.name=eve -c user.email=eve@example.org`;
    const move = `${other} update-ref refs/heads/releases $(${other} commit-tree -p releases -m other releases^{tree})`;
    // The hook is the moment: the branch was read, and nothing is pushed yet.
    await writeFile(at('second.pem'), privateKeyToPem((await testKey('second')).privateKey), { mode: 0o600 });
    await fleet.nextTrust(async (draft) => {
      draft.roles.approver.threshold = 1;
      (draft.signers as Record<string, { keys: unknown[] }>).bob?.keys.push((await testKey('second')).declared);
    });
    await git('pull', '--quiet', at('forge.git'), 'releases');
    for (const [path, bytes] of fleet.files) {
      if (path.startsWith('trust/')) await writeFile(join(at('work'), path), bytes);
    }
    await git('add', '--all');
    await git('commit', '--quiet', '-m', 'trust 3');
    await git('push', '--quiet', at('forge.git'), 'releases');
    await exec('openssl', ['pkey', '-in', at('second.pem'), '-pubout', '-out', at('second.pub.pem')]);
    const sign = `openssl pkeyutl -sign -rawin -inkey ${at('second.pem')} -in $NIXFLEET_INPUT -out $NIXFLEET_OUTPUT`;
    const hook = ['--approver-key', `hook:${at('second.pub.pem')}:${move} && ${sign}`];
    await succeeds(['hold', 'stable', '--reason', 'race', ...hook, ...withHead()]);
    assert.equal((await held()).length, 1);
    const { stdout } = await exec('git', ['-C', at('forge.git'), 'log', '-2', '--format=%s', 'releases']);
    assert.match(stdout, /^Hold [0-9a-f]{12}\nother\n$/);
  });
});
