import { createPrivateKey, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { type Crypto, type PrivateKey, parseOpensshPrivateKey, type Signer } from '@nixfleet/contracts';
import { ReleaseError } from './errors.ts';

/**
 * The key provider `file`: unencrypted PKCS#8 PEM (ed25519 or P-256) or an unencrypted ed25519 private key of OpenSSH.
 * Throws `ReleaseError`: `io` if it cannot be read, `bad-input` if it holds no such key. Neither says what is in the file.
 */
export async function fileSigner(path: string, { crypto }: { readonly crypto: Crypto }): Promise<Signer> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw new ReleaseError('io', `${path}: cannot read the key: ${cause instanceof Error ? cause.message : cause}`, {
      cause,
    });
  }
  const key = parsePrivateKey(text, path);
  const publicKey = await crypto.publicKeyOf(key);
  return { publicKey, sign: (message) => crypto.sign(key, message) };
}

/** `origin` names the file in messages. Throws `ReleaseError` `bad-input`. */
export function parsePrivateKey(text: string, origin: string): PrivateKey {
  if (text.includes('BEGIN OPENSSH PRIVATE KEY')) {
    const parsed = parseOpensshPrivateKey(text);
    if (!parsed.ok) throw new ReleaseError('bad-input', `${origin}: ${parsed.detail}`);
    return parsed.value;
  }
  if (text.includes('ENCRYPTED')) {
    throw new ReleaseError(
      'bad-input',
      `${origin}: the key is encrypted: use a sign hook, or a key without a passphrase`,
    );
  }
  let key: KeyObject;
  try {
    key = createPrivateKey(text);
    const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
    if (type === 'ed25519') return { algorithm: 'ed25519', seed: seedOf(key) };
    if (type === 'ec' && details?.namedCurve === 'prime256v1') {
      return { algorithm: 'ecdsa-p256', pkcs8: new Uint8Array(key.export({ format: 'der', type: 'pkcs8' })) };
    }
  } catch {
    // The cause may quote the file. OpenSSL also reads keys that it cannot write again.
    throw new ReleaseError('bad-input', `${origin}: expected a PKCS#8 PEM or an OpenSSH private key`);
  }
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  const curve = details?.namedCurve ? ` ${details.namedCurve}` : '';
  throw new ReleaseError('bad-input', `${origin}: expected an ed25519 or P-256 key, got ${type}${curve}`);
}

function seedOf(key: KeyObject): Uint8Array {
  const { d } = key.export({ format: 'jwk' });
  return new Uint8Array(Buffer.from(d ?? '', 'base64url'));
}
