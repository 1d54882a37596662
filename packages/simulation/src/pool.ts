import { type ChildProcess, fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import type { SimulationResult } from './simulate.ts';
import type { WorkerAnswer, WorkerMessage, WorkerTask } from './worker.ts';

const workerPath = new URL('./worker.ts', import.meta.url).pathname;

export interface PoolOptions {
  /** Default: one for each core. */
  readonly jobs?: number;
  /** Name of one that the workers' sources get (`mutations.ts`). */
  readonly mutation?: string;
  /** `enough`: no further runs are started. */
  readonly onResult: (result: SimulationResult, run: WorkerTask) => 'enough' | 'more';
  /** A run has come so far, in virtual hours. */
  readonly onHours?: (hours: number, run: WorkerTask) => void;
}

/**
 * Most of what a simulation allocates is gone by its next step, and hundreds of hosts are there until its end: with a larger
 * nursery, in MB, what is short-lived is not copied.
 */
const nurseryMb = 64;

/** Runs simulations in processes of their own, as many at once as there are cores. Rejects when one of them ends by itself. */
export async function simulateAll(runs: Iterable<WorkerTask>, options: PoolOptions): Promise<void> {
  const queue = runs[Symbol.iterator]();
  const workers = Array.from({ length: options.jobs ?? availableParallelism() }, () => startWorker(options.mutation));
  let isOver = false;
  try {
    await Promise.all(
      workers.map(async (worker) => {
        for (let next = queue.next(); !isOver && next.done !== true; next = queue.next()) {
          const answer = await ask(worker, next.value, options.onHours);
          if ('fault' in answer) throw new Error(`${nameOf(next.value)}: ${answer.fault}`);
          if (options.onResult(answer.result, next.value) === 'enough') isOver = true;
        }
      }),
    );
  } finally {
    for (const worker of workers) worker.kill();
  }
}

function startWorker(mutation: string | undefined): ChildProcess {
  const hooks = new URL('./mutate.ts', import.meta.url).href;
  return fork(workerPath, {
    execArgv: [
      '--disable-warning=ExperimentalWarning',
      `--max-semi-space-size=${nurseryMb}`,
      ...(mutation === undefined ? [] : ['--import', hooks]),
    ],
    env: { ...process.env, ...(mutation === undefined ? {} : { NIXFLEET_MUTATION: mutation }) },
  });
}

function ask(worker: ChildProcess, task: WorkerTask, onHours: PoolOptions['onHours']): Promise<WorkerAnswer> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null): void => {
      reject(new Error(`the worker ended with ${code} at ${nameOf(task)}`));
    };
    worker.once('exit', ended);
    const heard = (message: WorkerMessage): void => {
      if ('hours' in message) return onHours?.(message.hours, task);
      worker.off('exit', ended);
      worker.off('message', heard);
      resolve(message);
    };
    worker.on('message', heard);
    worker.send(task);
  });
}

function nameOf(task: WorkerTask): string {
  return 'scene' in task ? `scene ${task.scene}` : `seed ${task.seed}`;
}
