/**
 * What a fault in this package can be.
 * - `command`: a program is missing, ran too long, printed too much, or printed what its manual does not promise.
 * - `nix`, `git`: that program failed where success was certain enough that failing is no outcome.
 * - `io`: a file could not be read or written.
 * - `bad-input`: a file or option handed in by the operator is malformed.
 * - `floor-unreadable`: this program's own anti-rollback state is there and cannot be read. Never reset silently.
 */
export type ReleaseErrorCode = 'command' | 'nix' | 'git' | 'io' | 'bad-input' | 'floor-unreadable';

export class ReleaseError extends Error {
  readonly code: ReleaseErrorCode;

  constructor(code: ReleaseErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = 'ReleaseError';
    this.code = code;
  }
}
