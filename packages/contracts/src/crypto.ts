/** Algorithms a declared key may have. `sk-ssh-ed25519` is a FIDO key: it signs only inside SSHSIG. */
export type KeyAlgorithm = 'ed25519' | 'ecdsa-p256' | 'sk-ssh-ed25519';

/**
 * A declared public key. `raw` is 32 bytes (ed25519) or 64 bytes X‖Y (ecdsa-p256).
 * The algorithm always comes from our declaration, never from a signed document.
 */
export type PublicKey =
  | { readonly algorithm: 'ed25519'; readonly raw: Uint8Array }
  | { readonly algorithm: 'ecdsa-p256'; readonly raw: Uint8Array }
  | { readonly algorithm: 'sk-ssh-ed25519'; readonly raw: Uint8Array; readonly application: string };

/** A private key in memory: the 32-byte ed25519 seed, or a P-256 key as PKCS#8 DER. Never logged. */
export type PrivateKey =
  | { readonly algorithm: 'ed25519'; readonly seed: Uint8Array }
  | { readonly algorithm: 'ecdsa-p256'; readonly pkcs8: Uint8Array };

/**
 * Port to a cryptographic provider (`node-crypto.ts`, `web-crypto.ts`).
 * `verify` returns false for a wrong signature, a malformed key or a malformed signature; it never throws for input.
 * ed25519 is strict (S < L; small-order A and R refused), ecdsa-p256 takes raw R‖S with high S accepted
 * (TPMs emit it about half the time) and hashes with SHA-256.
 */
export interface Crypto {
  sha256(bytes: Uint8Array): Promise<Uint8Array>;
  /** For SSHSIG, whose signatures cover a hash that is SHA-512 by default. */
  sha512(bytes: Uint8Array): Promise<Uint8Array>;
  verify(
    key: { readonly algorithm: 'ed25519' | 'ecdsa-p256'; readonly raw: Uint8Array },
    message: Uint8Array,
    signature: Uint8Array,
  ): Promise<boolean>;
  /** Raw 64-byte signature. */
  sign(key: PrivateKey, message: Uint8Array): Promise<Uint8Array>;
  /** The raw public half of a private key. */
  publicKeyOf(key: PrivateKey): Promise<PublicKey>;
}

/** Anything that can sign with one key: a file, a hook, an HSM. */
export interface Signer {
  readonly publicKey: PublicKey;
  /** Raw 64-byte signature over `message`. */
  sign(message: Uint8Array): Promise<Uint8Array>;
}
