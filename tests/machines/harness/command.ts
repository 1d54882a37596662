import { execFile, execFileSync } from 'node:child_process';

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

/** The same, without keeping other scenarios waiting. */
export function commandLater(program: string, ...args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(
      program,
      args,
      { encoding: 'utf8', timeout: timeoutMs, maxBuffer: outputBytesMax },
      (error, stdout, stderr) => {
        if (error) reject(new Error(`${program} ${args.join(' ')}: ${error.message}\n${stderr}`));
        else resolve(stdout);
      },
    );
  });
}
