import type { EvidenceDocument } from '@nixfleet/contracts';
import type { EvidencePaths } from './kept-evidence.ts';

/** Where a collector keeps every document, the newest included, inside its directory. */
export const archiveDirectory = 'archive';

const pattern = /^(\d{8}T\d{6}Z)-([0-9a-f]{8})-(\d{10})\.json$/;
const chainDigits = 8;

/** Sorts by time. Its signatures lie beside it, `.sig` and `.sshsig`. */
export function archiveName({
  collectedAt,
  chain,
  sequence,
}: Pick<EvidenceDocument, 'collectedAt' | 'chain' | 'sequence'>): string {
  return `${timeOf(collectedAt)}-${chain.slice(0, chainDigits)}-${String(sequence).padStart(10, '0')}.json`;
}

/** Where a document of the archive lies, whose path is `at`. */
export function archivedAt(at: string): EvidencePaths {
  return { evidence: at, sig: `${at}.sig`, sshsig: `${at}.sshsig` };
}

/** Null for a name of something else. */
export function parseArchiveName(
  name: string,
): { readonly time: string; readonly sequence: number; isOf(chain: string): boolean } | null {
  const [, time, chain, sequence] = pattern.exec(name) ?? [];
  if (time === undefined || chain === undefined || sequence === undefined) return null;
  return { time, sequence: Number(sequence), isOf: (other) => other.slice(0, chainDigits) === chain };
}

/** Names of one chain in its own order, which is not that of time where a clock was put back. */
export function namesOfChain(
  names: readonly string[],
  chain: string,
): readonly { readonly name: string; readonly sequence: number }[] {
  return names
    .flatMap((name) => {
      const place = parseArchiveName(name);
      return place?.isOf(chain) ? [{ name, sequence: place.sequence }] : [];
    })
    .sort((left, right) => left.sequence - right.sequence);
}

/** `2026-06-01T08:00:00Z` → `20260601T080000Z`. */
export function timeOf(instant: string): string {
  return instant.replaceAll(/[-:]/g, '');
}
