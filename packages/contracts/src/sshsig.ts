import { decodeBase64, encodeBase64 } from './base64.ts';
import { concatBytes, equalBytes, utf8 } from './bytes.ts';
import type { Crypto, PublicKey, Signer } from './crypto.ts';
import { ContractsError } from './errors.ts';
import { sshKeyBlob } from './openssh.ts';
import { SshReader, sshString, sshUint32 } from './ssh-wire.ts';

/** Longest armoured signature, in characters. */
export const sshsigCharactersMax = 4096;

const magic = utf8('SSHSIG');
const armourStart = '-----BEGIN SSH SIGNATURE-----';
const armourEnd = '-----END SSH SIGNATURE-----';

export type SshsigRefusalCode = 'malformed' | 'wrong-key' | 'wrong-namespace' | 'unsupported-hash' | 'bad-signature';
export type SshsigVerified = { readonly ok: true } | { readonly ok: false; readonly reason: SshsigRefusalCode };

/**
 * Checks an armoured SSHSIG (OpenSSH's PROTOCOL.sshsig) over `message` by exactly `key`, in `namespace`.
 * The key inside the signature is compared with the declared one and proves nothing by itself. A FIDO signature must
 * carry the user-presence flag (PROTOCOL.u2f).
 */
export async function checkSshsig(
  crypto: Crypto,
  options: {
    readonly armored: string;
    readonly message: Uint8Array;
    readonly namespace: string;
    readonly key: PublicKey;
  },
): Promise<SshsigVerified> {
  const { key, namespace, message } = options;
  const parsed = parseArmour(options.armored);
  if (parsed === null) return { ok: false, reason: 'malformed' };
  if (!equalBytes(parsed.publicBlob, sshKeyBlob(key))) return { ok: false, reason: 'wrong-key' };
  if (parsed.namespace !== namespace || namespace === '') return { ok: false, reason: 'wrong-namespace' };
  if (parsed.hash !== 'sha256' && parsed.hash !== 'sha512') return { ok: false, reason: 'unsupported-hash' };
  const signed = await signedData(crypto, { namespace, hash: parsed.hash, message });
  const isValid = await verifyBlob(crypto, { key, signed, blob: parsed.signature });
  return isValid ? { ok: true } : { ok: false, reason: 'bad-signature' };
}

/** As `checkSshsig`, where only yes or no matters. */
export async function verifySshsig(...args: Parameters<typeof checkSshsig>): Promise<boolean> {
  return (await checkSshsig(...args)).ok;
}

/**
 * An armoured SSHSIG by a key in memory or behind a hook; SHA-512, as `ssh-keygen -Y sign` makes it.
 * Throws `ContractsError` `bad-key` for a FIDO key.
 */
export async function makeSshsig(
  crypto: Crypto,
  { signer, message, namespace }: { readonly signer: Signer; readonly message: Uint8Array; readonly namespace: string },
): Promise<string> {
  const { publicKey } = signer;
  if (publicKey.algorithm === 'sk-ssh-ed25519') {
    throw new ContractsError('bad-key', 'expected a key in memory or behind a hook: FIDO keys sign through ssh-keygen');
  }
  const signed = await signedData(crypto, { namespace, hash: 'sha512', message });
  const raw = await signer.sign(signed);
  const signature =
    publicKey.algorithm === 'ecdsa-p256'
      ? concatBytes(
          sshString('ecdsa-sha2-nistp256'),
          sshString(concatBytes(sshString(mpint(raw.subarray(0, 32))), sshString(mpint(raw.subarray(32))))),
        )
      : concatBytes(sshString('ssh-ed25519'), sshString(raw));
  const blob = concatBytes(
    magic,
    sshUint32(1),
    sshString(sshKeyBlob(publicKey)),
    sshString(namespace),
    sshString(''),
    sshString('sha512'),
    sshString(signature),
  );
  const lines = encodeBase64(blob).match(/.{1,70}/g) ?? [];
  return `${[armourStart, ...lines, armourEnd].join('\n')}\n`;
}

