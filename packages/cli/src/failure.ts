import { CliError } from './cli-error.ts';
import type { ExitCode } from './command-definition.ts';
import { printable } from './printable.ts';

/** Error classes of our own packages: what they throw is a fault of the surroundings, told in one line. */
const ownErrors: ReadonlySet<string> = new Set([
  'AgentError',
  'ContractsError',
  'ControlPlaneError',
  'EngineError',
  'EvidenceError',
  'ProbeError',
  'ReleaseError',
]);

/** How a system call failed, for people; others are shown by their code. */
const systemErrors: ReadonlyMap<string, string> = new Map([
  ['EACCES', 'permission denied: check the owner and mode, or run as another user'],
  ['EPERM', 'not permitted: check the owner and mode, or run as another user'],
  ['ENOENT', 'no such file or directory: check the path'],
  ['ENOTDIR', 'a part of the path is no directory: check the path'],
  ['EISDIR', 'is a directory: name a file'],
  ['EEXIST', 'is already there: remove it, or choose another path'],
  ['ENOSPC', 'no space left on the device: make room and try again'],
  ['EROFS', 'the file system is read-only: choose another path'],
  ['EADDRINUSE', 'the address is in use: stop the other program, or listen elsewhere'],
  ['EMFILE', 'too many open files: raise the limit (ulimit -n)'],
]);

export interface Failure {
  readonly exitCode: ExitCode;
  /** What goes to standard error: one line, or a stack where it is a bug. */
  readonly text: string;
}

/** Mistakes and misfortune get one line; what nobody foresaw gets its stack. */
export function describeFailure(error: unknown): Failure {
  if (error instanceof CliError) {
    return { exitCode: error.code === 'usage' ? 2 : 1, text: `nixfleet: ${printable(error.message)}` };
  }
  if (error instanceof Error) {
    if (ownErrors.has(error.name)) return { exitCode: 1, text: `nixfleet: ${printable(error.message)}` };
    const line = systemErrorLine(error);
    if (line !== null) return { exitCode: 1, text: `nixfleet: ${printable(line)}` };
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { exitCode: 1, text: `nixfleet: this is a bug, please report it\n${stack}` };
}

function systemErrorLine(error: NodeJS.ErrnoException): string | null {
  if (error.syscall === undefined || error.code === undefined) return null;
  const what = systemErrors.get(error.code) ?? `${error.syscall} failed (${error.code})`;
  return `${error.path ?? error.syscall}: ${what}`;
}
