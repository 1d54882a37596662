import { type Commit, type Crypto, checkSshsig, entriesOf, publicKeyOf, type TrustState } from '@nixfleet/contracts';
import type { Git } from './git.ts';

/** Commits of one change that are looked at, at most. */
const commitsMax = 256;
const commitBytesMax = 1024 * 1024;
/** As git signs with `gpg.format = ssh`. */
const gitNamespace = 'git';

/** Who made a change and who took it in, by names of trust. */
export interface SignedReview {
  readonly author: string;
  readonly approvals: readonly string[];
}

/**
 * What git's own signatures show of a review, without a forge: the commit is a merge that one of trust's approvers signed,
 * whose content is what git makes of its two sides, and every commit of the side that was taken in is signed by somebody of
 * trust, none of them that approver. Null for all else: a name in a commit is what its writer put there.
 */
export async function signedReview(
  git: Git,
  { commit, trust, crypto }: { readonly commit: Commit; readonly trust: TrustState; readonly crypto: Crypto },
): Promise<SignedReview | null> {
  const merge = await readCommit(git, commit);
  const [before, taken] = merge.parents;
  if (merge.parents.length !== 2 || before === undefined || taken === undefined) return null;
  const { roles, signers } = trust.document;
  const approver = await signerOf(merge, roles.approver.signers, { trust, crypto });
  if (approver === null) return null;
  const made = await git.try(['merge-tree', '--write-tree', before, taken]);
  if (!made.ok || made.stdout.trim() !== merge.tree) return null;
  const listed = await git.run(['rev-list', `--max-count=${commitsMax + 1}`, taken, `^${before}`]);
  const commits = listed.split('\n').filter((line) => line !== '');
  if (commits.length === 0 || commits.length > commitsMax) return null;
  const everybody = entriesOf(signers).map(([name]) => name);
  const authors = new Set<string>();
  for (const one of commits) {
    const author = await signerOf(await readCommit(git, one), everybody, { trust, crypto });
    if (author === null || author === approver) return null;
    authors.add(author);
  }
  return { author: [...authors].sort().join(', ').slice(0, 256), approvals: [approver] };
}

interface SignedCommit {
  readonly tree: string;
  readonly parents: readonly string[];
  /** Everything but the signature, as it was signed. */
  readonly payload: Uint8Array;
  readonly signature: string | null;
}

/** A commit object of git: header lines, of which those that begin with a blank go on the one before, and the message. */
async function readCommit(git: Git, commit: string): Promise<SignedCommit> {
  const bytes = await git.bytes(['cat-file', 'commit', commit], { stdoutBytesMax: commitBytesMax });
  // Byte for byte: messages need not be UTF-8.
  const text = Buffer.from(bytes).toString('latin1');
  const end = text.indexOf('\n\n');
  const fields = text.slice(0, end).split(/\n(?! )/);
  const valuesOf = (name: string): string[] =>
    fields.filter((field) => field.startsWith(`${name} `)).map((field) => field.slice(name.length + 1));
  const signatures = valuesOf('gpgsig');
  const payload = fields.filter((field) => !field.startsWith('gpgsig ')).join('\n') + text.slice(end);
  return {
    tree: valuesOf('tree')[0] ?? '',
    parents: valuesOf('parent'),
    payload: Buffer.from(payload, 'latin1'),
    signature: signatures.length === 1 ? (signatures[0] ?? '').replaceAll('\n ', '\n') : null,
  };
}

async function signerOf(
  { payload, signature }: SignedCommit,
  names: readonly string[],
  { trust, crypto }: { readonly trust: TrustState; readonly crypto: Crypto },
): Promise<string | null> {
  if (signature === null) return null;
  for (const [name, { keys }] of entriesOf(trust.document.signers)) {
    if (!names.includes(name)) continue;
    for (const declared of keys) {
      const key = publicKeyOf(declared);
      if (key === null) continue;
      const checked = await checkSshsig(crypto, {
        armored: `${signature}\n`,
        message: payload,
        namespace: gitNamespace,
        key,
      });
      if (checked.ok) return name;
    }
  }
  return null;
}
