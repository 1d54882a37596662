import {
  type SignatureKind,
  type SignedBytes,
  type SignerName,
  signaturePath,
  type TrustState,
} from '@nixfleet/contracts';

/** What verification reads from: a snapshot of the source, or what was stored of it. */
export interface ReleaseReader {
  read(path: string, bytesMax: number): Promise<Uint8Array | null>;
  /** Names of the documents in `holds/`, without `.json`; any text. Absent where a source cannot list a folder. */
  holds?(): Promise<readonly string[]>;
}

/** Upper bounds of signature files, in bytes: raw 64 bytes, and an armored SSHSIG of any algorithm we know. */
const signatureBytesMax: Readonly<Record<SignatureKind, number>> = { sig: 64, sshsig: 8192 };

/** A document with its signatures, and the same as files, to be stored and served untouched. */
export interface SignedFiles {
  readonly signed: SignedBytes;
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/**
 * Reads a document and the signatures that the given keys may have made beside it; null without the document.
 * Driven by the keys we know, so that nobody makes us read more by publishing more.
 */
export async function readSigned(
  reader: ReleaseReader,
  path: string,
  { bytesMax, machines, people = [] }: SignedFilesBounds,
): Promise<SignedFiles | null> {
  const bytes = await reader.read(path, bytesMax);
  if (!bytes) return null;
  const files = new Map([[path, bytes]]);
  const signatures = new Map<string, Uint8Array>();
  const sshSignatures = new Map<string, string>();
  const wanted = [
    ...machines.map((keyId) => ({ keyId, kind: 'sig' as const })),
    ...people.map((keyId) => ({ keyId, kind: 'sshsig' as const })),
  ];
  const found = await Promise.all(
    wanted.map(({ keyId, kind }) => reader.read(signaturePath(path, keyId, kind), signatureBytesMax[kind])),
  );
  for (const [i, { keyId, kind }] of wanted.entries()) {
    const signature = found[i];
    if (!signature) continue;
    files.set(signaturePath(path, keyId, kind), signature);
    if (kind === 'sig') signatures.set(keyId, signature);
    else sshSignatures.set(keyId, new TextDecoder().decode(signature));
  }
  return { signed: { bytes, signatures, sshSignatures }, files };
}

export interface SignedFilesBounds {
  readonly bytesMax: number;
  /** keyIds whose machine signatures are looked for. */
  readonly machines: readonly string[];
  /** keyIds whose SSHSIGs are looked for. */
  readonly people?: readonly string[];
}

/** Keys of the named signers. */
export function keyIdsOf(trust: TrustState, signers: readonly SignerName[]): string[] {
  const names = new Set(signers);
  return [...trust.keys].filter(([, { signer }]) => names.has(signer)).map(([keyId]) => keyId);
}

/** Reads what was stored of a release. */
export function storedReader(files: ReadonlyMap<string, Uint8Array>): ReleaseReader {
  return {
    read: async (path) => files.get(path) ?? null,
    holds: async () => [...files.keys()].flatMap((path) => holdNameOf(path) ?? []),
  };
}

/** The name of a hold's document from its path inside `releases/`; null for any other path. */
export function holdNameOf(path: string): string | null {
  return /^holds\/([^/]{1,64})\.json$/.exec(path)?.[1] ?? null;
}

/** The hash of the hold that a document is or lifts, or a signature is beside; null for any other path. */
export function brakeNameOf(path: string): string | null {
  return /^(?:holds|resumes)\/([0-9a-f]{64})\.json/.exec(path)?.[1] ?? null;
}
