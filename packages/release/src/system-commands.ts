import { type ChildProcess, spawn } from 'node:child_process';
import type { Clock } from '@nixfleet/contracts';
import {
  type CommandRequest,
  type CommandResult,
  type Commands,
  stderrLineCharactersMax,
  stderrTailCharactersMax,
} from './commands.ts';
import { ReleaseError } from './errors.ts';

/** Runs programs of this machine. Each gets its own process group, so that what it started ends with it. */
export function systemCommands({ clock }: { readonly clock: Clock }): Commands {
  return { run: (request) => run(clock, request) };
}

async function run(clock: Clock, request: CommandRequest): Promise<CommandResult> {
  if (request.signal?.aborted) return { outcome: 'aborted', exitCode: null, stdout: new Uint8Array(), stderrTail: '' };
  const child = spawn(request.file, [...request.args], {
    cwd: request.cwd,
    env: { ...process.env, ...request.env },
    stdio: [request.stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    detached: request.isInteractive !== true,
  });
  let outcome: CommandResult['outcome'] = 'exited';
  const stop = (why: CommandResult['outcome']) => {
    if (outcome === 'exited') outcome = why;
    kill(child, request);
  };
  const ended = new AbortController();
  const onAbort = () => stop('aborted');
  request.signal?.addEventListener('abort', onAbort, { once: true });
  // A rejected sleep means that the program ended first.
  clock.sleep(request.timeoutMs, ended.signal).then(
    () => stop('timeout'),
    () => {},
  );
  try {
    const stdout: Uint8Array[] = [];
    let stdoutBytes = 0;
    child.stdout?.on('data', (chunk: Uint8Array) => {
      stdoutBytes += chunk.length;
      if (stdoutBytes > request.stdoutBytesMax) stop('too-much-output');
      else stdout.push(chunk);
    });
    const stderr = lineReader(request.onStderrLine);
    child.stderr?.setEncoding('utf8').on('data', stderr.take);
    // EPIPE: the program ended without reading; its exit code says why.
    child.stdin?.on('error', () => {}).end(request.stdin);
    const exitCode = await exitOf(child, request);
    return { outcome, exitCode, stdout: Buffer.concat(stdout), stderrTail: stderr.end() };
  } finally {
    ended.abort();
    request.signal?.removeEventListener('abort', onAbort);
  }
}

function exitOf(child: ChildProcess, request: CommandRequest): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.once('spawn', () => request.onStart?.(child.pid ?? 0));
    child.once('error', (cause) => {
      reject(new ReleaseError('command', `cannot run ${request.file}: ${cause.message}`, { cause }));
    });
    child.once('close', (code) => resolve(code));
  });
}

function kill(child: ChildProcess, { isInteractive = false }: CommandRequest): void {
  if (child.pid === undefined) return;
  try {
    process.kill(isInteractive ? child.pid : -child.pid, 'SIGKILL');
  } catch {
    // ESRCH: it has ended already.
  }
}

/** Keeps the tail and hands out whole lines. */
function lineReader(onLine: ((line: string) => void) | undefined) {
  let tail = '';
  let partial = '';
  const emit = (line: string) => onLine?.(line.slice(0, stderrLineCharactersMax));
  return {
    take(text: string): void {
      tail = (tail + text).slice(-stderrTailCharactersMax);
      if (!onLine) return;
      const lines = (partial + text).split('\n');
      partial = (lines.pop() ?? '').slice(0, stderrLineCharactersMax);
      for (const line of lines) emit(line);
    },
    end(): string {
      if (partial !== '') emit(partial);
      return tail;
    },
  };
}
