import { setTimeout as wait } from 'node:timers/promises';
import type { Clock } from './ports.ts';

/** Longest wait of one Node timer, in milliseconds; a longer sleep is cut into pieces. */
const timerMsMax = 2 ** 31 - 1;

/**
 * The machine's clocks, for programs that need not count suspended time: `performance.now` is CLOCK_MONOTONIC, which
 * stands still in suspend. Agents have a clock of their own.
 */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  async sleep(ms, signal) {
    signal?.throwIfAborted();
    for (let left = ms; left > 0; left -= timerMsMax) {
      await wait(Math.min(left, timerMsMax), undefined, signal ? { signal } : {}).catch((error: unknown) => {
        throw signal?.aborted ? signal.reason : error;
      });
    }
  },
};
