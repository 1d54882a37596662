import type { Clock } from '@nixfleet/contracts';

/** Between two looks at what another process does, in milliseconds. */
const pollMs = 100;

/** True as soon as it is true; false when `msMax` have passed. Rejects when `signal` aborts. */
export async function waitUntil(
  isTrue: () => Promise<boolean>,
  {
    clock,
    msMax,
    everyMs = pollMs,
    signal,
  }: {
    readonly clock: Clock;
    readonly msMax: number;
    readonly everyMs?: number;
    readonly signal?: AbortSignal;
  },
): Promise<boolean> {
  const deadline = clock.monotonicMs() + msMax;
  while (!(await isTrue())) {
    if (clock.monotonicMs() >= deadline) return false;
    await clock.sleep(everyMs, signal);
  }
  return true;
}
