import { decodeBase64, encodeBase64 } from './base64.ts';
import { concatBytes, equalBytes, utf8 } from './bytes.ts';
import type { Crypto, PrivateKey, PublicKey } from './crypto.ts';
import { accept, type Refusal, type Verified } from './refusal.ts';
import { SshReader, sshString, sshUint32 } from './ssh-wire.ts';

const sshNames = {
  ed25519: 'ssh-ed25519',
  'ecdsa-p256': 'ecdsa-sha2-nistp256',
  'sk-ssh-ed25519': 'sk-ssh-ed25519@openssh.com',
} as const;

/** Longest accepted public line and private key file, in characters. */
const lineCharactersMax = 1024;
const privateKeyCharactersMax = 8192;

/** The key blob of RFC 4253 §6.6, RFC 5656 §3.1 and PROTOCOL.u2f. */
export function sshKeyBlob(key: PublicKey): Uint8Array<ArrayBuffer> {
  const name = sshString(sshNames[key.algorithm]);
  switch (key.algorithm) {
    case 'ed25519':
      return concatBytes(name, sshString(key.raw));
    case 'ecdsa-p256':
      return concatBytes(name, sshString('nistp256'), sshString(concatBytes(Uint8Array.of(4), key.raw)));
    case 'sk-ssh-ed25519':
      return concatBytes(name, sshString(key.raw), sshString(key.application));
    default:
      return unreachable(key);
  }
}

/** Null unless the whole of `blob` is one key of a known algorithm. */
export function parseSshKeyBlob(blob: Uint8Array): PublicKey | null {
  const reader = new SshReader(blob);
  const key = readKey(reader, reader.text());
  return key !== null && reader.isAtEnd ? key : null;
}

function readKey(reader: SshReader, name: string | null): PublicKey | null {
  if (name === sshNames.ed25519) {
    const raw = reader.string();
    return raw?.length === 32 ? { algorithm: 'ed25519', raw } : null;
  }
  if (name === sshNames['ecdsa-p256']) {
    if (reader.text() !== 'nistp256') return null;
    const point = reader.string();
    return point?.length === 65 && point[0] === 4 ? { algorithm: 'ecdsa-p256', raw: point.slice(1) } : null;
  }
  if (name === sshNames['sk-ssh-ed25519']) {
    const raw = reader.string();
    const application = reader.text();
    if (raw?.length !== 32 || application === null || application.length === 0 || application.length > 256) return null;
    return { algorithm: 'sk-ssh-ed25519', raw, application };
  }
  return null;
}

/** `<algorithm> <base64> [comment]`; null for anything else, an algorithm that differs from the blob's included. */
export function parseOpensshPublicLine(line: string): PublicKey | null {
  const text = line.trim();
  // One line, so that no second key hides behind the first.
  if (line.length > lineCharactersMax || /[\r\n\0]/.test(text)) return null;
  const [name, encoded] = text.split(/[ \t]+/);
  const blob = encoded === undefined ? null : decodeBase64(encoded);
  const key = blob === null ? null : parseSshKeyBlob(blob);
  return key !== null && sshNames[key.algorithm] === name ? key : null;
}

/** Without a comment. */
export function formatOpensshPublicLine(key: PublicKey): string {
  return `${sshNames[key.algorithm]} ${encodeBase64(sshKeyBlob(key))}`;
}

/** `SHA256:<unpadded base64>`, as `ssh-keygen -l` prints it. */
export async function opensshFingerprint(crypto: Crypto, key: PublicKey): Promise<string> {
  return `SHA256:${encodeBase64(await crypto.sha256(sshKeyBlob(key))).replaceAll('=', '')}`;
}

const magic = utf8('openssh-key-v1\0');
/** Block size of the cipher `none`. */
const blockBytes = 8;
const pemStart = '-----BEGIN OPENSSH PRIVATE KEY-----';
const pemEnd = '-----END OPENSSH PRIVATE KEY-----';

export type PrivateKeyRefusalCode = 'malformed' | 'encrypted' | 'unsupported-algorithm';

/**
 * An unencrypted ed25519 private key file of OpenSSH (PROTOCOL.key). Its copies of the public half must agree; whether
 * they belong to the seed shows when the caller asks for `publicKeyOf`, the only public half that is ever used.
 */
