import type { RolloutId, Sha256Hex } from './names.ts';

/** Paths inside `releases/` (design §4). Everything but trust, head, release, holds and resumes is bound by hash and unsigned. */
export const headPath = 'head.json';

export function trustPath(version: number): string {
  return `trust/${version}.json`;
}

export function releasePath(sha256: Sha256Hex): string {
  return `release/${sha256}.json`;
}

export function fleetPath(sha256: Sha256Hex): string {
  return `fleet/${sha256}.json`;
}

export function rolloutPath(rolloutId: RolloutId): string {
  return `rollouts/${rolloutId}.json`;
}

export function reportPath(sha256: Sha256Hex): string {
  return `reports/${sha256}.json`;
}

export function holdPath(sha256: Sha256Hex): string {
  return `holds/${sha256}.json`;
}

/** Under the hash of the hold that it ends, so that whoever has the hold finds it. */
export function resumePath(hold: Sha256Hex): string {
  return `resumes/${hold}.json`;
}

/** `sig`: a machine's raw 64 bytes; `sshsig`: a person's armored SSHSIG. */
export type SignatureKind = 'sig' | 'sshsig';

export function signaturePath(path: string, keyId: string, kind: SignatureKind): string {
  return `${path}.${keyId}.${kind}`;
}

/** Whose signature of what a path holds; null for a path that is no signature's. */
export function parseSignaturePath(
  path: string,
): { readonly path: string; readonly keyId: string; readonly kind: SignatureKind } | null {
  const match = /^(.+)\.([0-9a-f]{64})\.(sig|sshsig)$/.exec(path);
  if (!match?.[1] || !match[2]) return null;
  return { path: match[1], keyId: match[2], kind: match[3] === 'sig' ? 'sig' : 'sshsig' };
}
