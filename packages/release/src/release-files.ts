import {
  accept,
  documentBytesMax,
  entriesOf,
  fleetPath,
  ReleaseDocument,
  readDocument,
  refuse,
  releasePath,
  reportPath,
  rolloutPath,
  type Sha256Hex,
  sha256Hex,
  type VerifyContext,
} from '@nixfleet/contracts';
import type { ReleaseOutcome } from './release-refusal.ts';
import { type ReleaseTree, readSigned } from './release-tree.ts';
import { signedFiles } from './sign-document.ts';

export interface ReleaseFiles {
  readonly document: ReleaseDocument;
  readonly bytes: Uint8Array;
  /** The release, its signatures and what it names, by path in `releases/`. Nothing else of the folder. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/**
 * Takes one release out of a folder that others could write to: `pending/`, or what `release assemble` left and a CI
 * system carried elsewhere. Only files that the release binds are taken, and each must have the hash that names it, so
 * that whoever signs or publishes `sha256` never lends a key or a name to anything else. Files that are bound and not
 * there are published already, or missed when the whole is verified.
 */
export async function readReleaseFiles(
  ctx: VerifyContext,
  tree: ReleaseTree,
  sha256: Sha256Hex,
): Promise<ReleaseOutcome<ReleaseFiles>> {
  const path = releasePath(sha256);
  const signed = await readSigned(tree, path, documentBytesMax.release);
  if (!signed) return refuse('missing', `${path} is not there`);
  const hash = await sha256Hex(ctx.crypto, signed.bytes);
  if (hash !== sha256) return refuse('hash-mismatch', `${path} has hash ${hash}`);
  const read = readDocument(ctx.fleet, { type: 'release', schema: ReleaseDocument }, signed.bytes);
  if (!read.ok) return read;
  const { document } = read.value;
  const files = signedFiles(path, signed);
  for (const [bound, { bytesMax, expected }] of boundFiles(document)) {
    const bytes = await tree.read(bound, bytesMax);
    if (!bytes) continue;
    const found = await sha256Hex(ctx.crypto, bytes);
    if (found !== expected) return refuse('hash-mismatch', `${bound} has hash ${found}`);
    files.set(bound, bytes);
  }
  return accept({ document, bytes: signed.bytes, files });
}

/** Most bytes of a report, which is no document of ours. */
const reportBytesMax = documentBytesMax.rollout;

function boundFiles({ resolvedFleet, staticReport, channels }: ReleaseDocument) {
  const bound = new Map<string, { readonly bytesMax: number; readonly expected: string }>();
  bound.set(fleetPath(resolvedFleet.sha256), { bytesMax: documentBytesMax.fleet, expected: resolvedFleet.sha256 });
  if (staticReport) {
    bound.set(reportPath(staticReport.sha256), { bytesMax: reportBytesMax, expected: staticReport.sha256 });
  }
  for (const [, { rolloutId, mayFinish }] of entriesOf(channels)) {
    for (const id of [rolloutId, ...mayFinish]) {
      bound.set(rolloutPath(id), { bytesMax: documentBytesMax.rollout, expected: id });
    }
  }
  return bound;
}
