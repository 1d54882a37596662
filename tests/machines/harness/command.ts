import { execFileSync } from 'node:child_process';

/** Longest a command of the harness may take, and most it may print. */
const timeoutMs = 60_000;
const outputBytesMax = 64 * 1024 * 1024;

/** Runs a program; throws with what it said when it fails. */
export function command(program: string, ...args: readonly string[]): string {
  return execFileSync(program, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: timeoutMs,
    maxBuffer: outputBytesMax,
  });
}
