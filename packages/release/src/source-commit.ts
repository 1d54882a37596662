import { accept, Commit, refuse, type Source } from '@nixfleet/contracts';
import { ReleaseError } from './errors.ts';
import type { Git } from './git.ts';
import type { ReleaseOutcome } from './release-refusal.ts';
import { withoutCredentials } from './without-credentials.ts';

/**
 * Which commit the work tree of `git` is. `dirty-source` with uncommitted or untracked files, since what is built would
 * then not be what the release names. `repository`: how people call it; default the URL of `origin`, or the folder's name.
 */
export async function readSource(
  git: Git,
  { repository, acceptDirty = false }: { readonly repository?: string; readonly acceptDirty?: boolean } = {},
): Promise<ReleaseOutcome<Source>> {
  const status = await git.run(['status', '--porcelain']);
  if (status !== '' && !acceptDirty) {
    const paths = status
      .split('\n')
      .slice(0, 5)
      .map((line) => line.slice(3))
      .filter((path) => path !== '');
    return refuse(
      'dirty-source',
      `not committed: ${paths.join(', ')}; a release names the commit that it was built from`,
    );
  }
  const commit = Commit.safeParse((await git.run(['rev-parse', '--verify', 'HEAD^{commit}'])).trim());
  if (!commit.success) throw new ReleaseError('git', 'git rev-parse HEAD printed no commit');
  return accept({ repository: repository ?? (await repositoryName(git)), commit: commit.data });
}

async function repositoryName(git: Git): Promise<string> {
  const remote = await git.try(['remote', 'get-url', 'origin']);
  if (remote.ok && remote.stdout.trim() !== '') return withoutCredentials(remote.stdout.trim()).slice(0, 512);
  const top = (await git.run(['rev-parse', '--show-toplevel'])).trim();
  return top.split('/').at(-1) || 'repository';
}

/**
 * Whether `commit` is `released` or descends from it: an older commit released again is a rollback of everything that
 * was fixed since. A commit that the repository does not know (a shallow clone) cannot be shown to descend.
 */
export async function checkDescent(
  git: Git,
  { released, commit }: { readonly released: Commit; readonly commit: Commit },
): Promise<ReleaseOutcome<null>> {
  if (released === commit) return accept(null);
  const hint = 'release a descendant, or allow the rollback explicitly';
  const known = await git.try(['cat-file', '-e', `${released}^{commit}`]);
  if (!known.ok) {
    return refuse('not-a-descendant', `the last released commit ${released} is not in this clone (shallow?): ${hint}`);
  }
  const answer = await git.try(['merge-base', '--is-ancestor', released, commit]);
  if (answer.ok) return accept(null);
  if (answer.exitCode !== 1) throw new ReleaseError('git', answer.detail);
  return refuse('not-a-descendant', `${commit} does not descend from the last released ${released}: ${hint}`);
}
