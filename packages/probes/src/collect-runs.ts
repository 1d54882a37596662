import { type ChildProcess, spawn } from 'node:child_process';
import type { Clock, ProbeDescriptor } from '@nixfleet/contracts';
import { ProbeError } from './errors.ts';

/** What is to be measured for one rule. */
export interface ProbeTask {
  readonly ruleId: string;
  readonly probe: ProbeDescriptor;
}

/** How one probe ended. What it printed is judged by whoever reads it: every byte may be hostile. */
export interface ProbeRun {
  /** Null where it was killed, or never started. */
  readonly exitCode: number | null;
  readonly durationMs: number;
  /** At most one byte more than the descriptor's `maxOutputBytes`. */
  readonly stdout: Uint8Array;
  /** Why it did not run to a good end. Names nobody: what the probe said about it is in `said`. */
  readonly problem?: string;
  /** End of its standard error, for this machine's own log. */
  readonly said: string;
}

export interface CollectOptions {
  readonly clock: Clock;
  /** PATH of every probe, and what else its launcher needs. Nothing of this process's environment comes along. */
  readonly environment: Readonly<Record<string, string>>;
  /** Who probes without privilege run as. Null: as this process, which then has none to drop. */
  readonly unprivileged: { readonly uid: number; readonly gid: number } | null;
  /** Default `collectionMsMax`. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** A whole collection, in milliseconds: what has not ended by then is an error. */
export const collectionMsMax = 120_000;
/** Probes that run side by side: most wait for the disk or for another program. */
export const probesAtOnce = 2;
/** Most rules of one collection; a catalogue holds no more. */
export const tasksMax = 4096;
const saidCharactersMax = 1024;

/**
 * Runs every probe of a catalogue, a few at a time, each in a process group of its own that its bounds end whole. Rules that
 * ask the same question share one answer. Never rejects for what a probe does.
 */
export async function collectRuns(
  tasks: readonly ProbeTask[],
  options: CollectOptions,
): Promise<ReadonlyMap<string, ProbeRun>> {
  if (tasks.length > tasksMax)
    throw new ProbeError('oversized', `expected at most ${tasksMax} rules, got ${tasks.length}`);
  const { clock, timeoutMs = collectionMsMax, signal } = options;
  const deadlineMs = clock.monotonicMs() + timeoutMs;
  const questions = new Map<string, ProbeDescriptor>();
  for (const { probe } of tasks) questions.set(questionOf(probe), probe);
  const answers = new Map<string, ProbeRun>();
  const waiting = [...questions];
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [question, probe] = next;
      const leftMs = deadlineMs - clock.monotonicMs();
      if (signal?.aborted || leftMs <= 0)
        answers.set(
          question,
          notRun(
            signal?.aborted
              ? 'was not run: the collection was stopped'
              : `was not run: the collection may take ${timeoutMs / 1000} s`,
          ),
        );
      else answers.set(question, await runOne(probe, leftMs, options));
    }
  };
  await Promise.all(Array.from({ length: probesAtOnce }, work));
  return new Map(
    tasks.map(({ ruleId, probe }) => [ruleId, answers.get(questionOf(probe)) ?? notRun('was not run')] as const),
  );
}

/** Two descriptors that are one start of one program. Bounds belong to it: a larger one might answer where a smaller does not. */
function questionOf({ command, args, privilege, timeoutSecs, maxOutputBytes }: ProbeDescriptor): string {
  return JSON.stringify([command, args, privilege, timeoutSecs, maxOutputBytes]);
}

function notRun(problem: string): ProbeRun {
  return { exitCode: null, durationMs: 0, stdout: new Uint8Array(), problem, said: '' };
}

function runOne(probe: ProbeDescriptor, leftMs: number, options: CollectOptions): Promise<ProbeRun> {
  const { clock, environment, unprivileged, signal } = options;
  const startedMs = clock.monotonicMs();
  const allowedMs = Math.min(probe.timeoutSecs * 1000, leftMs);
  return new Promise((resolve) => {
    const over = new AbortController();
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    let said = '';
    let problem: string | undefined;
    let child: ChildProcess;
    const settle = (exitCode: number | null, name: string | null): void => {
      if (over.signal.aborted) return;
      over.abort();
      signal?.removeEventListener('abort', abort);
      problem ??=
        exitCode === 0
          ? undefined
          : exitCode === null
            ? `was ended by ${name ?? 'something'}`
            : `exit code ${exitCode}${codeIn(said)}`;
      resolve({
        exitCode,
        durationMs: Math.round(clock.monotonicMs() - startedMs),
        stdout: new Uint8Array(Buffer.concat(chunks).subarray(0, probe.maxOutputBytes + 1)),
        ...(problem === undefined ? {} : { problem }),
        said,
      });
    };
    const stop = (why: string): void => {
      problem ??= why;
      try {
        // At once: a probe only reads, so there is nothing to tidy up. The group, so that what it started ends with it.
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      } catch {
        // Gone already.
      }
      // A process out of its group may hold the pipes open for ever.
      child.stdout?.destroy();
      child.stderr?.destroy();
    };
    const abort = (): void => stop('was stopped with the collection');
    const notStarted = (error: unknown): void => {
      problem ??= `could not be started: ${(error as NodeJS.ErrnoException).code ?? 'unknown'}`;
      settle(null, null);
    };
    try {
      child = spawn(probe.command, probe.args, {
        env: { ...environment },
        cwd: '/',
        detached: true,
        stdio: ['ignore', 'pipe', 'pipe'],
        ...(probe.privilege === 'user' && unprivileged ? unprivileged : {}),
      });
    } catch (error) {
      // Thrown for some errors, EPERM among them, and told by the event for others.
      notStarted(error);
      return;
    }
    child.on('error', notStarted);
    child.stdout?.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      chunks.push(chunk);
      if (bytes > probe.maxOutputBytes) stop(`printed more than ${probe.maxOutputBytes} bytes`);
    });
    child.stderr?.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString('latin1')).slice(-saidCharactersMax);
    });
    child.on('close', settle);
    clock.sleep(allowedMs, over.signal).then(
      () => stop(`was not done within ${allowedMs / 1000} s`),
      () => {},
    );
    if (signal?.aborted) abort();
    else signal?.addEventListener('abort', abort, { once: true });
  });
}

/** `nixfleet-probe x: unreadable: /etc/shadow: …` → `: unreadable`. The rest may name people, so it stays here. */
function codeIn(said: string): string {
  const [, code] = /^nixfleet-probe [a-z-]+: ([a-z-]+): /m.exec(said) ?? [];
  return code === undefined ? '' : `: ${code}`;
}
