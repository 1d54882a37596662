import {
  ComplianceCatalogue,
  type Crypto,
  catalogueBytesMax,
  type HostName,
  type Sha256Hex,
  type StorePath,
  sha256Hex,
} from '@nixfleet/contracts';
import { messageOf } from '../errors.ts';
import type { Files } from '../files.ts';
import type { Host } from '../host.ts';
import { locateInStore } from '../store-links.ts';

export interface Catalogue {
  readonly document: ComplianceCatalogue;
  /** Of the bytes of `etc/nixfleet/compliance.json`, as read. */
  readonly sha256: Sha256Hex;
}

export type ReadCatalogue =
  | { readonly kind: 'read'; readonly catalogue: Catalogue }
  | { readonly kind: 'absent' }
  /** It is there and is of no use: another host's, malformed, not readable. */
  | { readonly kind: 'unusable'; readonly detail: string };

/** What `closure` says is to be measured on `host`: in the closure, so that its digest signs it. */
export async function readCatalogue(
  closure: StorePath,
  {
    files,
    crypto,
    host,
    name,
  }: { readonly files: Files; readonly crypto: Crypto; readonly host: Pick<Host, 'locate'>; readonly name: HostName },
): Promise<ReadCatalogue> {
  const path = `${closure}/etc/nixfleet/compliance.json`;
  try {
    const at = await locateInStore(host, path);
    const bytes = at && (await files.read(at, catalogueBytesMax));
    if (!bytes) return { kind: 'absent' };
    const document = ComplianceCatalogue.parse(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)));
    if (document.host !== name) return { kind: 'unusable', detail: `${path}: for ${document.host}, expected ${name}` };
    return { kind: 'read', catalogue: { document, sha256: await sha256Hex(crypto, bytes) } };
  } catch (error) {
    return { kind: 'unusable', detail: `${path}: ${messageOf(error)}`.slice(0, 900) };
  }
}
