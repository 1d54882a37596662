import type { Crypto } from './crypto.ts';
import type { Sha256Hex } from './names.ts';

const digits = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** SHA-256 as 64 lower-case hexadecimal digits: the identity of a document, of an event, of a key. */
export async function sha256Hex(crypto: Crypto, bytes: Uint8Array): Promise<Sha256Hex> {
  const hash = await crypto.sha256(bytes);
  let hex = '';
  for (const byte of hash) hex += digits[byte];
  return hex as Sha256Hex;
}
