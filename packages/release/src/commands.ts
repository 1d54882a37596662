export interface CommandRequest {
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  /** Added to the environment of this process. */
  readonly env?: Readonly<Record<string, string>>;
  /** Default: standard input is closed. */
  readonly stdin?: Uint8Array | string;
  /** After it the whole process group is killed. */
  readonly timeoutMs: number;
  /** More standard output than this kills the process group. */
  readonly stdoutBytesMax: number;
  /** Standard error, line by line, each cut at `stderrLineCharactersMax`. */
  readonly onStderrLine?: (line: string) => void;
  /** A person may have to answer it (a passphrase): it keeps the terminal, and so has no process group of its own. */
  readonly isInteractive?: boolean;
  readonly onStart?: (pid: number) => void;
  readonly signal?: AbortSignal;
}

export interface CommandResult {
  /** Why it ended. Only `exited` may have succeeded. */
  readonly outcome: 'exited' | 'timeout' | 'too-much-output' | 'aborted';
  /** Null if a signal ended it. */
  readonly exitCode: number | null;
  readonly stdout: Uint8Array;
  /** The last `stderrTailCharactersMax` characters of standard error. */
  readonly stderrTail: string;
}

export const stderrTailCharactersMax = 4000;
export const stderrLineCharactersMax = 2000;

/** Port to other programs: argv only, no shell in between. Throws `ReleaseError` `command` if one cannot be started. */
export interface Commands {
  run(request: CommandRequest): Promise<CommandResult>;
}

export function succeeded(result: CommandResult): boolean {
  return result.outcome === 'exited' && result.exitCode === 0;
}

/** One or more lines for people about a command that did not succeed. */
export function failureText(what: string, request: CommandRequest, result: CommandResult): string {
  return `${what} ${reasonOf(request, result)}${result.stderrTail === '' ? '' : `: ${result.stderrTail.trim()}`}`;
}

function reasonOf(request: CommandRequest, result: CommandResult): string {
  switch (result.outcome) {
    case 'timeout':
      return `took longer than ${request.timeoutMs} ms`;
    case 'too-much-output':
      return `printed more than ${request.stdoutBytesMax} bytes`;
    case 'aborted':
      return 'was stopped';
    case 'exited':
      return result.exitCode === null ? 'was killed' : `ended with exit code ${result.exitCode}`;
    default:
      return result.outcome satisfies never;
  }
}
