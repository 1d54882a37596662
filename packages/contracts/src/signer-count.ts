import type { PublicKey } from './crypto.ts';
import type { SignerName } from './names.ts';
import { accept, refuse, type Verified } from './refusal.ts';
import type { SignedBytes, VerifyContext } from './signed-bytes.ts';
import { verifySshsig } from './sshsig.ts';
import type { TrustState } from './trust-keys.ts';

/** Most signatures of one document that are verified; the rest do not count. */
export const signaturesMax = 64;

/** Whose signatures on some bytes are valid. A signer counts once, however many keys it signed with. */
export interface SignerCount {
  readonly signers: ReadonlySet<SignerName>;
  /** Keys with a valid signature. */
  readonly keyIds: readonly string[];
  /** Known keys whose signature is there and wrong: for the refusal's text. */
  readonly wrong: readonly string[];
}

/**
 * Counts the distinct signers among `names` with a valid machine signature over the bytes as received.
 * Driven by our keys, not by the received map, so that unknown keyIds cost nothing and the algorithm is ours.
 * FIDO keys sign only inside SSHSIG and never count here.
 */
export function countSigners(
  ctx: VerifyContext,
  trust: TrustState,
  names: readonly SignerName[],
  signed: SignedBytes,
): Promise<SignerCount> {
  return count(trust, names, async (keyId, key) => {
    const signature = signed.signatures.get(keyId);
    if (signature === undefined || key.algorithm === 'sk-ssh-ed25519') return null;
    return signature.length === 64 && (await ctx.crypto.verify(key, signed.bytes, signature));
  });
}

/**
 * As `countSigners`, for people's SSHSIG. The namespace keeps a signature made for another purpose, type or fleet
 * from counting (PROTOCOL.sshsig: "to prevent cross-protocol attacks").
 */
export function countApprovers(
  ctx: VerifyContext,
  trust: TrustState,
  namespace: string,
  signed: SignedBytes,
): Promise<SignerCount> {
  return count(trust, trust.document.roles.approver.signers, async (keyId, key) => {
    const armored = signed.sshSignatures?.get(keyId);
    if (armored === undefined) return null;
    return verifySshsig(ctx.crypto, { armored, key, namespace, message: signed.bytes });
  });
}

async function count(
  trust: TrustState,
  names: readonly SignerName[],
  check: (keyId: string, key: PublicKey) => Promise<boolean | null>,
): Promise<SignerCount> {
  const eligible = new Set(names);
  const signers = new Set<SignerName>();
  const keyIds: string[] = [];
  const wrong: string[] = [];
  for (const [keyId, { signer, key }] of trust.keys) {
    if (!eligible.has(signer)) continue;
    if (keyIds.length + wrong.length >= signaturesMax) break;
    const isValid = await check(keyId, key);
    if (isValid === null) continue;
    if (isValid) {
      signers.add(signer);
      keyIds.push(keyId);
    } else wrong.push(keyId);
  }
  return { signers, keyIds, wrong };
}

/** `too-few-signers` unless `count` reaches the threshold. `role` is for the text: `root of trust 3`, `release`. */
export function requireThreshold(count: SignerCount, threshold: number, role: string): Verified<SignerCount> {
  if (count.signers.size >= threshold) return accept(count);
  const have = count.signers.size === 0 ? 'none' : `${count.signers.size} (${[...count.signers].join(', ')})`;
  const wrong = count.wrong.length === 0 ? '' : `; wrong signature by key ${count.wrong.map(short).join(', ')}`;
  return refuse('too-few-signers', `expected ${threshold} distinct signers of ${role}, got ${have}${wrong}`);
}

function short(keyId: string): string {
  return keyId.slice(0, 12);
}
