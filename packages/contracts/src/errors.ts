/**
 * What a fault in this package can be.
 * - `not-canonicalizable`: a value has no canonical JSON form (`json.ts`).
 * - `bad-key`: key material handed in by our own code has the wrong length or shape.
 * - `bad-certificate`: a certificate was asked for with a name, serial or life that cannot be written.
 * - `invalid-document`: a document that our own code wants to sign would be refused by its readers.
 */
export type ContractsErrorCode = 'not-canonicalizable' | 'bad-key' | 'bad-certificate' | 'invalid-document';

/** A fault of the caller or of the platform. Input from outside never causes one: it ends in `{ ok: false, reason }`. */
export class ContractsError extends Error {
  readonly code: ContractsErrorCode;

  constructor(code: ContractsErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = 'ContractsError';
    this.code = code;
  }
}
