import {
  type DocumentType,
  documentBytesMax,
  type SignatureKind,
  type SignedBytes,
  type SignerName,
  signaturePath,
  sshsigCharactersMax,
  type TrustState,
} from '@nixfleet/contracts';
import type { DocumentSource, Fetched } from './document-source.ts';

/** A raw signature is 64 bytes; one more shows that it is too long. */
const signatureBytesMax = 65;

export type FetchedSigned =
  | { readonly ok: true; readonly signed: SignedBytes; readonly files: ReadonlyMap<string, Uint8Array> }
  | (Fetched & { readonly ok: false });

/** Whose signatures to look for: the keys that these trust documents declare for these signers. */
export interface WantedSignatures {
  readonly trust: TrustState;
  readonly names: readonly SignerName[];
  readonly kind: SignatureKind;
}

/**
 * A document with the signatures that could count: asked for by the keys that we know, so that a source cannot make us
 * read more than those. A source that fails in between is `unreachable`, not a document with too few signatures.
 */
export async function readSigned(
  source: DocumentSource,
  request: {
    readonly path: string;
    readonly type: DocumentType;
    /** Where its size is signed. */
    readonly bytesMax?: number;
    readonly wanted: readonly WantedSignatures[];
  },
  signal: AbortSignal,
): Promise<FetchedSigned> {
  const { path, type, wanted } = request;
  const bytesMax = Math.min(request.bytesMax ?? documentBytesMax[type], documentBytesMax[type]);
  const document = await source.get(path, bytesMax, signal);
  if (!document.ok) return document;
  const signatures = new Map<string, Uint8Array>();
  const sshSignatures = new Map<string, string>();
  const files = new Map([[path, document.bytes]]);
  for (const { keyId, kind } of keysWanted(wanted)) {
    const name = signaturePath(path, keyId, kind);
    const found = await source.get(name, kind === 'sig' ? signatureBytesMax : sshsigCharactersMax, signal);
    if (!found.ok && found.reason === 'unreachable') return found;
    if (!found.ok) continue;
    files.set(name, found.bytes);
    if (kind === 'sig') signatures.set(keyId, found.bytes);
    else sshSignatures.set(keyId, new TextDecoder().decode(found.bytes));
  }
  return { ok: true, signed: { bytes: document.bytes, signatures, sshSignatures }, files };
}

function keysWanted(wanted: readonly WantedSignatures[]): { readonly keyId: string; readonly kind: SignatureKind }[] {
  const keys = new Map<string, { keyId: string; kind: SignatureKind }>();
  for (const { trust, names, kind } of wanted) {
    const eligible = new Set(names);
    for (const [keyId, { signer, key }] of trust.keys) {
      if (!eligible.has(signer) || (kind === 'sig' && key.algorithm === 'sk-ssh-ed25519')) continue;
      keys.set(`${kind}:${keyId}`, { keyId, kind });
    }
  }
  return [...keys.values()];
}
