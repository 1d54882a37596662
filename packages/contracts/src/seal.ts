import type { z } from 'zod';
import type { Crypto, Signer } from './crypto.ts';
import { DrillRecord } from './drill-record.ts';
import { ContractsError } from './errors.ts';
import { EvidenceDocument } from './evidence.ts';
import { FleetDocument } from './fleet.ts';
import { HeadDocument } from './head.ts';
import { HoldDocument } from './hold.ts';
import { canonicalBytes, type Json } from './json.ts';
import type { Sha256Hex } from './names.ts';
import { parseDocument } from './parse-document.ts';
import { keyIdOf } from './public-key.ts';
import { ReleaseDocument } from './release.ts';
import { ResumeDocument } from './resume.ts';
import { RolloutManifest } from './rollout-manifest.ts';
import { StaticReport } from './static-report.ts';
import { TrustDocument } from './trust.ts';
import { WaiverDocument, WaiverRegister } from './waiver.ts';

/** Any document of `releases/`, and those about compliance. */
export type SealableDocument =
  | TrustDocument
  | HeadDocument
  | ReleaseDocument
  | FleetDocument
  | RolloutManifest
  | HoldDocument
  | ResumeDocument
  | StaticReport
  | WaiverDocument
  | WaiverRegister
  | EvidenceDocument
  | DrillRecord;

const schemas: { readonly [Type in SealableDocument['type']]: z.ZodType<SealableDocument> } = {
  trust: TrustDocument,
  head: HeadDocument,
  release: ReleaseDocument,
  fleet: FleetDocument,
  rollout: RolloutManifest,
  hold: HoldDocument,
  resume: ResumeDocument,
  'static-report': StaticReport,
  waiver: WaiverDocument,
  'waiver-register': WaiverRegister,
  evidence: EvidenceDocument,
  drill: DrillRecord,
};

export interface SealedDocument {
  /** Canonical: what is hashed, signed and published. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly sha256: Sha256Hex;
}

/**
 * A document as bytes, checked as its readers will: size, form, envelope and shape. Unknown fields are kept.
 * Throws `ContractsError`: `invalid-document` with every bad field, `not-canonicalizable` for a value that is not JSON.
 */
export async function sealDocument(crypto: Crypto, document: SealableDocument): Promise<SealedDocument> {
  const bytes = canonicalBytes(document as unknown as Json);
  const kind = { type: document.type, schema: schemas[document.type] };
  const parsed = await parseDocument({ crypto, fleet: document.fleet }, kind, bytes);
  if (!parsed.ok) throw new ContractsError('invalid-document', `cannot seal: ${parsed.detail}`);
  return { bytes, sha256: parsed.value.sha256 };
}

/** Raw signatures over `bytes`, by keyId: the machine half of a `SignedBytes`. */
export async function signBytes(
  crypto: Crypto,
  bytes: Uint8Array,
  signers: readonly Signer[],
): Promise<Map<string, Uint8Array>> {
  const signatures = new Map<string, Uint8Array>();
  for (const signer of signers) {
    signatures.set(await keyIdOf(crypto, signer.publicKey), await signer.sign(bytes));
  }
  return signatures;
}
