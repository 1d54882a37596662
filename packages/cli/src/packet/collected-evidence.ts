import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { documentBytesMax, EvidenceDocument, type Instant, parseMessage } from '@nixfleet/contracts';
import type { SignedEvidence } from '@nixfleet/evidence';
import type { z } from 'zod';
import { CliError } from '../cli-error.ts';
import { archiveSuffix, collectionName, collectionsMax, readEvidenceArchive } from './evidence-archive.ts';
import { filesOf } from './open-packet.ts';

/** Most bytes of one archive of collections, unpacked: it is held while its collections are put in order. */
const unpackedBytesMax = 512 * 1024 * 1024;

/** What is needed to sort a collection. The rest of it is for verifying to read. */
const Place = EvidenceDocument.pick({
  hostname: true,
  chain: true,
  sequence: true,
  collectedAt: true,
  release: true,
  catalogue: true,
});
type Place = z.infer<typeof Place>;

/** One collection of a host, still on disk. */
export interface CollectedFile {
  readonly name: string;
  /** The file itself, or the archive that it is in. */
  readonly path: string;
  /** Its name in the archive; null for a file by itself. */
  readonly entry: string | null;
  readonly document: Place;
}

/**
 * The collections of one host within a period, by chain and number: `<directory>/<host>/**` with `<file>.json`, and `.sig` and
 * `.sshsig` beside each, or `<file>.tar.zst` of such files. Files that are no evidence of the host are passed over and told:
 * nothing is trusted here, and whether what is taken holds is for verifying to say.
 */
export async function collectedEvidence(
  directory: string,
  { host, from, to }: { readonly host: string; readonly from: Instant; readonly to: Instant },
  skipped: (path: string, why: string) => void,
): Promise<readonly CollectedFile[]> {
  const folder = join(directory, host);
  const found: CollectedFile[] = [];
  const take = (path: string, entry: string | null, bytes: Uint8Array | null): void => {
    const read = bytes && parseMessage(Place, bytes);
    if (!read?.ok || read.value.hostname !== host) {
      skipped(entry === null ? path : `${path}: ${entry}`, `is no evidence of ${host}`);
    } else if (from <= read.value.collectedAt && read.value.collectedAt < to) {
      found.push({ name: collectionName(read.value), path, entry, document: read.value });
    }
  };
  for (const file of (await isFolder(folder)) ? await filesOf(folder) : []) {
    const path = join(folder, file);
    if (file.endsWith('.json')) take(path, null, await smallFile(path));
    else if (file.endsWith(archiveSuffix)) {
      for await (const { name, bytes } of entriesOf(path)) take(path, name, bytes);
    }
  }
  if (found.length > collectionsMax) {
    throw new CliError(
      'failed',
      `${folder}: more than ${collectionsMax} collections`,
      'make packets of shorter periods',
    );
  }
  return inOrder(found);
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

async function* entriesOf(path: string): AsyncGenerator<SignedEvidence & { readonly name: string }> {
  let unpacked = 0;
  for await (const entry of readEvidenceArchive(createReadStream(path), path)) {
    unpacked += entry.bytes.length;
    if (unpacked > unpackedBytesMax) {
      throw new CliError('failed', `${path}: more than ${unpackedBytesMax} bytes unpacked`, 'make an archive a day');
    }
    yield entry;
  }
}

/** Chains by when they began, each by its numbers. */
export function inOrder<File extends Pick<CollectedFile, 'document'>>(files: readonly File[]): readonly File[] {
  const began = new Map<string, string>();
  for (const { document } of files) {
    const before = began.get(document.chain);
    if (before === undefined || document.collectedAt < before) began.set(document.chain, document.collectedAt);
  }
  const key = ({ document }: File) => [began.get(document.chain) ?? '', document.chain, document.sequence] as const;
  return [...files].sort((left, right) => {
    const [one, two] = [key(left), key(right)];
    if (one[0] !== two[0]) return one[0] < two[0] ? -1 : 1;
    if (one[1] !== two[1]) return one[1] < two[1] ? -1 : 1;
    return one[2] - two[2];
  });
}

async function smallFile(path: string): Promise<Uint8Array | null> {
  const { size } = await stat(path);
  return size > documentBytesMax.evidence ? null : new Uint8Array(await readFile(path));
}

/** The bytes as they are, with the signatures beside them where there are any. One archive is held at a time, mostly. */
export async function* signedFiles(
  files: readonly CollectedFile[],
): AsyncGenerator<SignedEvidence & { readonly name: string }> {
  const beside = (path: string) => readFile(path, 'utf8').catch(() => null);
  const left = new Map<string, number>();
  for (const { path } of files) left.set(path, (left.get(path) ?? 0) + 1);
  const held = new Map<string, Map<string, SignedEvidence>>();
  for (const { name, path, entry } of files) {
    if (entry === null) {
      const bytes = new Uint8Array(await readFile(path));
      yield { name, bytes, sig: await beside(`${path}.sig`), sshsig: await beside(`${path}.sshsig`) };
      continue;
    }
    const archive = held.get(path) ?? (await unpacked(path));
    held.set(path, archive);
    const found = archive.get(entry);
    if (found === undefined) throw new CliError('failed', `${path}: changed while it was read`, 'try again');
    yield { ...found, name };
    const more = (left.get(path) ?? 1) - 1;
    left.set(path, more);
    if (more === 0) held.delete(path);
  }
}

async function unpacked(path: string): Promise<Map<string, SignedEvidence>> {
  const entries = new Map<string, SignedEvidence>();
  for await (const entry of entriesOf(path)) entries.set(entry.name, entry);
  return entries;
}
