import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalBytes, type Json, sshsigCharactersMax, WaiverDocument, WaiverId } from '@nixfleet/contracts';
import { CliError } from '../cli-error.ts';

/** The folder of a fleet's repository that holds its waivers. */
export function waiversFolder(repository: string): string {
  return join(repository, 'compliance', 'waivers');
}

/** A waiver with the signatures beside it, as they lie in a work tree. */
export interface WaiverInTree {
  readonly id: string;
  readonly path: string;
  readonly bytes: Uint8Array;
  /** keyId to armoured SSHSIG. */
  readonly sshSignatures: ReadonlyMap<string, string>;
}

const waiverBytesMax = 16 * 1024;

export async function readWaiverFiles(repository: string): Promise<readonly WaiverInTree[]> {
  const folder = waiversFolder(repository);
  const names = (await readdir(folder).catch(() => [])).sort();
  const waivers: WaiverInTree[] = [];
  for (const name of names) {
    const id = /^(W-\d{4}-\d{4})\.json$/.exec(name)?.[1];
    if (id === undefined) continue;
    const path = join(folder, name);
    const bytes = new Uint8Array(await readFile(path));
    if (bytes.length > waiverBytesMax) throw new CliError('failed', `${path}: too large`, 'this is no waiver');
    const sshSignatures = new Map<string, string>();
    for (const other of names) {
      const keyId = other.startsWith(`${name}.`) ? /\.([0-9a-f]{64})\.sshsig$/.exec(other)?.[1] : undefined;
      if (keyId === undefined) continue;
      const armored = await readFile(join(folder, other), 'utf8');
      if (armored.length <= sshsigCharactersMax) sshSignatures.set(keyId, armored);
    }
    waivers.push({ id, path, bytes, sshSignatures });
  }
  return waivers;
}

/** The document of a file, for people; whether it counts is for `verifyWaiver` to say. */
export function parseWaiver({ path, bytes }: WaiverInTree): WaiverDocument {
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

/** The first number of this year that is not taken. */
export function nextWaiverId(taken: readonly string[], year: string): WaiverId {
  const numbers = taken.filter((id) => id.startsWith(`W-${year}-`)).map((id) => Number(id.slice(7)));
  return WaiverId.parse(`W-${year}-${String(Math.max(0, ...numbers) + 1).padStart(4, '0')}`);
}

export async function writeWaiver(repository: string, document: WaiverDocument): Promise<string> {
  const folder = waiversFolder(repository);
  await mkdir(folder, { recursive: true });
  const path = join(folder, `${document.id}.json`);
  await writeFile(path, canonicalBytes(document as unknown as Json), { flag: 'wx' });
  return path;
}
