import { parseSignaturePath, type SignedBytes, signaturePath } from '@nixfleet/contracts';
import { present } from './accepted.ts';

/** Writes a document and its signatures into a tree of files, in place of what is there. */
export function putSigned(files: Map<string, Uint8Array>, path: string, signed: SignedBytes): void {
  for (const name of [...files.keys()]) if (parseSignaturePath(name)?.path === path) files.delete(name);
  files.set(path, signed.bytes);
  for (const [keyId, signature] of signed.signatures) files.set(signaturePath(path, keyId, 'sig'), signature);
  for (const [keyId, armored] of signed.sshSignatures ?? []) {
    files.set(signaturePath(path, keyId, 'sshsig'), new TextEncoder().encode(armored));
  }
}

/** A document and its signatures from a tree of files; throws if the document is not there. */
export function readSigned(files: ReadonlyMap<string, Uint8Array>, path: string): SignedBytes {
  const signatures = new Map<string, Uint8Array>();
  const sshSignatures = new Map<string, string>();
  for (const [name, bytes] of files) {
    const parsed = parseSignaturePath(name);
    if (parsed?.path !== path) continue;
    if (parsed.kind === 'sig') signatures.set(parsed.keyId, bytes);
    else sshSignatures.set(parsed.keyId, new TextDecoder().decode(bytes));
  }
  return { bytes: present(files.get(path), path), signatures, sshSignatures };
}
