import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..', '..', '..', '..');

export interface Finished {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly environment?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Runs as this user; only root may. */
  readonly uid?: number;
  /** Called once it runs, to send signals. */
  readonly onStart?: (child: ChildProcess) => void;
  /** Called with every piece of standard output. */
  readonly onStdout?: (text: string, child: ChildProcess) => void;
}

/** The real executable as a process, from source, with an environment that holds nothing of the caller's. */
export function runNixfleet(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(join(root, 'scripts', 'node'), [join(root, 'packages', 'cli', 'src', 'main.ts'), ...args], {
      env: { PATH: process.env.PATH ?? '', HOME: '/nonexistent', ...options.environment },
      cwd: options.cwd ?? root,
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(options.uid === undefined ? {} : { uid: options.uid }),
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      options.onStdout?.(text, child);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
    options.onStart?.(child);
  });
}
