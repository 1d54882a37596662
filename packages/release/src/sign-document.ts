import {
  type Crypto,
  keyIdOf,
  type PublicKey,
  refuse,
  type SignedBytes,
  type Signer,
  type SignerName,
  signaturePath,
  type TrustState,
} from '@nixfleet/contracts';
import { ReleaseError } from './errors.ts';
import type { ReleaseOutcome } from './release-refusal.ts';

/**
 * Adds the signatures of `signers` to a document's. `not-a-signer` for a key that trust does not give to one of
 * `names` (its signature would count for nothing), `sign-failed` if a hook or token does not sign.
 */
export async function addSignatures(input: {
  readonly crypto: Crypto;
  readonly signed: SignedBytes;
  readonly signers: readonly Signer[];
  readonly trust: TrustState | readonly TrustState[];
  readonly names: readonly SignerName[];
  /** For messages. */
  readonly role: string;
}): Promise<ReleaseOutcome<SignedBytes>> {
  const states: readonly TrustState[] = 'document' in input.trust ? [input.trust] : input.trust;
  const signatures = new Map(input.signed.signatures);
  const known = await requireRole({ ...input, states });
  if (!known.ok) return known;
  for (const signer of input.signers) {
    const keyId = await keyIdOf(input.crypto, signer.publicKey);
    try {
      signatures.set(keyId, await signer.sign(input.signed.bytes));
    } catch (cause) {
      if (!(cause instanceof ReleaseError) || cause.code !== 'command') throw cause;
      return refuse('sign-failed', cause.message);
    }
  }
  return { ok: true, value: { ...input.signed, signatures } };
}

/** `not-a-signer` if one of `signers` has a key that no trust in `states` gives to one of `names`. Asks no key. */
export async function requireRole(input: {
  readonly crypto: Crypto;
  readonly signers: readonly { readonly publicKey: PublicKey }[];
  readonly states: readonly TrustState[];
  readonly names: readonly SignerName[];
  readonly role: string;
}): Promise<ReleaseOutcome<null>> {
  for (const { publicKey } of input.signers) {
    const keyId = await keyIdOf(input.crypto, publicKey);
    const isKnown = input.states.some(({ keys }) => input.names.includes(keys.get(keyId)?.signer as SignerName));
    if (!isKnown) return refuse('not-a-signer', `key ${keyId.slice(0, 12)} is none of the ${input.role} role's keys`);
  }
  return { ok: true, value: null };
}

/** A document and its signatures as files of `releases/`. */
export function signedFiles(path: string, signed: SignedBytes): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>([[path, signed.bytes]]);
  for (const [keyId, signature] of signed.signatures) files.set(signaturePath(path, keyId, 'sig'), signature);
  for (const [keyId, armored] of signed.sshSignatures ?? []) {
    files.set(signaturePath(path, keyId, 'sshsig'), new TextEncoder().encode(armored));
  }
  return files;
}
