import { parseSignaturePath, type SignedBytes, textOf } from '@nixfleet/contracts';
import type { PacketReader } from './packet-reader.ts';

const signatureBytesMax = 16 * 1024;
/** Most signatures of one document that are read. */
const signaturesReadMax = 64;

/** A document of a packet with the signatures beside it. */
export async function signedIn(reader: PacketReader, path: string, bytes: Uint8Array): Promise<SignedBytes> {
  const signatures = new Map<string, Uint8Array>();
  const sshSignatures = new Map<string, string>();
  for (const other of await reader.list()) {
    if (!other.startsWith(`${path}.`)) continue;
    const parsed = parseSignaturePath(other);
    if (parsed?.path !== path || signatures.size + sshSignatures.size >= signaturesReadMax) continue;
    const signature = await reader.read(other, signatureBytesMax);
    if (!signature) continue;
    if (parsed.kind === 'sig') signatures.set(parsed.keyId, signature);
    else sshSignatures.set(parsed.keyId, textOf(signature));
  }
  return { bytes, signatures, sshSignatures };
}
