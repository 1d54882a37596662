import {
  accept,
  ComplianceCatalogue,
  catalogueBytesMax,
  documentBytesMax,
  parseMessage,
  type RolloutId,
  RolloutManifest,
  readDocument,
  refuse,
  reportPath,
  rolloutPath,
  type Sha256Hex,
  sha256Hex,
  type Verified,
  type VerifyContext,
} from '@nixfleet/contracts';

/** A file of `releases/`, wherever that is kept; null if it is not there. */
export type ReadFile = (path: string, bytesMax: number) => Promise<Uint8Array | null>;

/** A file that a hash binds. */
export async function readBound(
  ctx: VerifyContext,
  read: ReadFile,
  path: string,
  { bytesMax, sha256 }: { readonly bytesMax: number; readonly sha256: Sha256Hex },
): Promise<Verified<Uint8Array>> {
  const bytes = await read(path, bytesMax);
  if (!bytes) return refuse('missing', `${path} is not there`);
  const hash = await sha256Hex(ctx.crypto, bytes);
  return hash === sha256 ? accept(bytes) : refuse('hash-mismatch', `${path} has hash ${hash}`);
}

/** A manifest by its hash. */
export async function readHistoricManifest(
  ctx: VerifyContext,
  read: ReadFile,
  rolloutId: RolloutId,
): Promise<Verified<RolloutManifest>> {
  const sha256 = rolloutId as string as Sha256Hex;
  const bytes = await readBound(ctx, read, rolloutPath(rolloutId), { bytesMax: documentBytesMax.rollout, sha256 });
  if (!bytes.ok) return bytes;
  const manifest = readDocument(ctx.fleet, { type: 'rollout', schema: RolloutManifest }, bytes.value);
  return manifest.ok ? accept(manifest.value.document) : manifest;
}

/** A catalogue by its hash: no document that anybody signs, but the very file of a closure. */
export async function readCatalogue(
  ctx: VerifyContext,
  read: ReadFile,
  sha256: Sha256Hex,
): Promise<Verified<{ readonly catalogue: ComplianceCatalogue; readonly bytes: number }>> {
  const path = reportPath(sha256);
  const bytes = await readBound(ctx, read, path, { bytesMax: catalogueBytesMax, sha256 });
  if (!bytes.ok) return bytes;
  const parsed = parseMessage(ComplianceCatalogue, bytes.value);
  if (!parsed.ok) return refuse('invalid', `${path} is no catalogue that this version knows: ${parsed.detail}`);
  return accept({ catalogue: parsed.value, bytes: bytes.value.length });
}
