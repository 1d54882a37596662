import { createECDH, createPrivateKey, createPublicKey } from 'node:crypto';
import { open, readFile } from 'node:fs/promises';
import {
  type Crypto,
  type DeclaredKey,
  declaredKeyOf,
  formatOpensshPublicLine,
  keyIdOf,
  opensshFingerprint,
  type PrivateKey,
  type PublicKey,
  parseOpensshPublicLine,
  parseSpki,
  publicKeyOf,
  type Random,
  type Sha256Hex,
  spkiOf,
} from '@nixfleet/contracts';
import { ReleaseError } from './errors.ts';
import { parsePrivateKey } from './private-key-file.ts';

/** A public key in every form that somebody will ask for. */
export interface KeyDescription {
  readonly algorithm: PublicKey['algorithm'];
  /** SHA-256 of the SPKI: the identity in signatures' names, pins and host keys. */
  readonly keyId: Sha256Hex;
  /** As trust documents declare it. */
  readonly declared: DeclaredKey;
  /** As `hosts.<n>.pubkeys` and `operators.<n>.pubkeys` declare it. */
  readonly openssh: string;
  /** As `ssh-keygen -l` prints it. */
  readonly fingerprint: string;
  /** SubjectPublicKeyInfo as PEM, for `openssl pkeyutl -verify -pubin -inkey`. */
  readonly spkiPem: string;
}

export async function describeKey(crypto: Crypto, key: PublicKey): Promise<KeyDescription> {
  const base64 = Buffer.from(spkiOf(key)).toString('base64');
  const lines = base64.match(/.{1,64}/g) ?? [];
  return {
    algorithm: key.algorithm,
    keyId: await keyIdOf(crypto, key),
    declared: declaredKeyOf(key),
    openssh: formatOpensshPublicLine(key),
    fingerprint: await opensshFingerprint(crypto, key),
    spkiPem: ['-----BEGIN PUBLIC KEY-----', ...lines, '-----END PUBLIC KEY-----', ''].join('\n'),
  };
}

/**
 * Makes a key and writes it to `path` as PKCS#8 PEM with mode 0600. Never overwrites: `ReleaseError` `io` if the file is
 * there.
 */
export async function newKey(input: {
  readonly algorithm: 'ed25519' | 'ecdsa-p256';
  readonly path: string;
  readonly crypto: Crypto;
  readonly random: Random;
}): Promise<KeyDescription> {
  const pem = input.algorithm === 'ed25519' ? newEd25519(input.random) : newP256(input.random);
  const key: PrivateKey = parsePrivateKey(pem, input.path);
  try {
    await using file = await open(input.path, 'wx', 0o600);
    await file.writeFile(pem);
    await file.sync();
  } catch (cause) {
    throw new ReleaseError('io', `${input.path}: cannot write the key: ${messageOf(cause)}`, { cause });
  }
  return describeKey(input.crypto, await input.crypto.publicKeyOf(key));
}

/** PKCS#8 of RFC 8410 §7 up to the 32-byte seed. */
const ed25519Prefix = Buffer.from('302e020100300506032b657004220420', 'hex');

function newEd25519(random: Random): string {
  const der = Buffer.concat([ed25519Prefix, random.bytes(32)]);
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
    .export({ format: 'pem', type: 'pkcs8' })
    .toString();
}

/** Draws of a P-256 scalar; one is out of range with a chance of 2^-32. */
const scalarDrawsMax = 8;

function newP256(random: Random): string {
  for (let draw = 0; draw < scalarDrawsMax; draw++) {
    const scalar = Buffer.from(random.bytes(32));
    const ecdh = createECDH('prime256v1');
    try {
      ecdh.setPrivateKey(scalar);
    } catch {
      // Zero, or not below the order of the curve.
      continue;
    }
    const point = ecdh.getPublicKey();
    const jwk = {
      kty: 'EC',
      crv: 'P-256',
      d: scalar.toString('base64url'),
      x: point.subarray(1, 33).toString('base64url'),
      y: point.subarray(33).toString('base64url'),
    };
    return createPrivateKey({ key: jwk, format: 'jwk' }).export({ format: 'pem', type: 'pkcs8' }).toString();
  }
  throw new ReleaseError('bad-input', 'the random source gave no usable P-256 scalar');
}

/**
 * A key from a file with its private or public half: PKCS#8 or SPKI PEM, OpenSSH private key or public line.
 * Throws `ReleaseError`: `io`, `bad-input`.
 */
export async function showKey(path: string, { crypto }: { readonly crypto: Crypto }): Promise<KeyDescription> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw new ReleaseError('io', `${path}: cannot read the key: ${messageOf(cause)}`, { cause });
  }
  if (text.includes('PRIVATE KEY')) return describeKey(crypto, await crypto.publicKeyOf(parsePrivateKey(text, path)));
  return describeKey(crypto, parsePublicKey(text, path));
}

/** An OpenSSH public line, an SPKI PEM, or a trust document's `<algorithm>:<base64>`. Throws `ReleaseError` `bad-input`. */
export function parsePublicKey(text: string, origin: string): PublicKey {
  const trimmed = text.trim();
  const declared = /^(ed25519|ecdsa-p256):([A-Za-z0-9+/]+={0,2})$/.exec(trimmed);
  const key = declared?.[2]
    ? publicKeyOf({ algorithm: declared[1] === 'ed25519' ? 'ed25519' : 'ecdsa-p256', public: declared[2] })
    : trimmed.includes('BEGIN PUBLIC KEY')
      ? parsePem(trimmed)
      : parseOpensshPublicLine(trimmed);
  if (key) return key;
  throw new ReleaseError('bad-input', `${origin}: expected an ed25519 or P-256 public key (PEM or OpenSSH line)`);
}

function parsePem(text: string): PublicKey | null {
  try {
    return parseSpki(new Uint8Array(createPublicKey(text).export({ format: 'der', type: 'spki' })));
  } catch {
    return null;
  }
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
