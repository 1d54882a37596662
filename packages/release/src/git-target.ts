import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { accept, refuse } from '@nixfleet/contracts';
import { ReleaseError } from './errors.ts';
import type { Git } from './git.ts';
import { openGitTree } from './git-tree.ts';
import type { ReleaseTarget } from './release-target.ts';
import { emptyTree, type TreeChange } from './release-tree.ts';
import { withoutCredentials } from './without-credentials.ts';

export interface GitTargetConfig {
  /** A remote's name or URL. */
  readonly remote: string;
  /** Default `releases`: an own branch keeps the source's history human. */
  readonly branch?: string;
  /** Folder of the branch that is `releases/`; default its top. */
  readonly directory?: string;
  readonly author?: { readonly name: string; readonly email: string };
}

/**
 * A branch of a git remote. `git` is any local repository: objects pass through it, no work tree and no index of it is
 * touched. The one step that counts is the push of one reference with `--force-with-lease=<ref>:<expected>`, which the
 * remote does wholly or not at all; before it, nothing at the remote has changed.
 */
export function gitTarget(git: Git, config: GitTargetConfig): ReleaseTarget {
  const { remote, branch = 'releases', directory = '' } = config;
  if (!/^[A-Za-z0-9][A-Za-z0-9._/-]{0,200}$/.test(branch) || branch.includes('..')) {
    throw new ReleaseError('bad-input', `expected the name of a branch, got ${JSON.stringify(branch)}`);
  }
  if (remote.startsWith('-')) throw new ReleaseError('bad-input', `expected a remote, got ${JSON.stringify(remote)}`);
  const ref = `refs/heads/${branch}`;
  const name = `${withoutCredentials(remote)} ${branch}`;

  const tip = async (): Promise<string | null> => {
    const listed = await git.run(['ls-remote', '--refs', remote, ref]);
    const line = listed.split('\n').find((one) => one.endsWith(`\t${ref}`));
    return line?.split('\t')[0] ?? null;
  };
  return {
    name,
    async snapshot() {
      const revision = await tip();
      if (revision === null) return { tree: emptyTree, revision };
      // The commit that was listed, wherever the branch is by now; older servers give out only what a branch points at.
      const byId = await git.try(['fetch', '--quiet', '--no-tags', '--no-write-fetch-head', remote, revision]);
      if (!byId.ok) await git.run(['fetch', '--quiet', '--no-tags', '--no-write-fetch-head', remote, ref]);
      return { tree: await openGitTree(git, revision, directory), revision };
    },
    async publish({ change, expected, message }) {
      const commit = await commitChange(git, { change, parent: expected, message, directory, author: config.author });
      const lease = `--force-with-lease=${ref}:${expected ?? ''}`;
      const pushed = await git.try(['push', '--quiet', '--no-verify', lease, remote, `${commit}:${ref}`]);
      if (pushed.ok) return accept({ revision: commit });
      const now = await tip();
      // The connection may have ended after the remote took it.
      if (now === commit) return accept({ revision: commit });
      if (now === expected) return refuse('publish-failed', pushed.detail);
      return refuse('lost-race', `${name}: expected ${expected ?? 'no such branch'}, is at ${now ?? 'no such branch'}`);
    },
  };
}

async function commitChange(
  git: Git,
  input: {
    readonly change: TreeChange;
    readonly parent: string | null;
    readonly message: string;
    readonly directory: string;
    readonly author: { readonly name: string; readonly email: string } | undefined;
  },
): Promise<string> {
  const { change, parent, directory, author = { name: 'nixfleet', email: 'nixfleet@localhost' } } = input;
  const scratch = await mkdtemp(join(tmpdir(), 'nixfleet-index-'));
  try {
    const env = {
      GIT_INDEX_FILE: join(scratch, 'index'),
      GIT_AUTHOR_NAME: author.name,
      GIT_AUTHOR_EMAIL: author.email,
      GIT_COMMITTER_NAME: author.name,
      GIT_COMMITTER_EMAIL: author.email,
    };
    if (parent !== null) await git.run(['read-tree', parent], { env });
    const at = (path: string) => (directory === '' ? path : `${directory}/${path}`);
    const lines: string[] = [];
    for (const path of change.removed) lines.push(`0 ${'0'.repeat(40)}\t${at(path)}\0`);
    for (const [path, bytes] of change.files) {
      const id = (await git.run(['hash-object', '-w', '--stdin', '--no-filters'], { stdin: bytes })).trim();
      lines.push(`100644 ${id}\t${at(path)}\0`);
    }
    await git.run(['update-index', '-z', '--index-info'], { env, stdin: lines.join('') });
    const tree = (await git.run(['write-tree'], { env })).trim();
    const parents = parent === null ? [] : ['-p', parent];
    return (await git.run(['commit-tree', tree, ...parents, '-F', '-'], { env, stdin: `${input.message}\n` })).trim();
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
