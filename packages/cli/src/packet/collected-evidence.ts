import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { documentBytesMax, EvidenceDocument, type Instant } from '@nixfleet/contracts';
import type { SignedEvidence } from '@nixfleet/evidence';
import { CliError } from '../cli-error.ts';
import { collectionName, collectionsMax } from './evidence-archive.ts';
import { filesOf } from './open-packet.ts';

/** One collection of a host, still on disk: what is needed to sort it. */
export interface CollectedFile {
  readonly name: string;
  readonly path: string;
  readonly document: Pick<EvidenceDocument, 'chain' | 'sequence' | 'collectedAt' | 'release'>;
}

/**
 * The collections of one host within a period, by chain and number: `<directory>/<host>/**` with `<file>.json`, and `.sig` and
 * `.sshsig` beside each. Files that are no evidence of the host are passed over and told: nothing is trusted here, and
 * whether what is taken holds is for verifying to say.
 */
export async function collectedEvidence(
  directory: string,
  { host, from, to }: { readonly host: string; readonly from: Instant; readonly to: Instant },
  skipped: (path: string, why: string) => void,
): Promise<readonly CollectedFile[]> {
  const folder = join(directory, host);
  const isThere = await stat(folder).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!isThere) return [];
  const found: CollectedFile[] = [];
  for (const file of await filesOf(folder)) {
    if (!file.endsWith('.json')) continue;
    const path = join(folder, file);
    const document = await readEvidence(path);
    if (document === null || document.hostname !== host) skipped(path, `is no evidence of ${host}`);
    else if (from <= document.collectedAt && document.collectedAt < to) {
      found.push({ name: collectionName(document), path, document });
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

async function readEvidence(path: string): Promise<EvidenceDocument | null> {
  const { size } = await stat(path);
  if (size > documentBytesMax.evidence) return null;
  try {
    const parsed = EvidenceDocument.safeParse(JSON.parse(await readFile(path, 'utf8')));
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}

/** The bytes as they are, with the signatures beside them where there are any. */
export async function* signedFiles(
  files: readonly CollectedFile[],
): AsyncGenerator<SignedEvidence & { readonly name: string }> {
  const beside = (path: string) => readFile(path, 'utf8').catch(() => null);
  for (const { name, path } of files) {
    const bytes = new Uint8Array(await readFile(path));
    yield { name, bytes, sig: await beside(`${path}.sig`), sshsig: await beside(`${path}.sshsig`) };
  }
}
