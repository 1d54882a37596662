/**
 * What a fault in this package can be.
 * - `bad-config`, `bad-trust`, `bad-tls-key`: what the operator gave cannot be used; the start stops.
 * - `state-unreadable`: the state directory cannot be trusted or understood. Never reset by itself.
 * - `disk-full`, `store-failed`: an append did not become durable; nothing was acknowledged.
 * - `source-failed`: the release source could not be read; the last good release stays.
 * - `overtaken`: what this control plane has seen is behind what another one stored; it takes that over.
 * - `listen-failed`: the address is taken or not allowed.
 * - `closed`: used after it was disposed.
 */
export type ControlPlaneErrorCode =
  | 'bad-config'
  | 'bad-trust'
  | 'bad-tls-key'
  | 'state-unreadable'
  | 'disk-full'
  | 'store-failed'
  | 'source-failed'
  | 'overtaken'
  | 'listen-failed'
  | 'closed';

/** A fault of the operator's settings, the disk, the network or ourselves. What peers send never causes one. */
export class ControlPlaneError extends Error {
  readonly code: ControlPlaneErrorCode;

  constructor(code: ControlPlaneErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = 'ControlPlaneError';
    this.code = code;
  }
}

/** One line of any thrown value, for logs and problem lists. */
export function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, 1000);
}
