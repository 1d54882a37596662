import { join } from 'node:path';
import { documentBytesMax, WaiverDocument } from '@nixfleet/contracts';
import { CliError } from '../cli-error.ts';
import { type ApprovedFile, readApprovedFiles } from './approved-files.ts';

/** The folder of a fleet's repository that holds its waivers. */
export function waiversFolder(repository: string): string {
  return join(repository, 'compliance', 'waivers');
}

export function readWaiverFiles(repository: string): Promise<readonly ApprovedFile[]> {
  return readApprovedFiles(waiversFolder(repository), { letter: 'W', bytesMax: documentBytesMax.waiver });
}

/** The document of a file, for people; whether it counts is for `verifyWaiver` to say. */
export function parseWaiver({ path, bytes }: ApprovedFile): WaiverDocument {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    throw new CliError('failed', `${path}: not JSON`, 'write it with nixfleet compliance waiver new');
  }
  const parsed = WaiverDocument.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new CliError('failed', `${path}: ${issue?.path.join('.')}: ${issue?.message}`, 'correct the file');
}
