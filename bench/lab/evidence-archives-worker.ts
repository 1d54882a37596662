import { parentPort, workerData } from 'node:worker_threads';
import { type SynthesisTask, synthesiseShare } from './evidence-archives.ts';

parentPort?.postMessage(await synthesiseShare(workerData as SynthesisTask));
