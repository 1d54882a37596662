import { createHash } from 'node:crypto';
import {
  type Crypto,
  type DeclaredKey,
  declaredKeyOf,
  formatOpensshPublicLine,
  keyIdOf,
  type PrivateKey,
  type Signer,
} from '@nixfleet/contracts';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';

/** A key made from its label alone: the same label is the same key, in every test and on every machine. */
export interface TestKey extends Signer {
  readonly label: string;
  readonly keyId: string;
  readonly privateKey: PrivateKey;
  /** As trust documents declare it. */
  readonly declared: DeclaredKey;
  /** As the fleet declares it: an OpenSSH line without comment. */
  readonly openssh: string;
}

/** PKCS#8 of a P-256 key without its public half (RFC 5958, RFC 5915); the 32-byte scalar follows. */
const p256Prefix = Buffer.from('3041020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420', 'hex');

export async function testKey(
  label: string,
  algorithm: 'ed25519' | 'ecdsa-p256' = 'ed25519',
  crypto: Crypto = nodeCrypto,
): Promise<TestKey> {
  const secret = createHash('sha256').update(`nixfleet test key ${label}`).digest();
  const privateKey: PrivateKey =
    algorithm === 'ed25519'
      ? { algorithm, seed: new Uint8Array(secret) }
      : { algorithm, pkcs8: new Uint8Array(Buffer.concat([p256Prefix, secret])) };
  const publicKey = await crypto.publicKeyOf(privateKey);
  return {
    label,
    keyId: await keyIdOf(crypto, publicKey),
    privateKey,
    publicKey,
    declared: declaredKeyOf(publicKey),
    openssh: formatOpensshPublicLine(publicKey),
    sign: (message) => crypto.sign(privateKey, message),
  };
}
