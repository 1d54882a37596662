import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '@nixfleet/contracts';

/** This machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: (ms, signal) => sleep(Math.max(0, ms), undefined, signal ? { signal } : {}),
};
