import { setTimeout as wait } from 'node:timers/promises';
import type { Clock } from '@nixfleet/contracts';

/** The machine's time. Short-lived commands: `performance.now` stands still in suspend, which no deadline here minds. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: (ms, signal) => wait(Math.max(0, ms), undefined, signal ? { signal } : {}),
};
