import {
  accept,
  type CacheKey,
  type Crypto,
  closurePathsMax,
  type NarHash,
  parseNarHash,
  type Refusal,
  refuse,
  StorePath,
  type Verified,
} from '@nixfleet/contracts';

/** What a binary cache says of one path. Everything in it is the cache's word until a signature is verified. */
export interface NarInfo {
  readonly path: StorePath;
  /** Where the compressed NAR is, relative to the cache. */
  readonly url: string;
  readonly narHash: NarHash;
  readonly narSize: number;
  /** Sorted. */
  readonly references: readonly StorePath[];
  readonly signatures: readonly NarSignature[];
}

export interface NarSignature {
  readonly keyName: string;
  readonly signature: Uint8Array;
}

/** Largest `.narinfo` file: 10,000 references of at most 250 bytes. */
export const narInfoBytesMax = 4 * 1024 * 1024;
const signaturesMax = 64;
const once = [
  'StorePath',
  'URL',
  'NarHash',
  'NarSize',
  'References',
  'Compression',
  'FileHash',
  'FileSize',
  'Deriver',
  'CA',
];

/**
 * Parses a `.narinfo`. Stricter than Nix, since a file that two readers read differently could show one of them a
 * signed path and the other another: every line is `Field: value`, known fields occur once, required ones are there.
 */
export function parseNarInfo(bytes: Uint8Array): Verified<NarInfo, 'malformed'> {
  if (bytes.length > narInfoBytesMax) return refuse('malformed', `more than ${narInfoBytesMax} bytes`);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return refuse('malformed', 'not UTF-8');
  }
  const lines = text.split('\n');
  if (lines.pop() !== '') return refuse('malformed', 'truncated: does not end with a line break');
  const fields = new Map<string, string>();
  const signatures: NarSignature[] = [];
  for (const line of lines) {
    const match = /^([A-Za-z][A-Za-z0-9-]*):(?: ([\x20-\x7e]*))?$/.exec(line);
    const field = match?.[1];
    if (field === undefined) return refuse('malformed', `not a field: ${JSON.stringify(line.slice(0, 100))}`);
    const value = match?.[2] ?? '';
    if (field === 'Sig') {
      const signature = parseSignature(value);
      if (!signature) return refuse('malformed', `Sig: expected name:base64 of 64 bytes, got ${value.slice(0, 100)}`);
      if (signatures.push(signature) > signaturesMax)
        return refuse('malformed', `more than ${signaturesMax} signatures`);
    } else if (once.includes(field)) {
      if (fields.has(field)) return refuse('malformed', `${field}: named twice`);
      fields.set(field, value);
    }
  }
  return fromFields(fields, signatures);
}

function fromFields(
  fields: ReadonlyMap<string, string>,
  signatures: readonly NarSignature[],
): Verified<NarInfo, 'malformed'> {
  const path = StorePath.safeParse(fields.get('StorePath'));
  if (!path.success) return bad('StorePath', fields);
  const narHash = parseNarHash(fields.get('NarHash') ?? '');
  if (!narHash) return bad('NarHash', fields);
  const narSize = /^[1-9]\d{0,15}$/.test(fields.get('NarSize') ?? '') ? Number(fields.get('NarSize')) : Number.NaN;
  if (!Number.isSafeInteger(narSize)) return bad('NarSize', fields);
  const url = fields.get('URL') ?? '';
  // Relative and without `..`: a cache must not send us elsewhere.
  if (!/^[A-Za-z0-9][A-Za-z0-9._/+=-]{0,511}$/.test(url) || url.split('/').includes('..')) return bad('URL', fields);
  const names = fields
    .get('References')
    ?.split(' ')
    .filter((name) => name !== '');
  if (!names || names.length > closurePathsMax) return bad('References', fields);
  const references: StorePath[] = [];
  for (const name of names) {
    const reference = StorePath.safeParse(`/nix/store/${name}`);
    if (!reference.success) return bad('References', fields);
    references.push(reference.data);
  }
  return accept({ path: path.data, url, narHash, narSize, references: references.sort(), signatures });
}

function bad(field: string, fields: ReadonlyMap<string, string>): Refusal<'malformed'> {
  return refuse('malformed', `${field}: unusable: ${JSON.stringify(fields.get(field)?.slice(0, 100) ?? null)}`);
}

function parseSignature(value: string): NarSignature | null {
  const match = /^([A-Za-z0-9._-]{1,128}):([A-Za-z0-9+/]{86}==)$/.exec(value);
  if (!match?.[1] || !match[2]) return null;
  const signature = new Uint8Array(Buffer.from(match[2], 'base64'));
  return signature.length === 64 ? { keyName: match[1], signature } : null;
}

/** What a cache key signs (Nix: `ValidPathInfo::fingerprint`). */
export function fingerprintOf(info: Pick<NarInfo, 'path' | 'narHash' | 'narSize' | 'references'>): string {
  return `1;${info.path};${info.narHash};${info.narSize};${info.references.join(',')}`;
}

/** `unsigned`: no signature names a declared key. `wrong-key`: one does, and none of those verifies. */
export async function verifyNarInfo(
  crypto: Crypto,
  info: NarInfo,
  keys: readonly CacheKey[],
): Promise<Verified<null, 'unsigned' | 'wrong-key'>> {
  const message = new TextEncoder().encode(fingerprintOf(info));
  let named = 0;
  for (const key of keys) {
    const [keyName = '', text = ''] = key.split(':');
    const raw = new Uint8Array(Buffer.from(text, 'base64'));
    for (const { signature, keyName: signedBy } of info.signatures) {
      if (signedBy !== keyName) continue;
      named++;
      if (await crypto.verify({ algorithm: 'ed25519', raw }, message, signature)) return accept(null);
    }
  }
  const have = info.signatures.map(({ keyName }) => keyName).join(', ');
  return named > 0
    ? refuse('wrong-key', `the signature under ${have} is not one of the declared key of that name`)
    : refuse(
        'unsigned',
        `expected a signature of ${keys.map((key) => key.split(':')[0]).join(' or ')}, got ${have || 'none'}`,
      );
}
