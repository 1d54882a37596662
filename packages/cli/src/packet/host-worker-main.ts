// A thread of `HostPool`: one task after the other, each answered with what it came to or with what went wrong.
import { parentPort } from 'node:worker_threads';
import { CliError } from '../cli-error.ts';
import type { WorkerAnswer } from './host-pool.ts';
import { type HostTask, HostWork } from './host-work.ts';

const work = new HostWork();

async function answer(task: HostTask): Promise<WorkerAnswer> {
  try {
    return { done: await work.do(task) };
  } catch (error) {
    if (error instanceof CliError) {
      const { code, what, next } = error;
      return { refused: { code, what, next } };
    }
    return { fault: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

parentPort?.on('message', async (task: HostTask) => parentPort?.postMessage(await answer(task)));
