import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '@nixfleet/contracts';

/** Longest single timer, in milliseconds: timers do not run while the machine is suspended, so the rest is looked at again. */
const timerMsMax = 30_000;

/**
 * Milliseconds since boot with suspended time counted (CLOCK_BOOTTIME, by `/proc/uptime`, to 10 ms).
 * Without such a file, the process's monotonic clock.
 */
export function bootTimeMs(): number {
  try {
    const seconds = Number.parseFloat(readFileSync('/proc/uptime', 'latin1'));
    if (Number.isFinite(seconds)) return seconds * 1000;
  } catch {
    // Not Linux: below.
  }
  return performance.now();
}

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: bootTimeMs,
  async sleep(ms, signal) {
    signal?.throwIfAborted();
    const deadline = bootTimeMs() + ms;
    for (let left = ms; left > 0; left = deadline - bootTimeMs()) {
      await delay(Math.min(left, timerMsMax), undefined, signal ? { signal } : {}).catch((error: unknown) => {
        signal?.throwIfAborted();
        throw error;
      });
    }
  },
};
