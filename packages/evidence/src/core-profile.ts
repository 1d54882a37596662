import {
  accept,
  canonicalBytes,
  decodeBase64,
  documentBytesMax,
  documentDepthMax,
  type Json,
  lookup,
  type PublicKey,
  parseJson,
  refuse,
  type VerifyContext,
} from '@nixfleet/contracts';
import { isObject } from './expectation.ts';
import type { EvidenceOutcome } from './outcome.ts';

/** What every implementation's evidence has. `document` is everything received, unknown fields included. */
export interface CoreEvidence {
  readonly hostname: string;
  readonly collectedAt: string;
  readonly document: Json;
}

/** RFC 3339 with any offset and fraction; only shown. */
const anyInstant = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/;

/**
 * Evidence of any producer of the core profile, such as the earlier implementation: raw ed25519 in base64 over the canonical
 * form (RFC 8785) of the document as received, which need not be in that form. It shows who measured, not what was
 * released or that nothing is missing: that takes our own profile.
 */
export async function verifyCoreEvidence(
  { crypto }: Pick<VerifyContext, 'crypto'>,
  {
    bytes,
    sig,
    hostname,
    key,
  }: {
    readonly bytes: Uint8Array;
    readonly sig: string | null;
    readonly hostname: string;
    /** The declared key; null if there is none. */
    readonly key: PublicKey | null;
  },
): Promise<EvidenceOutcome<CoreEvidence>> {
  const bounds = { bytesMax: documentBytesMax.evidence, depthMax: documentDepthMax, numbers: 'finite' } as const;
  const parsed = parseJson(bytes, bounds);
  if (!parsed.ok) return refuse('malformed', `${parsed.reason}: ${parsed.detail}`);
  const document = parsed.value;
  if (!isObject(document)) return refuse('malformed', 'expected an object');
  if (lookup(document, 'schemaVersion') !== 1) return refuse('malformed', 'expected schemaVersion 1');
  const collectedAt = lookup(document, 'collectedAt');
  if (lookup(document, 'hostname') !== hostname) return refuse('malformed', `expected evidence of ${hostname}`);
  if (typeof collectedAt !== 'string' || !anyInstant.test(collectedAt)) {
    return refuse('malformed', 'expected collectedAt, an RFC 3339 instant');
  }
  if (!Array.isArray(lookup(document, 'controls'))) return refuse('malformed', 'expected controls, a list');

  if (sig === null) return refuse('unsigned', 'expected a .sig beside it');
  if (key === null) return refuse('no-declared-key', `no key of ${hostname} is declared`);
  if (key.algorithm !== 'ed25519') return refuse('no-declared-key', 'the core profile knows ed25519 keys only');
  const raw = sig.length > 128 ? null : decodeBase64(sig.trim());
  if (raw?.length !== 64) return refuse('bad-signature', '.sig: expected base64 of 64 bytes');
  if (!(await crypto.verify(key, canonicalBytes(document), raw))) {
    return refuse('bad-signature', '.sig: not of this document by the declared key');
  }
  return accept({ hostname, collectedAt, document });
}
