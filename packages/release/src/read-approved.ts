import type { Commit } from '@nixfleet/contracts';
import { sshsigCharactersMax } from '@nixfleet/contracts';
import { ReleaseError } from './errors.ts';
import type { Git } from './git.ts';

/** A document as it lies in a repository, with the signatures of approvers beside it. Nothing of it is checked yet. */
export interface ApprovedFile {
  readonly path: string;
  readonly text: string;
  /** keyId to armoured SSHSIG. */
  readonly sshSignatures: Readonly<Record<string, string>>;
}

/** Most signatures of one document that are read. */
const signaturesMax = 16;

/**
 * The documents of a folder at one commit, sorted by name; none where the folder is not there. Read from the commit and not from
 * the work tree: what is released is what is in git. Throws `ReleaseError` `bad-input` for more, or larger ones, than the bounds.
 */
export async function readApproved(
  git: Git,
  commit: Commit,
  {
    directory,
    name: pattern,
    what,
    bytesMax,
    filesMax,
  }: {
    readonly directory: string;
    readonly name: RegExp;
    readonly what: string;
    readonly bytesMax: number;
    readonly filesMax: number;
  },
): Promise<ApprovedFile[]> {
  const listed = await git.try(['ls-tree', '--name-only', '-z', `${commit}:${directory}`]);
  if (!listed.ok) return [];
  const names = listed.stdout.split('\0').filter((name) => name !== '');
  const files = names.filter((name) => pattern.test(name)).sort();
  if (files.length > filesMax) {
    throw new ReleaseError('bad-input', `${directory}: expected at most ${filesMax} ${what}`);
  }
  const read = async (name: string, most: number): Promise<string> => {
    const path = `${directory}/${name}`;
    const bytes = await git.bytes(['cat-file', 'blob', `${commit}:${path}`], { stdoutBytesMax: most + 1 });
    if (bytes.length > most) throw new ReleaseError('bad-input', `${path}: expected at most ${most} bytes`);
    return new TextDecoder().decode(bytes);
  };
  const found: ApprovedFile[] = [];
  for (const name of files) {
    const sshSignatures: Record<string, string> = {};
    const beside = names.filter((other) => other.startsWith(`${name}.`)).sort();
    for (const other of beside.slice(0, signaturesMax)) {
      const keyId = /^\.([0-9a-f]{64})\.sshsig$/.exec(other.slice(name.length))?.[1];
      if (keyId !== undefined) sshSignatures[keyId] = await read(other, sshsigCharactersMax);
    }
    found.push({ path: `${directory}/${name}`, text: await read(name, bytesMax), sshSignatures });
  }
  return found;
}
