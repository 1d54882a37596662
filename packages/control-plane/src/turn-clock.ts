import { setImmediate as nextLoopTurn } from 'node:timers/promises';

/** Resolves after the events that are ready now were handled: what lets many appends share one commit. */
export function nextTurn(): Promise<void> {
  return nextLoopTurn();
}
