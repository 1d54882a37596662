import type { Signer } from './crypto.ts';
import { ContractsError } from './errors.ts';
import type { Instant } from './instant.ts';

/** What a self-signed certificate says. Nobody checks it but the key: see design §3, identity is a declared public key. */
export interface CertificateRequest {
  /** An ed25519 or ecdsa-p256 signer; FIDO keys sign only inside SSHSIG. */
  readonly signer: Signer;
  /** Subject, issuer and subject alternative name (a DNS name): 1 to 63 of `A-Z a-z 0-9 . -`. */
  readonly commonName: string;
  readonly notBefore: Instant;
  readonly notAfter: Instant;
  /** 1 to 19 random bytes (RFC 5280 §4.1.2.2 allows 20 octets with the sign). */
  readonly serial: Uint8Array;
}

/**
 * DER of an X.509 v3 certificate signed by its own key (RFC 5280), for TLS to prove possession of that key.
 * Throws `ContractsError` `bad-key` for a FIDO key or a raw key of the wrong length, `bad-certificate` for other arguments.
 */
export async function selfSignedCertificate(request: CertificateRequest): Promise<Uint8Array<ArrayBuffer>> {
  const { signer, commonName, notBefore, notAfter, serial } = request;
  if (!/^[A-Za-z0-9.-]{1,63}$/.test(commonName)) {
    throw new ContractsError('bad-certificate', `expected a host name of at most 63 characters, got '${commonName}'`);
  }
  if (serial.length < 1 || serial.length > 19) {
    throw new ContractsError('bad-certificate', `expected a serial of 1 to 19 bytes, got ${serial.length}`);
  }
  if (notAfter <= notBefore) {
    throw new ContractsError('bad-certificate', `expected a life that ends after ${notBefore}, got ${notAfter}`);
  }
  const name = sequence(tlv(tag.set, sequence(oid.commonName, tlv(tag.utf8String, ascii(commonName)))));
  const subjectAlternativeName = sequence(
    oid.subjectAlternativeName,
    tlv(tag.octetString, sequence(tlv(tag.dnsName, ascii(commonName)))),
  );
  const algorithm = signatureAlgorithm(signer);
  const toBeSigned = sequence(
    tlv(tag.explicit0, integer(Uint8Array.of(2))), // version 3
    integer(serial),
    algorithm,
    name,
    sequence(time(notBefore), time(notAfter)),
    name,
    subjectPublicKeyInfo(signer),
    tlv(tag.explicit3, sequence(subjectAlternativeName)),
  );
  const signature = await signer.sign(toBeSigned);
  return sequence(toBeSigned, algorithm, bitString(encodeSignature(signer, signature)));
}

const tag = {
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
  /** [2] IMPLICIT IA5String of GeneralName. */
  dnsName: 0x82,
  explicit0: 0xa0,
  explicit3: 0xa3,
} as const;

/** Object identifiers with tag and length. */
const oid = {
  /** 1.3.101.112 (RFC 8410 §3) */
  ed25519: Uint8Array.of(0x06, 3, 0x2b, 0x65, 0x70),
  /** 1.2.840.10045.2.1 */
  ecPublicKey: Uint8Array.of(0x06, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01),
  /** 1.2.840.10045.3.1.7 */
  p256: Uint8Array.of(0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07),
  /** 1.2.840.10045.4.3.2 */
  ecdsaWithSha256: Uint8Array.of(0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02),
  /** 2.5.4.3 */
  commonName: Uint8Array.of(0x06, 3, 0x55, 0x04, 0x03),
  /** 2.5.29.17 */
  subjectAlternativeName: Uint8Array.of(0x06, 3, 0x55, 0x1d, 0x11),
} as const;

function signatureAlgorithm({ publicKey }: Signer): Uint8Array {
  switch (publicKey.algorithm) {
    case 'ed25519':
      return sequence(oid.ed25519); // RFC 8410 §3: parameters absent
    case 'ecdsa-p256':
      return sequence(oid.ecdsaWithSha256);
    case 'sk-ssh-ed25519':
      throw new ContractsError('bad-key', 'expected a key that signs bytes, got a FIDO key, which signs only SSHSIG');
  }
}

function subjectPublicKeyInfo({ publicKey }: Signer): Uint8Array {
  const isEd25519 = publicKey.algorithm === 'ed25519';
  const bytes = isEd25519 ? 32 : 64;
  if (publicKey.raw.length !== bytes) {
    throw new ContractsError(
      'bad-key',
      `expected ${bytes} bytes of ${publicKey.algorithm}, got ${publicKey.raw.length}`,
    );
  }
  if (isEd25519) return sequence(sequence(oid.ed25519), bitString(publicKey.raw));
  // SEC 1 §2.3.3: an uncompressed point starts with 4.
  return sequence(sequence(oid.ecPublicKey, oid.p256), bitString(concat([Uint8Array.of(4), publicKey.raw])));
}

/** ECDSA signatures are a sequence of two integers in X.509 (RFC 3279 §2.2.3); ours are raw R‖S. */
function encodeSignature({ publicKey }: Signer, raw: Uint8Array): Uint8Array {
  if (raw.length !== 64) throw new ContractsError('bad-key', `expected a raw signature of 64 bytes, got ${raw.length}`);
  if (publicKey.algorithm === 'ed25519') return raw;
  return sequence(integer(raw.subarray(0, 32)), integer(raw.subarray(32)));
}

/** UTCTime through 2049 and GeneralizedTime from then on (RFC 5280 §4.1.2.5). */
function time(instant: Instant): Uint8Array {
  const digits = `${instant.replaceAll(/[^0-9]/g, '')}Z`;
  return instant < '2050' ? tlv(tag.utcTime, ascii(digits.slice(2))) : tlv(tag.generalizedTime, ascii(digits));
}

/** A non-negative integer from its big-endian bytes: shortest form, a zero byte before a high first bit (X.690 §8.3). */
function integer(bytes: Uint8Array): Uint8Array {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start++;
  const magnitude = bytes.subarray(start);
  const isHigh = (magnitude[0] ?? 0) >= 0x80;
  return tlv(tag.integer, isHigh ? concat([Uint8Array.of(0), magnitude]) : magnitude);
}

function bitString(bytes: Uint8Array): Uint8Array {
  return tlv(tag.bitString, concat([Uint8Array.of(0), bytes]));
}

function sequence(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return tlv(tag.sequence, concat(parts));
}

/** Tag, definite length (X.690 §8.1.3; two length bytes are far above what a certificate of ours needs), value. */
function tlv(tagByte: number, value: Uint8Array): Uint8Array<ArrayBuffer> {
  const { length } = value;
  if (length < 0x80) return concat([Uint8Array.of(tagByte, length), value]);
  if (length < 0x100) return concat([Uint8Array.of(tagByte, 0x81, length), value]);
  return concat([Uint8Array.of(tagByte, 0x82, length >> 8, length & 0xff), value]);
}

function ascii(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
