import {
  accept,
  addSeconds,
  checkSshsig,
  clockSkewSecondsMax,
  decodeBase64,
  type EvidenceDocument,
  evidenceNamespace,
  type HostName,
  type Instant,
  type PublicKey,
  readDocument,
  refuse,
  type Sha256Hex,
  sha256Hex,
  type VerifyContext,
} from '@nixfleet/contracts';
import { EvidenceReader } from './evidence-reader.ts';
import type { EvidenceOutcome } from './outcome.ts';

/** Evidence as received, with what lies beside it: every byte may be an attacker's. */
export interface SignedEvidence {
  readonly bytes: Uint8Array;
  /** Content of `.sig`; null if it is not there. */
  readonly sig: string | null;
  /** Content of `.sshsig`; null if it is not there. */
  readonly sshsig: string | null;
}

/** A key that signed releases declare for a host, and for how long: half open. */
export interface KeyOfRecord {
  readonly key: PublicKey;
  readonly from: Instant;
  /** Null: still. */
  readonly until: Instant | null;
}

export interface VerifiedEvidence {
  readonly document: EvidenceDocument;
  readonly bytes: Uint8Array;
  readonly sha256: Sha256Hex;
  readonly key: PublicKey;
}

/** Longest content of a `.sig`, in characters. */
const sigCharactersMax = 128;

/**
 * One document by itself. Order, and what each check stops:
 * 1. size, canonical form, type, fleet, schema version, requirements, shape, host, and that it agrees with itself
 *    (`malformed`). The signature covers all bytes, also of fields that this version does not know;
 * 2. not from the future, and not older than asked (`stale`);
 * 3. both signatures are there (`unsigned`);
 * 4. a release declared a key for that time (`no-declared-key`): a key that comes with the evidence proves nothing;
 * 5. both are by one of the declared keys (`key-mismatch` where the SSHSIG names another key), over these very bytes
 *    (`bad-signature`).
 */
export async function verifyEvidence(
  ctx: VerifyContext,
  input: {
    readonly signed: SignedEvidence;
    readonly host: HostName;
    readonly keys: readonly KeyOfRecord[];
    readonly now: Instant;
    /** Oldest `collectedAt` that is accepted. Default: any. */
    readonly notBefore?: Instant;
    /** Of the same host, where many of its documents are verified one after the other. */
    readonly reader?: EvidenceReader;
  },
): Promise<EvidenceOutcome<VerifiedEvidence>> {
  const { signed, host, now, notBefore, reader = new EvidenceReader() } = input;
  const { bytes } = signed;
  const read = readDocument(ctx.fleet, { type: 'evidence', schema: reader }, bytes);
  if (!read.ok) return refuse('malformed', `${read.reason}: ${read.detail}`);
  const { document } = read.value;
  const what = `evidence ${document.sequence} of ${document.hostname}`;
  if (document.hostname !== host) return refuse('malformed', `${what}: expected evidence of ${host}`);
  const problems = reader.problemsOf(document);
  if (problems.length > 0) return refuse('malformed', `${what}: ${problems.join('; ')}`);

  const { collectedAt } = document;
  if (collectedAt > addSeconds(now, clockSkewSecondsMax)) {
    return refuse('stale', `${what}: collected at ${collectedAt}, and now is ${now}`);
  }
  if (notBefore !== undefined && collectedAt < notBefore) {
    return refuse('stale', `${what}: collected at ${collectedAt}, expected at ${notBefore} or later`);
  }
  const key = await signingKey(ctx, { ...input, collectedAt, what });
  if (!key.ok) return key;
  return accept({ document, bytes, sha256: await sha256Hex(ctx.crypto, bytes), key: key.value });
}

async function signingKey(
  ctx: VerifyContext,
  {
    signed: { bytes, sig, sshsig },
    keys,
    host,
    collectedAt,
    what,
  }: {
    readonly signed: SignedEvidence;
    readonly keys: readonly KeyOfRecord[];
    readonly host: HostName;
    readonly collectedAt: Instant;
    readonly what: string;
  },
): Promise<EvidenceOutcome<PublicKey>> {
  if (sig === null || sshsig === null) {
    return refuse('unsigned', `${what}: expected a .sig and a .sshsig beside it`);
  }
  const declared = keys.filter(({ from, until }) => from <= collectedAt && (until === null || collectedAt < until));
  if (declared.length === 0) {
    return refuse('no-declared-key', `${what}: no release declares a key of ${host} for ${collectedAt}`);
  }
  const raw = sig.length > sigCharactersMax ? null : decodeBase64(sig.trim());
  if (raw?.length !== 64) return refuse('bad-signature', `${what}: .sig: expected base64 of 64 bytes`);
  const namespace = evidenceNamespace(ctx.fleet);
  let isNamed = false;
  for (const { key } of declared) {
    const checked = await checkSshsig(ctx.crypto, { armored: sshsig, message: bytes, namespace, key });
    if (!checked.ok && checked.reason === 'wrong-key') continue;
    isNamed = true;
    if (!checked.ok) return refuse('bad-signature', `${what}: .sshsig: ${checked.reason}`);
    if (key.algorithm === 'sk-ssh-ed25519' || !(await ctx.crypto.verify(key, bytes, raw))) {
      return refuse('bad-signature', `${what}: .sig: not of these bytes by the key of the .sshsig`);
    }
    return accept(key);
  }
  return isNamed
    ? refuse('bad-signature', `${what}: .sshsig: not of these bytes`)
    : refuse('key-mismatch', `${what}: signed by a key that no release declares for ${host} at ${collectedAt}`);
}
