import type { PublicKey } from './crypto.ts';
import type { Sha256Hex, SignerName } from './names.ts';
import type { ParsedDocument } from './parse-document.ts';
import { keyIdOf, publicKeyOf } from './public-key.ts';
import { entriesOf } from './record.ts';
import { accept, refuse, type Verified } from './refusal.ts';
import type { VerifyContext } from './signed-bytes.ts';
import type { TrustDocument } from './trust.ts';

/** A trust document that is consistent in itself, with its keys ready for use. */
export interface TrustState {
  readonly document: TrustDocument;
  readonly sha256: Sha256Hex;
  readonly bytes: Uint8Array;
  /** keyId (SHA-256 of the SPKI) to the key and the one signer that owns it. */
  readonly keys: ReadonlyMap<string, TrustedKey>;
}

export interface TrustedKey {
  readonly signer: SignerName;
  readonly key: PublicKey;
}

/**
 * Checks what makes a trust document unusable or weaker than it reads; everything wrong is listed (`invalid`):
 * - a key under two signers would let one person reach a threshold of two;
 * - a role that names an unknown signer, or whose threshold its signers cannot reach, would lock the fleet out;
 * - a channel may demand more release signers than the role, never fewer;
 * - a control plane's TLS key that also signs would give a stolen control plane authority;
 * - without an offline spare pin, a stolen control plane's key could not be replaced.
 */
export async function readTrustKeys(
  ctx: VerifyContext,
  parsed: ParsedDocument<TrustDocument>,
): Promise<Verified<TrustState>> {
  const { document } = parsed;
  const problems: string[] = [];
  const keys = new Map<string, TrustedKey>();
  for (const [signer, { keys: declared }] of entriesOf(document.signers)) {
    for (const [i, entry] of declared.entries()) {
      const key = publicKeyOf(entry);
      if (!key) {
        problems.push(`signers.${signer}.keys.${i}: expected strict base64 of a raw public key`);
        continue;
      }
      const keyId = await keyIdOf(ctx.crypto, key);
      const owner = keys.get(keyId);
      if (owner) problems.push(`signers.${signer}.keys.${i}: the same key as one of ${owner.signer}`);
      else keys.set(keyId, { signer, key });
    }
  }
  problems.push(...roleProblems(document, keys), ...pinProblems(document, keys));
  if (problems.length > 0) return refuse('invalid', `trust ${document.version}: ${problems.join('; ')}`);
  return accept({ document, sha256: parsed.sha256, bytes: parsed.bytes, keys });
}

function roleProblems({ signers, roles }: TrustDocument, keys: ReadonlyMap<string, TrustedKey>): string[] {
  const problems: string[] = [];
  const named = new Set<string>(Object.keys(signers));
  const machines = new Set<string>();
  for (const { signer, key } of keys.values()) if (key.algorithm !== 'sk-ssh-ed25519') machines.add(signer);

  const requireReachable = (path: string, threshold: number, able: ReadonlySet<string>, of: readonly string[]) => {
    const distinct = new Set(of.filter((name) => able.has(name))).size;
    if (threshold > distinct) problems.push(`${path}: ${threshold}, but only ${distinct} signers can sign for it`);
  };
  for (const role of ['root', 'release', 'head', 'approver'] as const) {
    for (const name of roles[role].signers) {
      if (!named.has(name)) problems.push(`roles.${role}.signers: ${name} is not one of signers`);
    }
    // No approvers at all is a choice: nobody can hold, and no emergency passes.
    if (role === 'approver' && roles.approver.signers.length === 0) continue;
    const able = role === 'approver' ? named : machines;
    requireReachable(`roles.${role}.threshold`, roles[role].threshold, able, roles[role].signers);
    if (role !== 'approver') continue;
    requireReachable('roles.approver.emergencyThreshold', roles.approver.emergencyThreshold, able, roles[role].signers);
  }
  for (const [channel, { threshold }] of entriesOf(roles.release.channels ?? {})) {
    const path = `roles.release.channels.${channel}.threshold`;
    if (threshold < roles.release.threshold) {
      problems.push(`${path}: ${threshold} is fewer than the role's ${roles.release.threshold}`);
    }
    requireReachable(path, threshold, machines, roles.release.signers);
  }
  return problems;
}

function pinProblems({ controlPlanes }: TrustDocument, keys: ReadonlyMap<string, TrustedKey>): string[] {
  const problems: string[] = [];
  const pins = new Set<string>();
  for (const [i, { spkiSha256 }] of controlPlanes.entries()) {
    if (pins.has(spkiSha256)) problems.push(`controlPlanes.${i}: named twice`);
    pins.add(spkiSha256);
    const owner = keys.get(spkiSha256);
    if (owner) problems.push(`controlPlanes.${i}: the same key as one of the signer ${owner.signer}`);
  }
  if (!controlPlanes.some(({ offline }) => offline)) problems.push('controlPlanes: none of them is offline');
  return problems;
}
