import { decodeBase64, encodeBase64 } from './base64.ts';
import { concatBytes, equalBytes } from './bytes.ts';
import type { Crypto, PublicKey } from './crypto.ts';
import { decodeHex } from './hex.ts';
import type { Sha256Hex } from './names.ts';
import { sha256Hex } from './sha256.ts';
import type { DeclaredKey } from './trust.ts';

const rawBytes = { ed25519: 32, 'ecdsa-p256': 64, 'sk-ssh-ed25519': 32 } as const;

/** Whether `raw` has the one length of its algorithm; providers tolerate bytes behind the key. */
export function hasRawLength(key: Pick<PublicKey, 'algorithm' | 'raw'>): boolean {
  return key.raw.length === rawBytes[key.algorithm];
}

function der(hex: string): Uint8Array {
  return decodeHex(hex) ?? new Uint8Array();
}

/** SubjectPublicKeyInfo up to the raw key: RFC 8410 §4, and RFC 5480 §2 with an uncompressed point. */
const ed25519Prefix = der('302a300506032b6570032100');
const p256Prefix = der('3059301306072a8648ce3d020106082a8648ce3d03010703420004');

/** DER SubjectPublicKeyInfo. For a FIDO key that of its ed25519 half. */
export function spkiOf(key: PublicKey): Uint8Array<ArrayBuffer> {
  return concatBytes(key.algorithm === 'ecdsa-p256' ? p256Prefix : ed25519Prefix, key.raw);
}

/** The key of a DER SubjectPublicKeyInfo in exactly the form `spkiOf` writes; null for any other. */
export function parseSpki(spki: Uint8Array): PublicKey | null {
  for (const [algorithm, prefix] of [
    ['ed25519', ed25519Prefix],
    ['ecdsa-p256', p256Prefix],
  ] as const) {
    if (spki.length !== prefix.length + rawBytes[algorithm] || !equalBytes(spki.subarray(0, prefix.length), prefix)) {
      continue;
    }
    return { algorithm, raw: spki.slice(prefix.length) };
  }
  return null;
}

/** The key's identity: SHA-256 of its SubjectPublicKeyInfo. */
export function keyIdOf(crypto: Crypto, key: PublicKey): Promise<Sha256Hex> {
  return sha256Hex(crypto, spkiOf(key));
}

/** Null unless `public` is strict base64 of the right length. */
export function publicKeyOf(declared: DeclaredKey): PublicKey | null {
  const raw = decodeBase64(declared.public);
  if (raw?.length !== rawBytes[declared.algorithm]) return null;
  return declared.algorithm === 'sk-ssh-ed25519'
    ? { algorithm: declared.algorithm, raw, application: declared.application }
    : { algorithm: declared.algorithm, raw };
}

export function declaredKeyOf(key: PublicKey): DeclaredKey {
  const encoded = encodeBase64(key.raw);
  return key.algorithm === 'sk-ssh-ed25519'
    ? { algorithm: key.algorithm, public: encoded, application: key.application }
    : { algorithm: key.algorithm, public: encoded };
}
