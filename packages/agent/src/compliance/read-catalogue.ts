import { ComplianceCatalogue, type Crypto, type HostName, type Sha256Hex, sha256Hex } from '@nixfleet/contracts';
import { messageOf } from '../errors.ts';
import type { DeclaredControls } from '../probes.ts';

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

/** What a closure says is to be measured on `host`: in the closure, so that its digest signs it. */
export async function readCatalogue(
  declared: DeclaredControls,
  { crypto, host }: { readonly crypto: Crypto; readonly host: HostName },
): Promise<ReadCatalogue> {
  if (!declared.ok) return { kind: 'unusable', detail: declared.detail };
  const { bytes } = declared;
  if (bytes === null) return { kind: 'absent' };
  try {
    const document = ComplianceCatalogue.parse(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)));
    if (document.host !== host) {
      return { kind: 'unusable', detail: `the controls are those of ${document.host}, expected ${host}` };
    }
    return { kind: 'read', catalogue: { document, sha256: await sha256Hex(crypto, bytes) } };
  } catch (error) {
    return { kind: 'unusable', detail: `the controls are malformed: ${messageOf(error)}`.slice(0, 900) };
  }
}
