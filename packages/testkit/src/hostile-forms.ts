import { type DocumentRefusalCode, type DocumentType, documentBytesMax } from '@nixfleet/contracts';
import { testBytes } from './test-signing.ts';

export interface HostileForm {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly reason: DocumentRefusalCode;
}

/**
 * A valid document, made unacceptable by its form alone in every way that readers must tell apart. Sign (and bind by hash)
 * the bytes as they are: what is tested is that even the right signer cannot pass them.
 */
export function hostileForms<Document extends { readonly type: DocumentType; readonly fleet: string }>(
  document: Document,
): HostileForm[] {
  const good = testBytes(document);
  const text = new TextDecoder().decode(good);
  const bytes = (changed: string) => new TextEncoder().encode(changed);
  const withField = (json: string) => bytes(`${text.slice(0, -1)},"zz":${json}}`);
  return [
    { name: 'truncated', bytes: good.slice(0, -1), reason: 'malformed' },
    { name: 'cut inside UTF-8', bytes: new Uint8Array([...good.slice(0, -1), 0xc3]), reason: 'malformed' },
    { name: 'oversized', bytes: withField(`"${'x'.repeat(documentBytesMax[document.type])}"`), reason: 'oversized' },
    { name: 'trailing newline', bytes: bytes(`${text}\n`), reason: 'not-canonical' },
    { name: 'duplicate key', bytes: withField('1,"zz":2'), reason: 'not-canonical' },
    { name: 'keys out of order', bytes: withField('1,"a":2'), reason: 'not-canonical' },
    { name: 'nested too deep', bytes: withField('['.repeat(30) + ']'.repeat(30)), reason: 'too-deep' },
    { name: 'a fraction', bytes: withField('1.5'), reason: 'unsafe-number' },
    { name: 'no object', bytes: bytes('[]'), reason: 'wrong-type' },
    { name: 'another type', bytes: testBytes({ ...document, type: 'other' }), reason: 'wrong-type' },
    { name: 'another fleet', bytes: testBytes({ ...document, fleet: 'other' }), reason: 'wrong-fleet' },
    { name: 'a later schema', bytes: testBytes({ ...document, schemaVersion: 2 }), reason: 'unsupported-schema' },
    {
      name: 'an unknown requirement',
      bytes: testBytes({ ...document, requires: ['x'] }),
      reason: 'unknown-requirement',
    },
    { name: 'requires is no list', bytes: testBytes({ ...document, requires: 'x' }), reason: 'invalid' },
    {
      name: 'nothing but the envelope',
      bytes: testBytes({ type: document.type, fleet: document.fleet, schemaVersion: 1 }),
      reason: 'invalid',
    },
  ];
}
