import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import { promisify } from 'node:util';

/** What a command printed, and how it ended. */
export interface Ran {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Longest that one command of the demo may take, in milliseconds. */
const commandTimeoutMs = 60_000;
const outputBytesMax = 16 * 1024 * 1024;

/** Runs a program to its end; a non-zero exit is a result, not an error. */
export async function run(
  argv: readonly [string, ...string[]],
  options: { readonly cwd?: string; readonly env?: Readonly<Record<string, string | undefined>> } = {},
): Promise<Ran> {
  const [program, ...args] = argv;
  const execOptions = {
    timeout: commandTimeoutMs,
    maxBuffer: outputBytesMax,
    env: { ...process.env, ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  };
  try {
    const { stdout, stderr } = await promisify(execFile)(program, args, execOptions);
    return { exitCode: 0, stdout, stderr };
  } catch (error) {
    const { code, stdout = '', stderr = '' } = error as { code?: number | string; stdout?: string; stderr?: string };
    return { exitCode: typeof code === 'number' ? code : 1, stdout, stderr: stderr === '' ? String(error) : stderr };
  }
}

/** As `run`, for commands that must succeed. */
export async function must(...args: Parameters<typeof run>): Promise<string> {
  const ran = await run(...args);
  if (ran.exitCode !== 0) {
    throw new Error(`${args[0].join(' ')}\nended with ${ran.exitCode}:\n${ran.stderr}${ran.stdout}`.slice(0, 4000));
  }
  return ran.stdout;
}

/** A long-running program whose output goes to a file. */
export class Program implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;

  constructor(argv: readonly [string, ...string[]], { log, env }: { log: string; env?: Record<string, string> }) {
    const [program, ...args] = argv;
    const output = openSync(log, 'a');
    this.#child = spawn(program, args, { stdio: ['ignore', output, output], env: { ...process.env, ...env } });
    this.#ended = new Promise((resolve) => this.#child.once('exit', () => resolve()));
    this.#child.once('error', () => undefined);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** True until it has ended. */
  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  async kill(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    if (!this.isRunning) return;
    this.#child.kill(signal);
    await this.#ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.isRunning) return;
    const hard = setTimeout(() => this.#child.kill('SIGKILL'), 3000);
    await this.kill('SIGTERM');
    clearTimeout(hard);
  }
}

/** A word as a shell takes it. */
export function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
