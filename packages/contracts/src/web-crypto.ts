import { decodeBase64 } from './base64.ts';
import { concatBytes } from './bytes.ts';
import type { Crypto, PrivateKey } from './crypto.ts';
import { ContractsError } from './errors.ts';
import { decodeHex } from './hex.ts';
import { hasRawLength, parseSpki, spkiOf } from './public-key.ts';
import { isStrictEd25519 } from './strict-ed25519.ts';

type Bytes = Uint8Array<ArrayBuffer>;
type Algorithm = string | { readonly name: string; readonly namedCurve?: string; readonly hash?: string };

/** The part of WebCrypto's `SubtleCrypto` that is used; handed in, because this package takes no global. */
export interface Subtle {
  digest(algorithm: string, data: Bytes): Promise<ArrayBuffer>;
  importKey(
    format: 'spki' | 'pkcs8' | 'jwk',
    key: Bytes,
    algorithm: Algorithm,
    extractable: boolean,
    usages: ('sign' | 'verify')[],
  ): Promise<unknown>;
  exportKey(format: 'jwk', key: unknown): Promise<{ x?: string; y?: string }>;
  sign(algorithm: Algorithm, key: unknown, data: Bytes): Promise<ArrayBuffer>;
  verify(algorithm: Algorithm, key: unknown, signature: Bytes, data: Bytes): Promise<boolean>;
}

const importAs = { ed25519: { name: 'Ed25519' }, 'ecdsa-p256': { name: 'ECDSA', namedCurve: 'P-256' } } as const;
const signAs = { ed25519: { name: 'Ed25519' }, 'ecdsa-p256': { name: 'ECDSA', hash: 'SHA-256' } } as const;
const ed25519Pkcs8Prefix = decodeHex('302e020100300506032b657004220420') ?? new Uint8Array();

/** WebCrypto behind the port, for the browser. */
export function webCrypto(subtle: Subtle): Crypto {
  return {
    async sha256(bytes) {
      return new Uint8Array(await subtle.digest('SHA-256', owned(bytes)));
    },
    async sha512(bytes) {
      return new Uint8Array(await subtle.digest('SHA-512', owned(bytes)));
    },
    async verify(key, message, signature) {
      if (signature.length !== 64 || !hasRawLength(key)) return false;
      if (key.algorithm === 'ed25519' && !isStrictEd25519(key.raw, signature)) return false;
      let imported: unknown;
      try {
        imported = await subtle.importKey('spki', spkiOf(key), importAs[key.algorithm], false, ['verify']);
      } catch {
        // Not a point of the curve: a key nobody can sign for.
        return false;
      }
      return subtle.verify(signAs[key.algorithm], imported, owned(signature), owned(message));
    },
    async sign(key, message) {
      const imported = await importPrivate(subtle, key);
      return new Uint8Array(await subtle.sign(signAs[key.algorithm], imported, owned(message)));
    },
    async publicKeyOf(key) {
      const { x = '', y = '' } = await subtle.exportKey('jwk', await importPrivate(subtle, key));
      const raw = concatBytes(fromBase64Url(x), fromBase64Url(y));
      const parsed = parseSpki(spkiOf({ algorithm: key.algorithm, raw }));
      if (parsed === null) throw new ContractsError('bad-key', 'expected an ed25519 or P-256 key');
      return parsed;
    },
  };
}

async function importPrivate(subtle: Subtle, key: PrivateKey): Promise<unknown> {
  if (key.algorithm === 'ed25519' && key.seed.length !== 32) {
    throw new ContractsError('bad-key', `expected an ed25519 seed of 32 bytes, got ${key.seed.length}`);
  }
  const pkcs8 = key.algorithm === 'ed25519' ? concatBytes(ed25519Pkcs8Prefix, key.seed) : owned(key.pkcs8);
  try {
    return await subtle.importKey('pkcs8', pkcs8, importAs[key.algorithm], true, ['sign']);
  } catch (cause) {
    throw new ContractsError('bad-key', `expected a private ${key.algorithm} key`, { cause });
  }
}

/** WebCrypto refuses views of shared memory; a copy is never one. */
function owned(bytes: Uint8Array): Bytes {
  return new Uint8Array(bytes);
}

function fromBase64Url(text: string): Uint8Array {
  const standard = text.replaceAll('-', '+').replaceAll('_', '/');
  return decodeBase64(standard + '='.repeat((4 - (standard.length % 4)) % 4)) ?? new Uint8Array();
}
