import { type Instant, instantToMs } from '@nixfleet/contracts';
import { type HostMemory, switchingPhases } from '@nixfleet/engine';

/** Between two ticks, in milliseconds: while something is under way, while something is waited for, and at rest. */
export const busyTickMs = 500;
export const waitingTickMs = 5000;
export const restTickMs = 30_000;

/** How long nothing needs to be looked at, unless something happens, in milliseconds. */
export function untilNextTickMs({ state: { phase }, working }: HostMemory, now: Instant): number {
  if (working.busy !== null) return busyTickMs;
  if (phase.name === 'soaking') {
    const leftMs = instantToMs(phase.soakUntil) - instantToMs(now);
    return Math.min(Math.max(leftMs, busyTickMs), waitingTickMs);
  }
  if (switchingPhases.has(phase.name)) return busyTickMs;
  const isAtRest = phase.name === 'converged' && phase.target.rolloutId === working.intent?.target.rolloutId;
  return isAtRest ? restTickMs : waitingTickMs;
}
