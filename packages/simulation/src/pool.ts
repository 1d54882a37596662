import { type ChildProcess, fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import type { SimulationResult } from './simulate.ts';
import type { WorkerAnswer, WorkerTask } from './worker.ts';

const workerPath = new URL('./worker.ts', import.meta.url).pathname;

export interface PoolOptions {
  /** Default: one for each core. */
  readonly jobs?: number;
  /** Name of one that the workers' sources get (`mutations.ts`). */
  readonly mutation?: string;
  /** `enough`: no further runs are started. */
  readonly onResult: (result: SimulationResult) => 'enough' | 'more';
}

/** Runs simulations in processes of their own, as many at once as there are cores. Rejects when one of them ends by itself. */
export async function simulateAll(runs: Iterable<WorkerTask>, options: PoolOptions): Promise<void> {
  const queue = runs[Symbol.iterator]();
  const workers = Array.from({ length: options.jobs ?? availableParallelism() }, () => startWorker(options.mutation));
  let isOver = false;
  try {
    await Promise.all(
      workers.map(async (worker) => {
        for (let next = queue.next(); !isOver && next.done !== true; next = queue.next()) {
          const answer = await ask(worker, next.value);
          if ('fault' in answer) throw new Error(`${nameOf(next.value)}: ${answer.fault}`);
          if (options.onResult(answer.result) === 'enough') isOver = true;
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
    execArgv: ['--disable-warning=ExperimentalWarning', ...(mutation === undefined ? [] : ['--import', hooks])],
    env: { ...process.env, ...(mutation === undefined ? {} : { NIXFLEET_MUTATION: mutation }) },
  });
}

function ask(worker: ChildProcess, task: WorkerTask): Promise<WorkerAnswer> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null): void => {
      reject(new Error(`the worker ended with ${code} at ${nameOf(task)}`));
    };
    worker.once('exit', ended);
    worker.once('message', (answer: WorkerAnswer) => {
      worker.off('exit', ended);
      resolve(answer);
    });
    worker.send(task);
  });
}

function nameOf(task: WorkerTask): string {
  return 'scene' in task ? `scene ${task.scene}` : `seed ${task.seed}`;
}
