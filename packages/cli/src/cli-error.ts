/**
 * What a command ends with when it is not done, and it is nobody's bug.
 * - `usage`: the command line or a setting is wrong; exit code 2.
 * - `failed`: what was asked for could not be done; exit code 1.
 */
export type CliErrorCode = 'usage' | 'failed';

/** Shown as one line: what is wrong and where, then what to do next. */
export class CliError extends Error {
  readonly code: CliErrorCode;
  readonly what: string;
  readonly next: string;

  /** `what` names the thing first (a file, a URL, an option); `next` says what to do about it. */
  constructor(code: CliErrorCode, what: string, next: string, options?: { readonly cause?: unknown }) {
    super(`${what}: ${next}`, options);
    this.name = 'CliError';
    this.code = code;
    this.what = what;
    this.next = next;
  }
}
