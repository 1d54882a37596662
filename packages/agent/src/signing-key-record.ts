import { decodeBase64, encodeBase64, type PublicKey, parseSpki, spkiOf } from '@nixfleet/contracts';
import { z } from 'zod';

/** SubjectPublicKeyInfo, base64, of the key that signs a journal. */
export const SigningKey = z.object({ spki: z.string().max(1024) });
export type SigningKey = z.infer<typeof SigningKey>;

export function signingKeyRecord(key: PublicKey): SigningKey {
  return { spki: encodeBase64(spkiOf(key)) };
}

/** Null for a key of another kind than ours. */
export function keyOfRecord({ spki }: SigningKey): PublicKey | null {
  const bytes = decodeBase64(spki);
  return bytes && parseSpki(bytes);
}