export function parseOpensshPrivateKey(pem: string): Verified<PrivateKey, PrivateKeyRefusalCode> {
  const text = pem.trim();
  const isFramed = text.startsWith(pemStart) && text.endsWith(pemEnd) && text.length <= privateKeyCharactersMax;
  const body = isFramed ? decodeBase64(text.slice(pemStart.length, -pemEnd.length).replaceAll(/[\r\n]/g, '')) : null;
  if (body === null) return no('malformed', 'expected an OpenSSH private key file');
  const reader = new SshReader(body);
  const start = reader.bytes(magic.length);
  if (start === null || !equalBytes(start, magic)) return no('malformed', 'expected openssh-key-v1');
  const cipher = reader.text();
  const kdf = reader.text();
  const kdfOptions = reader.string();
  if (cipher === null || kdf === null || kdfOptions === null) return no('malformed', 'the key file is cut short');
  if (cipher !== 'none' || kdf !== 'none')
    return no('encrypted', `the key is encrypted (${cipher}): use one without a passphrase`);
  if (reader.uint32() !== 1) return no('malformed', 'expected exactly one key');
  const publicBlob = reader.string();
  const secret = reader.string();
  if (publicBlob === null || secret === null || !reader.isAtEnd) return no('malformed', 'the key file is cut short');
  const publicKey = parseSshKeyBlob(publicBlob);
  if (publicKey?.algorithm !== 'ed25519') return no('unsupported-algorithm', 'expected an ssh-ed25519 key');
  return readSecret(secret, publicKey.raw);
}

function readSecret(secret: Uint8Array, publicRaw: Uint8Array): Verified<PrivateKey, PrivateKeyRefusalCode> {
  const reader = new SshReader(secret);
  const check = reader.uint32();
  const isConsistent =
    check !== null &&
    check === reader.uint32() &&
    reader.text() === sshNames.ed25519 &&
    equalBytes(reader.string() ?? new Uint8Array(), publicRaw);
  const pair = isConsistent ? reader.string() : null;
  if (pair?.length !== 64 || !equalBytes(pair.subarray(32), publicRaw) || reader.string() === null) {
    return no('malformed', 'the private half does not fit the public one');
  }
  // Padding is 1, 2, 3… up to the next block of eight (PROTOCOL.key §3).
  if (secret.length % blockBytes !== 0) return no('malformed', 'the padding is wrong');
  for (let expected = 1; !reader.isAtEnd; expected++) {
    if (reader.bytes(1)?.[0] !== expected || expected >= blockBytes) return no('malformed', 'the padding is wrong');
  }
  return accept({ algorithm: 'ed25519', seed: pair.slice(0, 32) });
}

/** A private key file that stock OpenSSH reads. `check` is any random 32-bit number. */
export function formatOpensshPrivateKey({
  seed,
  publicRaw,
  comment,
  check,
}: {
  readonly seed: Uint8Array;
  readonly publicRaw: Uint8Array;
  readonly comment: string;
  readonly check: number;
}): string {
  const publicBlob = sshKeyBlob({ algorithm: 'ed25519', raw: publicRaw });
  const checks = concatBytes(sshUint32(check), sshUint32(check));
  const secret = concatBytes(checks, publicBlob, sshString(concatBytes(seed, publicRaw)), sshString(comment));
  const missing = (blockBytes - (secret.length % blockBytes)) % blockBytes;
  const padding = Uint8Array.from({ length: missing }, (_, i) => i + 1);
  const body = concatBytes(
    magic,
    sshString('none'),
    sshString('none'),
    sshString(''),
    sshUint32(1),
    sshString(publicBlob),
    sshString(concatBytes(secret, padding)),
  );
  const lines = encodeBase64(body).match(/.{1,70}/g) ?? [];
  return `${[pemStart, ...lines, pemEnd].join('\n')}\n`;
}

function no(reason: PrivateKeyRefusalCode, detail: string): Refusal<PrivateKeyRefusalCode> {
  return { ok: false, reason, detail };
}

function unreachable(key: never): never {
  throw new TypeError(`not a public key: ${String(key)}`);
}
