import {
  type Crypto,
  type Instant,
  type PrivateKey,
  parseOpensshPrivateKey,
  type Random,
  type Signer,
  selfSignedCertificate,
} from '@nixfleet/contracts';
import { privateKeyFromPem, privateKeyToPem } from '@nixfleet/contracts/node-crypto';
import { AgentError, messageOf } from './errors.ts';
import type { Files } from './files.ts';
import type { ClientIdentity } from './pinned-connection.ts';

/** Largest private key file, in bytes. */
const keyBytesMax = 16 * 1024;

/** Reads this host's private key: OpenSSH (unencrypted), or PKCS#8 PEM. Throws `AgentError` `bad-key`. */
export async function readHostKey(files: Files, path: string): Promise<PrivateKey> {
  const bytes = await files.read(path, keyBytesMax).catch((error: unknown) => {
    throw new AgentError('bad-key', `cannot read the host key ${path}: ${messageOf(error)}`, { cause: error });
  });
  if (bytes === null) throw new AgentError('bad-key', `there is no host key at ${path}`);
  const text = new TextDecoder().decode(bytes);
  if (text.includes('BEGIN OPENSSH PRIVATE KEY')) {
    const key = parseOpensshPrivateKey(text);
    if (key.ok) return key.value;
    throw new AgentError('bad-key', `the host key ${path} is of no use (${key.reason}): ${key.detail}`);
  }
  try {
    return privateKeyFromPem(text);
  } catch (error) {
    throw new AgentError('bad-key', `the host key ${path} is of no use: ${messageOf(error)}`, { cause: error });
  }
}

/** What TLS needs to prove possession of the key. Nobody looks at the certificate's dates or names. */
export async function clientIdentity(
  key: PrivateKey,
  { commonName, crypto, random }: { readonly commonName: string; readonly crypto: Crypto; readonly random: Random },
): Promise<{ readonly identity: ClientIdentity; readonly signer: Signer }> {
  const signer: Signer = { publicKey: await crypto.publicKeyOf(key), sign: (message) => crypto.sign(key, message) };
  const der = await selfSignedCertificate({
    signer,
    commonName,
    notBefore: '2020-01-01T00:00:00Z' as Instant,
    notAfter: '2999-12-31T23:59:59Z' as Instant,
    serial: random.bytes(16),
  });
  const body = Buffer.from(der)
    .toString('base64')
    .replaceAll(/(.{64})/g, '$1\n')
    .trimEnd();
  const certificatePem = `-----BEGIN CERTIFICATE-----\n${body}\n-----END CERTIFICATE-----\n`;
  return { signer, identity: { keyPem: privateKeyToPem(key), certificatePem } };
}
