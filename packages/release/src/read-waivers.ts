import type { Commit } from '@nixfleet/contracts';
import { waiversMax } from '@nixfleet/contracts';
import type { Git } from './git.ts';
import { readApproved } from './read-approved.ts';

/** Where a fleet's repository keeps its waivers: `<id>.json`, and `<id>.json.<keyId>.sshsig` beside it. */
export const waiversDirectory = 'compliance/waivers';

/** A waiver as it lies in the repository, with the signatures beside it. Nothing of it is checked yet. */
export interface WaiverFile {
  readonly waiver: string;
  /** keyId to armoured SSHSIG. */
  readonly sshSignatures: Readonly<Record<string, string>>;
}

const waiverBytesMax = 16 * 1024;
const waiverName = /^W-\d{4}-\d{4}\.json$/;

/**
 * The waivers of one commit, sorted by identifier; none where the folder is not there. Throws `ReleaseError` `bad-input` for more, or
 * larger ones, than a register may hold.
 */
export async function readWaivers(git: Git, commit: Commit): Promise<WaiverFile[]> {
  const files = await readApproved(git, commit, {
    ...{ directory: waiversDirectory, name: waiverName, what: 'waivers' },
    ...{ bytesMax: waiverBytesMax, filesMax: waiversMax },
  });
  return files.map(({ text, sshSignatures }) => ({ waiver: text, sshSignatures }));
}
