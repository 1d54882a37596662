import type { Commit } from '@nixfleet/contracts';
import { sshsigCharactersMax, waiversMax } from '@nixfleet/contracts';
import { ReleaseError } from './errors.ts';
import type { Git } from './git.ts';

/** Where a fleet's repository keeps its waivers: `<id>.json`, and `<id>.json.<keyId>.sshsig` beside it. */
export const waiversDirectory = 'compliance/waivers';

/** A waiver as it lies in the repository, with the signatures beside it. Nothing of it is checked yet. */
export interface WaiverFile {
  readonly waiver: string;
  /** keyId to armoured SSHSIG. */
  readonly sshSignatures: Readonly<Record<string, string>>;
}

const waiverBytesMax = 16 * 1024;
/** Most signatures of one waiver that are read. */
const signaturesMax = 16;
const waiverName = /^W-\d{4}-\d{4}\.json$/;

/**
 * The waivers of one commit, sorted by identifier; none where the folder is not there. Read from the commit and not from
 * the work tree: what is released is what is in git. Throws `ReleaseError` `bad-input` for more, or larger ones, than a
 * register may hold.
 */
export async function readWaivers(git: Git, commit: Commit): Promise<WaiverFile[]> {
  const listed = await git.try(['ls-tree', '--name-only', '-z', `${commit}:${waiversDirectory}`]);
  if (!listed.ok) return [];
  const names = listed.stdout.split('\0').filter((name) => name !== '');
  const files = names.filter((name) => waiverName.test(name)).sort();
  if (files.length > waiversMax) {
    throw new ReleaseError('bad-input', `${waiversDirectory}: expected at most ${waiversMax} waivers`);
  }
  const waivers: WaiverFile[] = [];
  for (const name of files) {
    const signatures: Record<string, string> = {};
    const beside = names.filter((other) => other.startsWith(`${name}.`)).sort();
    for (const other of beside.slice(0, signaturesMax)) {
      const keyId = /^\.([0-9a-f]{64})\.sshsig$/.exec(other.slice(name.length))?.[1];
      if (keyId === undefined) continue;
      signatures[keyId] = await read(git, commit, other, sshsigCharactersMax);
    }
    waivers.push({ waiver: await read(git, commit, name, waiverBytesMax), sshSignatures: signatures });
  }
  return waivers;
}

async function read(git: Git, commit: Commit, name: string, bytesMax: number): Promise<string> {
  const path = `${waiversDirectory}/${name}`;
  const bytes = await git.bytes(['cat-file', 'blob', `${commit}:${path}`], { stdoutBytesMax: bytesMax + 1 });
  if (bytes.length > bytesMax) throw new ReleaseError('bad-input', `${path}: expected at most ${bytesMax} bytes`);
  return new TextDecoder().decode(bytes);
}
