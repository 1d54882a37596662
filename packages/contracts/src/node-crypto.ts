import * as node from 'node:crypto';
import type { Crypto, PrivateKey, PublicKey, Signer } from './crypto.ts';
import { ContractsError } from './errors.ts';
import { hasRawLength, parseSpki, spkiOf } from './public-key.ts';
import { isStrictEd25519 } from './strict-ed25519.ts';

const ed25519Pkcs8Prefix = Buffer.from('302e020100300506032b657004220420', 'hex');

/** `node:crypto` behind the port: synchronous inside, so that a simulation stays in one turn. */
export const nodeCrypto: Crypto = {
  async sha256(bytes) {
    return new Uint8Array(node.hash('sha256', bytes, 'buffer'));
  },
  async sha512(bytes) {
    return new Uint8Array(node.hash('sha512', bytes, 'buffer'));
  },
  async verify(key, message, signature) {
    if (signature.length !== 64 || !hasRawLength(key)) return false;
    if (key.algorithm === 'ed25519' && !isStrictEd25519(key.raw, signature)) return false;
    const publicKey = importPublicKey(key);
    if (publicKey === null) return false;
    if (key.algorithm === 'ed25519') return node.verify(null, message, publicKey, signature);
    return node.verify('sha256', message, { key: publicKey, dsaEncoding: 'ieee-p1363' }, signature);
  },
  async sign(key, message) {
    const privateKey = toKeyObject(key);
    const signature =
      key.algorithm === 'ed25519'
        ? node.sign(null, message, privateKey)
        : node.sign('sha256', message, { key: privateKey, dsaEncoding: 'ieee-p1363' });
    return new Uint8Array(signature);
  },
  async publicKeyOf(key) {
    return publicHalf(toKeyObject(key));
  },
};

// Importing a key costs more than verifying with it, and a fleet has few keys: kept by identity of their bytes.
const importedMax = 4096;
const imported = new Map<string, node.KeyObject | null>();

function importPublicKey(key: PublicKey): node.KeyObject | null {
  const spki = Buffer.from(spkiOf(key));
  const id = spki.toString('latin1');
  const known = imported.get(id);
  if (known !== undefined) return known;
  const fresh = readPublicKey(spki);
  if (imported.size >= importedMax) imported.clear();
  imported.set(id, fresh);
  return fresh;
}

function readPublicKey(spki: Buffer): node.KeyObject | null {
  try {
    return node.createPublicKey({ key: spki, format: 'der', type: 'spki' });
  } catch {
    // Not a point of the curve: a key nobody can sign for.
    return null;
  }
}

function toKeyObject(key: PrivateKey): node.KeyObject {
  const der = key.algorithm === 'ed25519' ? Buffer.concat([ed25519Pkcs8Prefix, key.seed]) : Buffer.from(key.pkcs8);
  let imported: node.KeyObject;
  try {
    imported = node.createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  } catch (cause) {
    throw new ContractsError('bad-key', `expected a private ${key.algorithm} key`, { cause });
  }
  // PKCS#8 names its own algorithm: a key of another one must not sign under our declaration.
  const isSeedWhole = key.algorithm !== 'ed25519' || key.seed.length === 32;
  if (!isSeedWhole || algorithmOf(imported) !== key.algorithm) {
    throw new ContractsError('bad-key', `expected a private ${key.algorithm} key`);
  }
  return imported;
}

function algorithmOf(key: node.KeyObject): PrivateKey['algorithm'] | null {
  if (key.asymmetricKeyType === 'ed25519') return 'ed25519';
  const isP256 = key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1';
  return isP256 ? 'ecdsa-p256' : null;
}

function publicHalf(key: node.KeyObject): PublicKey {
  const spki = node.createPublicKey(key).export({ format: 'der', type: 'spki' });
  const parsed = parseSpki(new Uint8Array(spki));
  if (parsed === null) throw new ContractsError('bad-key', 'expected an ed25519 or P-256 key');
  return parsed;
}

export function generatePrivateKey(algorithm: 'ed25519' | 'ecdsa-p256'): PrivateKey {
  const { privateKey } =
    algorithm === 'ed25519'
      ? node.generateKeyPairSync('ed25519')
      : node.generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return fromKeyObject(privateKey);
}

/** Reads an unencrypted PKCS#8 PEM. Throws `ContractsError` `bad-key` for anything but ed25519 and P-256. */
export function privateKeyFromPem(pem: string): PrivateKey {
  try {
    return fromKeyObject(node.createPrivateKey(pem));
  } catch (cause) {
    // OpenSSL reads keys of curves that it cannot write again.
    if (cause instanceof ContractsError) throw cause;
    throw new ContractsError('bad-key', 'expected an unencrypted PKCS#8 private key in PEM', { cause });
  }
}

export function privateKeyToPem(key: PrivateKey): string {
  return toKeyObject(key).export({ format: 'pem', type: 'pkcs8' }) as string;
}

function fromKeyObject(key: node.KeyObject): PrivateKey {
  const pkcs8 = new Uint8Array(key.export({ format: 'der', type: 'pkcs8' }));
  const { algorithm } = publicHalf(key);
  if (algorithm === 'ecdsa-p256') return { algorithm, pkcs8 };
  return { algorithm: 'ed25519', seed: pkcs8.slice(ed25519Pkcs8Prefix.length) };
}

/** A signer over a private key in memory. */
export async function signerFor(key: PrivateKey): Promise<Signer> {
  const publicKey = await nodeCrypto.publicKeyOf(key);
  return { publicKey, sign: (message) => nodeCrypto.sign(key, message) };
}
