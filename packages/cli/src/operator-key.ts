import { open } from 'node:fs/promises';
import { type ClientIdentity, clientIdentity } from '@nixfleet/agent';
import { ContractsError, formatOpensshPublicLine, type PrivateKey, parseOpensshPrivateKey } from '@nixfleet/contracts';
import { nodeCrypto, privateKeyFromPem } from '@nixfleet/contracts/node-crypto';
import { systemRandom } from '@nixfleet/contracts/node-random';
import { CliError } from './cli-error.ts';

/** Largest private key file, in bytes. */
const keyFileBytesMax = 16 * 1024;

export interface OperatorKey {
  readonly path: string;
  readonly identity: ClientIdentity;
  /** To be declared under `operators.<name>.pubkeys`. */
  readonly publicLine: string;
}

/**
 * The operator's private key, and a certificate of its own for TLS to prove possession. OpenSSH ed25519 or PKCS#8 PEM
 * (ed25519, P-256), without passphrase. Refused when others may read the file, as ssh does.
 */
export async function loadOperatorKey(path: string): Promise<OperatorKey> {
  const key = parseKey(await readKeyFile(path), path);
  const { identity, signer } = await clientIdentity(key, {
    commonName: 'operator',
    crypto: nodeCrypto,
    random: systemRandom,
  });
  return { path, identity, publicLine: formatOpensshPublicLine(signer.publicKey) };
}

async function readKeyFile(path: string): Promise<string> {
  const file = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT')
      throw new CliError('failed', `${path} is not there`, 'pass --identity with your private key');
    throw error;
  });
  try {
    const { mode, size } = await file.stat();
    if ((mode & 0o077) !== 0) {
      const shown = (mode & 0o777).toString(8).padStart(4, '0');
      throw new CliError(
        'failed',
        `${path}: others may read this private key (mode ${shown})`,
        `run chmod 600 ${path}`,
      );
    }
    if (size > keyFileBytesMax) throw unusable(path, `larger than ${keyFileBytesMax} bytes`);
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}

function parseKey(text: string, path: string): PrivateKey {
  if (text.includes('-----BEGIN OPENSSH PRIVATE KEY-----')) {
    const parsed = parseOpensshPrivateKey(text);
    if (parsed.ok) return parsed.value;
    throw unusable(path, parsed.detail);
  }
  if (/^(?:ssh-|ecdsa-|-----BEGIN PUBLIC KEY)/.test(text)) throw unusable(path, 'this is a public key');
  if (text.includes('ENCRYPTED')) throw unusable(path, 'it has a passphrase');
  try {
    return privateKeyFromPem(text);
  } catch (error) {
    if (error instanceof ContractsError) throw unusable(path, error.message);
    throw error;
  }
}

function unusable(path: string, what: string): CliError {
  return new CliError('failed', `${path}: ${what}`, 'expected an OpenSSH ed25519 or PKCS#8 PEM key without passphrase');
}
