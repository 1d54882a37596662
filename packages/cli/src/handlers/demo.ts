import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { execPath } from 'node:process';
import { fileURLToPath } from 'node:url';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import type { ExitCode } from '../command-definition.ts';
import type { CommandValues } from '../command-values.ts';

/** The demo is a program of its own, which drives the shipped executable from outside as a person would. */
const program = fileURLToPath(new URL('./demo.js', import.meta.url));
const launcher = fileURLToPath(new URL('../nixfleet', import.meta.url));

export async function run({ signal }: CommandContext, values: CommandValues): Promise<ExitCode> {
  if (!existsSync(program) || !existsSync(launcher)) {
    throw new CliError('failed', 'the demo runs from the shipped bundle', 'run make build, then dist/nixfleet demo');
  }
  const args = [program, '--nixfleet', launcher, ...(values.flag('keep') ? ['--keep'] : [])];
  const child = spawn(execPath, args, { stdio: 'inherit' });
  // On a terminal the child gets the interrupt itself; here it is passed on for all other callers.
  signal.addEventListener('abort', () => child.kill('SIGTERM'), { once: true });
  const [exitCode] = (await once(child, 'exit')) as [number | null];
  return exitCode === 0 ? 0 : 1;
}
