import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import type { Clock, CommandOutput } from '@nixfleet/contracts';
import { OutputCollector } from './command-output.ts';
import { messageOf } from './errors.ts';

/** Between asking a command to end and ending it, in milliseconds. */
const killDelayMs = 2000;
/** Between two looks at how much memory a command takes, in milliseconds. */
const memoryMs = 100;
/** How long the output of an ended command is still read: a daemon that it left may keep the pipe open. */
const drainMs = 500;

export interface Command {
  readonly argv: readonly [string, ...string[]];
  /** The whole environment. */
  readonly environment: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  /** Of standard output, in bytes; the command is killed when it prints more. */
  readonly stdoutBytesMax: number;
  /** Resident memory of the program itself, in bytes; it is killed when it takes more. Only where there is a `/proc`. */
  readonly memoryBytesMax?: number;
  readonly directory?: string;
  readonly signal?: AbortSignal;
  readonly clock: Clock;
  /** `inherit`: stay in the caller's process group, which then ends what the program leaves behind. Default `own`. */
  readonly group?: 'own' | 'inherit';
  /** Sees every chunk of both streams. */
  readonly onOutput?: (chunk: Buffer) => void;
  /** What of standard error is for people, where a program writes more than that to it. */
  readonly prose?: (chunk: Buffer) => Uint8Array;
}

export interface CommandResult {
  /** Null: killed by a signal, or never started. */
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stdoutBytes: Uint8Array;
  /** The end of both streams, as events carry it. */
  readonly output: CommandOutput;
  readonly ended: 'exit' | 'timeout' | 'too-much-output' | 'too-much-memory' | 'aborted' | 'not-started';
}

/** Runs a program without a shell, by default in a process group of its own, which a limit that is reached ends whole. */
export function runCommand(command: Command): Promise<CommandResult> {
  const { argv, environment, timeoutMs, stdoutBytesMax, directory, signal, clock, group = 'own' } = command;
  const [program, ...args] = argv;
  const startedAt = clock.monotonicMs();
  return new Promise((resolve) => {
    const collector = new OutputCollector();
    const chunks: Buffer[] = [];
    let bytes = 0;
    let ended: CommandResult['ended'] = 'exit';
    const over = new AbortController();
    const child = spawn(program, args, {
      env: { ...environment },
      detached: group === 'own',
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(directory === undefined ? {} : { cwd: directory }),
    });
    const kill = (name: NodeJS.Signals): void => {
      try {
        if (child.pid !== undefined) process.kill(group === 'own' ? -child.pid : child.pid, name);
      } catch {
        // Gone already.
      }
    };
    const stop = (why: CommandResult['ended']): void => {
      if (over.signal.aborted || ended !== 'exit') return;
      ended = why;
      kill('SIGTERM');
      clock.sleep(killDelayMs, over.signal).then(
        () => kill('SIGKILL'),
        () => {},
      );
    };
    const abort = (): void => stop('aborted');
    const settle = (exitCode: number | null, signalName: string | null): void => {
      if (over.signal.aborted) return;
      over.abort();
      signal?.removeEventListener('abort', abort);
      const durationMs = clock.monotonicMs() - startedAt;
      const stdoutBytes = new Uint8Array(Buffer.concat(chunks));
      resolve({
        exitCode,
        stdout: new TextDecoder().decode(stdoutBytes),
        stdoutBytes,
        output: collector.output({ exitCode, signal: signalName, durationMs }),
        ended,
      });
    };
    const take = (chunk: Buffer): void => {
      collector.add(chunk);
      command.onOutput?.(chunk);
    };
    child.stdout.on('data', (chunk: Buffer) => {
      take(chunk);
      bytes += chunk.length;
      if (bytes > stdoutBytesMax) stop('too-much-output');
      else chunks.push(chunk);
    });
    child.stderr.on('data', (chunk: Buffer) => {
      collector.add(command.prose?.(chunk) ?? chunk);
      command.onOutput?.(chunk);
    });
    child.on('error', (error) => {
      ended = 'not-started';
      take(Buffer.from(messageOf(error)));
      settle(null, null);
    });
    child.on('close', settle);
    child.on('exit', (code, name) => {
      clock.sleep(drainMs, over.signal).then(
        () => {
          child.stdout.destroy();
          child.stderr.destroy();
          settle(code, name);
        },
        () => {},
      );
    });
    clock.sleep(timeoutMs, over.signal).then(
      () => stop('timeout'),
      () => {},
    );
    if (command.memoryBytesMax !== undefined) {
      untilLarger(child.pid, command.memoryBytesMax, { clock, signal: over.signal }).then(
        () => stop('too-much-memory'),
        () => {},
      );
    }
    if (signal?.aborted) abort();
    else signal?.addEventListener('abort', abort, { once: true });
  });
}

/** Resolves when the process has more than so many bytes in memory. Rejects when it is gone, or `signal` aborts. */
async function untilLarger(
  pid: number | undefined,
  bytesMax: number,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<void> {
  for (;;) {
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    if (Number(/^VmRSS:\s*(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024 > bytesMax) return;
    await clock.sleep(memoryMs, signal);
  }
}