function parseArmour(armored: string) {
  if (armored.length > sshsigCharactersMax) return null;
  const text = armored.trim();
  if (!text.startsWith(armourStart) || !text.endsWith(armourEnd)) return null;
  const blob = decodeBase64(text.slice(armourStart.length, -armourEnd.length).replaceAll(/[\r\n]/g, ''));
  if (blob === null) return null;
  const reader = new SshReader(blob);
  if (!equalBytes(reader.bytes(magic.length) ?? new Uint8Array(), magic) || reader.uint32() !== 1) return null;
  const publicBlob = reader.string();
  const namespace = reader.text();
  const reserved = reader.string();
  const hash = reader.text();
  const signature = reader.string();
  if (publicBlob === null || namespace === null || hash === null || signature === null) return null;
  // What is reserved would be covered by no signature: stock verifiers put an empty string in its place.
  const isWhole = reserved?.length === 0 && reader.isAtEnd;
  return isWhole ? { publicBlob, namespace, hash, signature } : null;
}

async function signedData(
  crypto: Crypto,
  { namespace, hash, message }: { namespace: string; hash: 'sha256' | 'sha512'; message: Uint8Array },
): Promise<Uint8Array> {
  const digest = hash === 'sha256' ? await crypto.sha256(message) : await crypto.sha512(message);
  return concatBytes(magic, sshString(namespace), sshString(''), sshString(hash), sshString(digest));
}

async function verifyBlob(
  crypto: Crypto,
  { key, signed, blob }: { key: PublicKey; signed: Uint8Array; blob: Uint8Array },
): Promise<boolean> {
  const reader = new SshReader(blob);
  const algorithm = reader.text();
  const signature = reader.string();
  if (signature === null) return false;
  switch (key.algorithm) {
    case 'ed25519':
      return algorithm === 'ssh-ed25519' && reader.isAtEnd && crypto.verify(key, signed, signature);
    case 'ecdsa-p256': {
      const raw = algorithm === 'ecdsa-sha2-nistp256' && reader.isAtEnd ? rawEcdsa(signature) : null;
      return raw !== null && crypto.verify(key, signed, raw);
    }
    case 'sk-ssh-ed25519': {
      const suffix = reader.bytes(5);
      if (algorithm !== 'sk-ssh-ed25519@openssh.com' || suffix === null || !reader.isAtEnd) return false;
      const isUserPresent = ((suffix[0] ?? 0) & 1) === 1;
      if (!isUserPresent) return false;
      const message = concatBytes(await crypto.sha256(utf8(key.application)), suffix, await crypto.sha256(signed));
      return crypto.verify({ algorithm: 'ed25519', raw: key.raw }, message, signature);
    }
    default:
      return false;
  }
}

/** R‖S of an SSH ECDSA signature: two mpints (RFC 5656 §3.1.2). */
function rawEcdsa(signature: Uint8Array): Uint8Array | null {
  const reader = new SshReader(signature);
  const r = reader.string();
  const s = reader.string();
  if (r === null || s === null || !reader.isAtEnd) return null;
  const left = scalar(r);
  const right = scalar(s);
  return left && right ? concatBytes(left, right) : null;
}

/** 32 bytes of a positive mpint in its shortest form; null for any other. */
function scalar(encoded: Uint8Array): Uint8Array | null {
  const digits = encoded[0] === 0 ? encoded.subarray(1) : encoded;
  if (digits.length > 32 || !equalBytes(mpint(digits), encoded)) return null;
  return concatBytes(new Uint8Array(32 - digits.length), digits);
}

/** Shortest form of a positive number: no leading zeroes, one zero byte where the top bit is set (RFC 4251 §5). */
function mpint(bytes: Uint8Array): Uint8Array {
  const first = bytes.findIndex((byte) => byte !== 0);
  const digits = first === -1 ? new Uint8Array() : bytes.subarray(first);
  return ((digits[0] ?? 0) & 0x80) === 0 ? digits : concatBytes(Uint8Array.of(0), digits);
}
