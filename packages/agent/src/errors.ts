/**
 * What a fault in this package can be.
 * - `bad-config`: a setting is missing, unknown or malformed.
 * - `bad-key`: the host's private key cannot be read or is of no use.
 * - `bad-trust`: the shipped trust document is not one.
 * - `disk-full`: nothing can be written.
 * - `journal-full`: too many events wait to be acknowledged.
 * - `oversized`: a file is longer than it may be.
 * - `io`: any other failure of the file system.
 * - `floor-unreadable`: anti-rollback state is there and cannot be read; never a reason to reset it.
 * - `nix-failed`: a Nix command ended in a way that says nothing of the closure.
 */
export type AgentErrorCode =
  | 'bad-config'
  | 'bad-key'
  | 'bad-trust'
  | 'disk-full'
  | 'journal-full'
  | 'oversized'
  | 'io'
  | 'floor-unreadable'
  | 'nix-failed';

/** A fault of this machine or of our own code. What the network and documents do wrong is a value, never this. */
export class AgentError extends Error {
  readonly code: AgentErrorCode;

  constructor(code: AgentErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = 'AgentError';
    this.code = code;
  }
}

/** The message of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
