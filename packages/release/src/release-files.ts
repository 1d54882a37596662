import {
  accept,
  catalogueBytesMax,
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
  StaticReport,
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
  const take = async (bound: ReturnType<typeof boundFiles>): Promise<ReleaseOutcome<null>> => {
    for (const [at, { bytesMax, expected }] of bound) {
      const bytes = await tree.read(at, bytesMax);
      if (!bytes) continue;
      const found = await sha256Hex(ctx.crypto, bytes);
      if (found !== expected) return refuse('hash-mismatch', `${at} has hash ${found}`);
      files.set(at, bytes);
    }
    return accept(null);
  };
  const own = await take(boundFiles(document));
  if (!own.ok) return own;
  const report = document.staticReport && files.get(reportPath(document.staticReport.sha256));
  if (report) {
    const parsed = readDocument(ctx.fleet, { type: 'static-report', schema: StaticReport }, report);
    if (!parsed.ok) return parsed;
    const catalogues = await take(catalogueFiles(parsed.value.document));
    if (!catalogues.ok) return catalogues;
  }
  return accept({ document, bytes: signed.bytes, files });
}

/** The catalogues that a static report names: bound by the release through it. */
function catalogueFiles({ hosts }: StaticReport): ReturnType<typeof boundFiles> {
  const bound: ReturnType<typeof boundFiles> = new Map();
  for (const [, { catalogue }] of entriesOf(hosts)) {
    if (catalogue === null) continue;
    bound.set(reportPath(catalogue.sha256), { bytesMax: catalogueBytesMax, expected: catalogue.sha256 });
  }
  return bound;
}

function boundFiles({ resolvedFleet, staticReport, waiverRegister, channels }: ReleaseDocument) {
  const bound = new Map<string, { readonly bytesMax: number; readonly expected: string }>();
  bound.set(fleetPath(resolvedFleet.sha256), { bytesMax: documentBytesMax.fleet, expected: resolvedFleet.sha256 });
  if (staticReport) {
    const bytesMax = documentBytesMax['static-report'];
    bound.set(reportPath(staticReport.sha256), { bytesMax, expected: staticReport.sha256 });
  }
  if (waiverRegister) {
    const bytesMax = documentBytesMax['waiver-register'];
    bound.set(reportPath(waiverRegister.sha256), { bytesMax, expected: waiverRegister.sha256 });
  }
  for (const [, { rolloutId, mayFinish }] of entriesOf(channels)) {
    for (const id of [rolloutId, ...mayFinish]) {
      bound.set(rolloutPath(id), { bytesMax: documentBytesMax.rollout, expected: id });
    }
  }
  return bound;
}
