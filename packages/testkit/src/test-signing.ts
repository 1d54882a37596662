import { type Crypto, canonicalBytes, type Json, makeSshsig, type SignedBytes } from '@nixfleet/contracts';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import type { TestKey } from './test-key.ts';

/** Signs any bytes, valid document or not. */
export async function signTestBytes(
  bytes: Uint8Array,
  keys: readonly TestKey[],
  approval?: { readonly namespace: string; readonly keys: readonly TestKey[] },
  crypto: Crypto = nodeCrypto,
): Promise<SignedBytes> {
  const signatures = new Map<string, Uint8Array>();
  for (const key of keys) signatures.set(key.keyId, await key.sign(bytes));
  const sshSignatures = new Map<string, string>();
  const namespace = approval?.namespace ?? '';
  for (const key of approval?.keys ?? []) {
    sshSignatures.set(key.keyId, await makeSshsig(crypto, { signer: key, message: bytes, namespace }));
  }
  return { bytes, signatures, sshSignatures };
}

/** The canonical bytes of any value, unchecked: for documents that must be refused. */
export function testBytes(value: object): Uint8Array {
  return canonicalBytes(value as Json);
}
