import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalBytes, type Json, keyIdOf, sshsigCharactersMax } from '@nixfleet/contracts';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import type { Approver } from '@nixfleet/release';
import { CliError } from '../cli-error.ts';

/** What the identifiers of one kind begin with, as in `W-2026-0001`. */
export type IdLetter = 'W' | 'D';

/** `<id>.json` as it lies in a folder, with the signatures of approvers beside it. Nothing of it is checked yet. */
export interface ApprovedFile {
  readonly id: string;
  readonly path: string;
  readonly bytes: Uint8Array;
  /** keyId to armoured SSHSIG. */
  readonly sshSignatures: ReadonlyMap<string, string>;
}

/** By identifier; none where the folder is not there. Throws `CliError` for one that is too large. */
export async function readApprovedFiles(
  folder: string,
  { letter, bytesMax }: { readonly letter: IdLetter; readonly bytesMax: number },
): Promise<readonly ApprovedFile[]> {
  const names = await namesIn(folder);
  const files: ApprovedFile[] = [];
  for (const id of idsAmong(names, letter)) {
    const file = `${id}.json`;
    const path = join(folder, file);
    const bytes = new Uint8Array(await readFile(path));
    if (bytes.length > bytesMax)
      throw new CliError('failed', `${path}: too large`, `expected at most ${bytesMax} bytes`);
    const sshSignatures = new Map<string, string>();
    for (const name of names.filter((other) => other.startsWith(file))) {
      const keyId = /^\.([0-9a-f]{64})\.sshsig$/.exec(name.slice(file.length))?.[1];
      if (keyId === undefined) continue;
      const armored = await readFile(join(folder, name), 'utf8');
      if (armored.length <= sshsigCharactersMax) sshSignatures.set(keyId, armored);
    }
    files.push({ id, path, bytes, sshSignatures });
  }
  return files;
}

/** One more than the highest number that a file of this year has. */
export async function nextId(folder: string, letter: IdLetter, year: string): Promise<string> {
  const prefix = `${letter}-${year}-`;
  const taken = idsAmong(await namesIn(folder), letter).filter((id) => id.startsWith(prefix));
  const number = Math.max(0, ...taken.map((id) => Number(id.slice(prefix.length)))) + 1;
  return `${prefix}${String(number).padStart(4, '0')}`;
}

/** Never over one that is there. */
export async function writeApprovedFile(
  folder: string,
  document: { readonly id: string },
): Promise<Pick<ApprovedFile, 'path' | 'bytes'>> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, `${document.id}.json`);
  const bytes = canonicalBytes(document as unknown as Json);
  await writeFile(path, bytes, { flag: 'wx' });
  return { path, bytes };
}

/** The paths of the signatures. */
export async function writeApprovals(
  { path, bytes }: Pick<ApprovedFile, 'path' | 'bytes'>,
  approvers: readonly Approver[],
  namespace: string,
): Promise<readonly string[]> {
  const signatures = new Map<string, string>();
  for (const approver of approvers) {
    signatures.set(await keyIdOf(nodeCrypto, approver.publicKey), await approver.approve(bytes, namespace));
  }
  return writeSignatures(path, signatures);
}

/** Beside a document, by keyId. The paths. */
export async function writeSignatures(
  path: string,
  sshSignatures: ReadonlyMap<string, string>,
): Promise<readonly string[]> {
  const written: string[] = [];
  for (const [keyId, armored] of sshSignatures) {
    const signature = signaturePath(path, keyId);
    await writeFile(signature, armored);
    written.push(signature);
  }
  return written;
}

/** Where the signature of a document lies. */
export function signaturePath(path: string, keyId: string): string {
  return `${path}.${keyId}.sshsig`;
}

function idsAmong(names: readonly string[], letter: IdLetter): readonly string[] {
  const isOne = new RegExp(`^${letter}-\\d{4}-\\d{4}\\.json$`);
  return names.filter((name) => isOne.test(name)).map((name) => name.slice(0, -'.json'.length));
}

async function namesIn(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw new CliError('failed', `${folder}: cannot be read`, 'check its permissions', { cause: error });
  });
  return names.sort();
}
