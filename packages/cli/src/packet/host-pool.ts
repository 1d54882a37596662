import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { CliError } from '../cli-error.ts';
import { type HostAnswers, type HostTask, HostWork } from './host-work.ts';

/** What a thread says of its task: an answer, a failure that a person can mend, or a fault of the program. */
export type WorkerAnswer =
  | { readonly done: HostAnswers[HostTask['kind']] }
  | { readonly refused: Pick<CliError, 'code' | 'what' | 'next'> }
  | { readonly fault: string };

/** Most threads, whatever a machine has. */
export const workersMax = 64;

/**
 * Memory of one thread, in MiB: a document in all its forms, a catalogue, manifests, an archive of a day. Room for young
 * objects spares a collection at every second document.
 */
const resourceLimits = { maxOldGenerationSizeMb: 1024, maxYoungGenerationSizeMb: 64 };

export interface HostPoolOptions {
  /** Threads; 0: none, everything happens here, which is quicker where there is little to do. */
  readonly workers: number;
  readonly signal: AbortSignal;
  /** Told after every host. */
  readonly onDone?: (kind: HostTask['kind'], done: number, total: number) => void;
}

/**
 * Hosts do not depend on each other: their tasks are done by as many threads as asked, and the answers come in the order of
 * the tasks, so that nothing shows how many there were. The first failure ends all of it; so does the signal.
 */
export class HostPool implements AsyncDisposable {
  readonly #options: HostPoolOptions;
  readonly #idle: Worker[] = [];
  readonly #all = new Set<Worker>();

  constructor(options: HostPoolOptions) {
    this.#options = options;
  }

  async run<Task extends HostTask>(tasks: readonly Task[]): Promise<readonly HostAnswers[Task['kind']][]> {
    const { workers, signal, onDone } = this.#options;
    const answers = new Array<HostAnswers[Task['kind']]>(tasks.length);
    const failed = new AbortController();
    const here = new HostWork();
    let next = 0;
    let done = 0;
    const takeTurns = async (): Promise<void> => {
      while (next < tasks.length && !failed.signal.aborted) {
        signal.throwIfAborted();
        const place = next++;
        const task = tasks[place] as Task;
        const answer = workers === 0 ? await here.do(task) : await this.#ask(task);
        // A task is answered in its own kind: `HostWork.do`.
        answers[place] = answer as HostAnswers[Task['kind']];
        onDone?.(task.kind, ++done, tasks.length);
      }
    };
    const turns = Array.from({ length: Math.max(1, Math.min(workers, tasks.length)) }, async () => {
      try {
        await takeTurns();
      } catch (error) {
        failed.abort();
        throw error;
      }
    });
    // The first failure is the one that is told, and nobody writes any more when it is.
    const ended = await Promise.allSettled(turns);
    signal.throwIfAborted();
    for (const end of ended) if (end.status === 'rejected') throw end.reason;
    return answers;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#all].map((worker) => worker.terminate()));
  }

  async #ask(task: HostTask): Promise<HostAnswers[HostTask['kind']]> {
    const worker = this.#idle.pop() ?? this.#start();
    const answer = await answerOf(worker, task, this.#options.signal);
    if ('done' in answer) {
      this.#idle.push(worker);
      return answer.done;
    }
    if ('refused' in answer) throw new CliError(answer.refused.code, answer.refused.what, answer.refused.next);
    throw new Error(`${task.kind} ${task.host}: ${answer.fault}`);
  }

  #start(): Worker {
    const worker = new Worker(workerPath(), { resourceLimits, stdin: false });
    this.#all.add(worker);
    worker.once('exit', () => this.#all.delete(worker));
    return worker;
  }
}

/** In the bundle it lies beside this file. */
function workerPath(): string {
  const bundled = join(import.meta.dirname, 'packet-worker.js');
  return existsSync(bundled) ? bundled : join(import.meta.dirname, 'host-worker-main.ts');
}

function answerOf(worker: Worker, task: HostTask, signal: AbortSignal): Promise<WorkerAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<WorkerAnswer>();
  const onAbort = (): void => void worker.terminate();
  const onError = (error: unknown): void => {
    const why = error instanceof Error ? error.message : String(error);
    const next = 'give it more memory, or make packets of shorter periods';
    reject(new CliError('failed', `${task.host}: its thread ended: ${why}`, next, { cause: error }));
  };
  const onExit = (code: number): void => {
    reject(signal.aborted ? signal.reason : new Error(`${task.kind} ${task.host}: its thread ended with ${code}`));
  };
  signal.addEventListener('abort', onAbort, { once: true });
  worker.once('message', resolve).once('error', onError).once('exit', onExit);
  worker.postMessage(task);
  return promise.finally(() => {
    signal.removeEventListener('abort', onAbort);
    worker.off('message', resolve).off('error', onError).off('exit', onExit);
  });
}
