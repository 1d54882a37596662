import type { Crypto } from './crypto.ts';
import type { Memo } from './memo.ts';
import type { FleetName } from './names.ts';

/** A document as received, with the signatures found beside it: every byte may be an attacker's. */
export interface SignedBytes {
  readonly bytes: Uint8Array;
  /** Machine signatures (`<file>.<keyId>.sig`): keyId, 64 hexadecimal digits, to raw signature. */
  readonly signatures: ReadonlyMap<string, Uint8Array>;
  /** People's signatures (`<file>.<keyId>.sshsig`): keyId to armored SSHSIG. */
  readonly sshSignatures?: ReadonlyMap<string, string>;
}

/** What every verifier needs: a provider of cryptography, and which fleet the reader belongs to. */
export interface VerifyContext {
  readonly crypto: Crypto;
  readonly fleet: FleetName;
  /** Default: every document is read anew. */
  readonly memo?: Memo;
}
