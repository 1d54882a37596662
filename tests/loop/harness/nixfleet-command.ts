import { execFile } from 'node:child_process';
import { join } from 'node:path';

/** The program from source. */
export const nixfleetMain = join(import.meta.dirname, '../../../packages/cli/src/main.ts');

export interface CommandEnd {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `nixfleet` as a process, away from any settings of the person who runs the tests. */
export function nixfleet(
  args: readonly string[],
  home: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<CommandEnd> {
  const env = { PATH: process.env.PATH, HOME: home, XDG_CONFIG_HOME: join(home, '.config'), ...environment };
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', nixfleetMain, ...args],
      { env },
      (error, stdout, stderr) =>
        resolve({ exitCode: typeof error?.code === 'number' ? error.code : error ? 1 : 0, stdout, stderr }),
    );
  });
}
