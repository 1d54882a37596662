import { setImmediate as nextLoopTurn, setTimeout as wait } from 'node:timers/promises';
import type { Clock } from '@nixfleet/contracts';

/** Longest wait of one Node timer, in milliseconds; a longer sleep is cut into pieces. */
const timerMsMax = 2 ** 31 - 1;

/** The machine's clocks. `performance.now` is CLOCK_MONOTONIC, which stands still while a virtual machine is suspended. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: async (ms, signal) => {
    signal?.throwIfAborted();
    for (let left = ms; left > 0; left -= timerMsMax) {
      await wait(Math.min(left, timerMsMax), undefined, signal ? { signal } : {}).catch((error: unknown) => {
        throw signal?.aborted ? signal.reason : error;
      });
    }
  },
};

/** Resolves after the events that are ready now were handled: what lets many appends share one commit. */
export function nextTurn(): Promise<void> {
  return nextLoopTurn();
}
