import { createPrivateKey } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { privateKeyToPem } from '@nixfleet/contracts/node-crypto';
import { type TestKey, testKey } from '@nixfleet/testkit';

/** A private key as it could lie somewhere: raw, in hexadecimal, or in base64 wherever in its three bytes it begins. */
export interface Secret {
  readonly name: string;
  readonly forms: readonly Buffer[];
}

export function secretOf(name: string, bytes: Uint8Array): Secret {
  const raw = Buffer.from(bytes);
  const hex = raw.toString('hex');
  const base64 = [0, 1, 2].map((offset) => {
    const text = Buffer.concat([Buffer.alloc(offset), raw]).toString('base64');
    // Without the first and last characters, which depend on what is around.
    return text.slice(4, -4);
  });
  return { name, forms: [raw, ...[hex, hex.toUpperCase(), ...base64].map((text) => Buffer.from(text))] };
}

export async function secretOfLabel(label: string): Promise<Secret> {
  return secretOf(label, seedOf(await testKey(label)));
}

/** Every file below a directory in which one of the secrets lies: `<secret> in <path>`. */
export function findSecrets(directory: string, secrets: readonly Secret[]): string[] {
  const found: string[] = [];
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const bytes = readFileSync(path);
    for (const { name, forms } of secrets)
      if (forms.some((form) => bytes.includes(form))) found.push(`${name} in ${path}`);
  }
  return found;
}

/** The last 32 bytes of the PKCS#8 form of an ed25519 key (RFC 8410 §7). */
function seedOf({ privateKey }: TestKey): Buffer {
  return createPrivateKey(privateKeyToPem(privateKey)).export({ format: 'der', type: 'pkcs8' }).subarray(-32);
}
