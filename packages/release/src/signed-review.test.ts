import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmod, writeFile } from 'node:fs/promises';
import { after, before, beforeEach, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { Commit, formatOpensshPrivateKey } from '@nixfleet/contracts';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import { ReleaseLab } from './release-lab.test.ts';
import { signedReview } from './signed-review.ts';

const exec = promisify(execFile);

describe('a review that git’s own signatures show', () => {
  let lab: ReleaseLab;
  let branches = 0;

  before(async () => {
    lab = await ReleaseLab.create();
    // `mallory` is nobody of trust's.
    for (const name of ['alice', 'bob', 'ci', 'mallory']) {
      const { privateKey, publicKey } = await lab.fleet.keyOf(name);
      assert.ok(privateKey.algorithm === 'ed25519');
      const key = formatOpensshPrivateKey({ seed: privateKey.seed, publicRaw: publicKey.raw, comment: name, check: 7 });
      await writeFile(lab.at(`${name}.key`), key);
      await chmod(lab.at(`${name}.key`), 0o600);
    }
  });
  after(() => lab[Symbol.asyncDispose]());
  beforeEach(async () => {
    await git(null, 'checkout', '--quiet', '--force', 'main');
  });

  function git(signer: string | null, ...args: readonly string[]) {
    const who = ['-c', `user.name=${signer ?? 'ci'}`, '-c', 'user.email=somebody@example.org'];
    const signing = [
      '-c',
      'gpg.format=ssh',
      '-c',
      `user.signingkey=${lab.at(`${signer}.key`)}`,
      '-c',
      'commit.gpgsign=true',
    ];
    return exec('git', ['-C', lab.at('source'), ...who, ...(signer === null ? [] : signing), ...args]);
  }

  /** A branch with a commit by each of these, taken in by `merger`. */
  async function merged(authors: readonly (string | null)[], merger: string | null, ...more: readonly string[]) {
    const branch = `change-${++branches}`;
    await git(null, 'checkout', '--quiet', '-b', branch);
    for (const [i, author] of authors.entries()) {
      await writeFile(lab.at(`source/${branch}-${i}`), 'changed\n');
      await git(null, 'add', '--all');
      await git(author, 'commit', '--quiet', '-m', `Änderung ${i}\n\nof ${branch}`);
    }
    await git(null, 'checkout', '--quiet', 'main');
    await git(merger, 'merge', '--quiet', '--no-ff', ...more, '-m', `takes in ${branch}`, branch);
    return review();
  }

  async function review() {
    const commit = Commit.parse((await lab.git.run(['rev-parse', 'HEAD'])).trim());
    return signedReview(lab.git, { commit, trust: lab.start, crypto: nodeCrypto });
  }

  test('is by whoever signed the commits, and by the approver who signed the merge', async () => {
    assert.deepEqual(await merged(['bob'], 'alice'), { author: 'bob', approvals: ['alice'] });
    assert.deepEqual(await merged(['bob', 'ci', 'bob'], 'alice'), { author: 'bob, ci', approvals: ['alice'] });
  });

  test('a change of the main side meanwhile is git’s to join', async () => {
    const branch = `change-${++branches}`;
    await git(null, 'checkout', '--quiet', '-b', branch);
    await writeFile(lab.at('source/theirs'), 'x');
    await git(null, 'add', '--all');
    await git('bob', 'commit', '--quiet', '-m', 'theirs');
    await git(null, 'checkout', '--quiet', 'main');
    await writeFile(lab.at('source/ours'), 'x');
    await git(null, 'add', '--all');
    await git(null, 'commit', '--quiet', '-m', 'ours');
    await git('alice', 'merge', '--quiet', '--no-ff', '-m', 'joined', branch);
    assert.deepEqual(await review(), { author: 'bob', approvals: ['alice'] });
  });

  test('is none where it shows less', async () => {
    const cases: Record<string, () => Promise<unknown>> = {
      'no merge': async () => {
        await git('alice', 'commit', '--quiet', '--allow-empty', '-m', 'alone');
        return review();
      },
      'an own change taken in': () => merged(['alice'], 'alice'),
      'one of them an own change': () => merged(['bob', 'alice'], 'alice'),
      'a commit that nobody signed': () => merged(['bob', null], 'alice'),
      'a commit by somebody whom trust does not know': () => merged(['mallory'], 'alice'),
      'a merge that nobody signed': () => merged(['bob'], null),
      'a merge by somebody who is no approver': () => merged(['bob'], 'ci'),
      'a merge by a stranger': () => merged(['bob'], 'mallory'),
    };
    for (const [name, make] of Object.entries(cases)) assert.equal(await make(), null, name);
  });

  test('what the merge itself adds has nobody looked at', async () => {
    await merged(['bob'], 'alice', '--no-commit');
    await writeFile(lab.at('source/slipped-in'), 'x');
    await git(null, 'add', '--all');
    await git('alice', 'commit', '--quiet', '-m', 'takes in more');
    assert.equal((await lab.git.run(['rev-list', '--parents', '--max-count=1', 'HEAD'])).split(' ').length, 3);
    assert.equal(await review(), null);
  });

  test('a signature of other content is none', async () => {
    assert.ok(await merged(['bob'], 'alice'));
    const object = await lab.git.bytes(['cat-file', 'commit', 'HEAD']);
    const text = Buffer.from(object).toString('latin1').replace('takes in', 'takes on');
    const { stdout } = await exec('sh', [
      '-c',
      'printf %s "$1" | base64 -d | git -C "$0" hash-object -t commit -w --stdin',
      lab.at('source'),
      Buffer.from(text, 'latin1').toString('base64'),
    ]);
    const commit = Commit.parse(stdout.trim());
    assert.equal(await signedReview(lab.git, { commit, trust: lab.start, crypto: nodeCrypto }), null);
  });
});
