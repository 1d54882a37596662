import { closeTheWorld } from './guard.ts';
import { playScene } from './scene.ts';
import type { SceneName } from './scenes.ts';
import { type SimulationOptions, type SimulationResult, simulate } from './simulate.ts';

// One process that runs simulations for `pool.ts`, one after the other: options come as messages, results go back.

/** A random run, or one that is written down. */
export type WorkerTask = SimulationOptions | { readonly scene: SceneName };
export type WorkerAnswer = { readonly result: SimulationResult } | { readonly fault: string };
/** An answer, or how far a run is, in virtual hours. */
export type WorkerMessage = WorkerAnswer | { readonly hours: number };

// Errors are values here that nobody reads the stack of, and making it is most of their price.
Error.stackTraceLimit = 0;

process.on('unhandledRejection', (reason) => {
  throw reason;
});

// Whoever wants to know is gone, and a week of hundreds of hosts takes minutes.
process.once('disconnect', () => process.exit(1));

process.on('message', (task: WorkerTask) => {
  // For good: this process does nothing else.
  closeTheWorld();
  const run = 'scene' in task ? playScene(task.scene) : simulate(task, (hours) => say({ hours }));
  run.then(
    (result) => say({ result }),
    (error: unknown) => say({ fault: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  );
});

function say(message: WorkerMessage): void {
  process.send?.(message);
}
