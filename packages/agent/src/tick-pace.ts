import { type Instant, instantToMs } from '@nixfleet/contracts';
import type { HostMemory } from '@nixfleet/engine';

/**
 * Between two looks where nothing happens, in milliseconds: while the machine is being changed, which a dead man's switch
 * guards that may have been killed; while something is waited for; and at rest.
 */
export const switchTickMs = 2000;
export const waitingTickMs = 15_000;
export const restTickMs = 60_000;

/**
 * How long nothing needs to be looked at, unless something happens, in milliseconds: up to the next instant at which time
 * alone changes what is to be done. Times are known to the second, so it is met up to a second late and never early.
 */
export function untilNextTickMs(memory: HostMemory, now: Instant, headExpiresAt?: Instant): number {
  const nowMs = instantToMs(now);
  let nextMs = nowMs + longestMs(memory);
  for (const instant of [...turningPoints(memory), ...(headExpiresAt ? [headExpiresAt] : [])]) {
    const atMs = instantToMs(instant);
    // One that has passed waits for something else than time.
    if (atMs > nowMs && atMs < nextMs) nextMs = atMs;
  }
  return nextMs - nowMs;
}

function longestMs({ state: { phase }, working }: HostMemory): number {
  switch (phase.name) {
    case 'activating':
    case 'confirming':
    case 'rebooting':
    case 'reverting':
      return switchTickMs;
    case 'converged':
      return phase.target.rolloutId === working.intent?.target.rolloutId ? restTickMs : waitingTickMs;
    default:
      return waitingTickMs;
  }
}

function turningPoints({ state: { phase, retry }, working }: HostMemory): Instant[] {
  const points: Instant[] = [];
  if ('deadline' in phase) points.push(phase.deadline);
  if (phase.name === 'soaking') points.push(phase.soakUntil);
  if (retry !== null) points.push(retry.notBefore);
  if (working.intent?.brake?.until !== undefined) points.push(working.intent.brake.until);
  return points;
}
