export type EvidenceErrorCode =
  /** A document could not be built from what the caller gave: a fault of the program, not of what was measured. */
  | 'bad-input'
  /** The host's key cannot sign evidence. */
  | 'bad-key';

export class EvidenceError extends Error {
  readonly code: EvidenceErrorCode;

  constructor(code: EvidenceErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = 'EvidenceError';
    this.code = code;
  }
}
