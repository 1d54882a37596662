/**
 * Why a probe could not measure. The rule is then in error: neither passed nor failed.
 * - `bad-arguments`: an argument is unknown, missing or malformed; a mistake of whoever wrote the descriptor.
 * - `unreadable`: a file that has to be there is not, or cannot be read.
 * - `oversized`: a file, a list, a command's output or the probe's own is longer than it may be.
 * - `malformed`: what a file or a command says is not what it is known to say.
 * - `command-missing`: a program is not on the PATH nor where systems have it.
 * - `command-failed`: a program ended badly or took too long.
 * - `no-time`: the probe's own time is over.
 * - `needs-machine`: with `--root`, what only the running machine can say.
 */
export type ProbeErrorCode =
  | 'bad-arguments'
  | 'unreadable'
  | 'oversized'
  | 'malformed'
  | 'command-missing'
  | 'command-failed'
  | 'no-time'
  | 'needs-machine';

/** A measurement that could not be made. What is measured and found wrong is a violation, never this. */
export class ProbeError extends Error {
  readonly code: ProbeErrorCode;

  constructor(code: ProbeErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = 'ProbeError';
    this.code = code;
  }
}

/** The message of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
