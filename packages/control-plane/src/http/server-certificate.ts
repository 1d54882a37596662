import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto';
import {
  type Clock,
  nearestInstant,
  type PublicKey,
  parseSpki,
  type Random,
  type Signer,
  selfSignedCertificate,
} from '@nixfleet/contracts';
import { ControlPlaneError, messageOf } from '../errors.ts';

/** Life of the certificate, in days. Nobody checks it: the pinned key is what counts. */
const certificateDays = 3650;

export interface ServerIdentity {
  readonly keyPem: string;
  readonly certificatePem: string;
  /** What trust pins. */
  readonly spkiSha256: string;
}

/** From a PKCS#8 PEM key, ed25519 or P-256; the certificate is made here. Throws `bad-tls-key`. */
export async function serverIdentity(
  keyPem: string,
  { clock, random }: { readonly clock: Clock; readonly random: Random },
): Promise<ServerIdentity> {
  const key = readKey(keyPem);
  const spki = createPublicKey(key).export({ type: 'spki', format: 'der' });
  const publicKey = parseSpki(new Uint8Array(spki));
  if (!publicKey) throw new ControlPlaneError('bad-tls-key', 'expected an ed25519 or P-256 key');
  const serial = random.bytes(16);
  const certificate = await selfSignedCertificate({
    signer: signerOf(key, publicKey),
    commonName: 'nixfleet-control-plane',
    notBefore: nearestInstant(clock.now() - 86_400_000),
    notAfter: nearestInstant(clock.now() + certificateDays * 86_400_000),
    serial,
  });
  return {
    keyPem,
    certificatePem: `-----BEGIN CERTIFICATE-----\n${Buffer.from(certificate).toString('base64')}\n-----END CERTIFICATE-----\n`,
    spkiSha256: createHash('sha256').update(spki).digest('hex'),
  };
}

function readKey(pem: string): KeyObject {
  try {
    return createPrivateKey({ key: pem, format: 'pem' });
  } catch (error) {
    throw new ControlPlaneError('bad-tls-key', `expected a PKCS#8 PEM private key: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

function signerOf(key: KeyObject, publicKey: PublicKey): Signer {
  const digest = publicKey.algorithm === 'ed25519' ? null : 'sha256';
  return {
    publicKey,
    sign: async (message) => new Uint8Array(sign(digest, message, { key, dsaEncoding: 'ieee-p1363' })),
  };
}
