import type { Crypto } from './crypto.ts';
import { encodeHex } from './hex.ts';
import type { Sha256Hex } from './names.ts';

/** SHA-256 as 64 lower-case hexadecimal digits: the identity of a document, of an event, of a key. */
export async function sha256Hex(crypto: Crypto, bytes: Uint8Array): Promise<Sha256Hex> {
  return encodeHex(await crypto.sha256(bytes)) as Sha256Hex;
}
