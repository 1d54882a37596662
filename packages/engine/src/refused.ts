import { type AgentRefusalCode, addSeconds, type HostTarget } from '@nixfleet/contracts';
import { backoffSeconds } from './backoff.ts';
import { clip } from './clip.ts';
import type { Pass } from './pass.ts';

/** Wait before a refused closure is tried again, doubling up to the maximum, in seconds. */
export const refusedRetrySeconds = 30;
export const refusedRetryMaxSeconds = 3600;

/** Nothing was changed, and the reason is not the closure's health: tried again with back-off. */
export function refused(
  pass: Pass,
  {
    target,
    reason,
    detail,
  }: { readonly target: HostTarget; readonly reason: AgentRefusalCode; readonly detail: string },
): void {
  const { refusals } = pass.working;
  const count = refusals?.rolloutId === target.rolloutId ? refusals.count + 1 : 1;
  pass.remember({ refusals: { rolloutId: target.rolloutId, count } });
  const seconds = backoffSeconds({ count, firstSeconds: refusedRetrySeconds, maxSeconds: refusedRetryMaxSeconds });
  // A trial that would need a boot is over: it is not tried again.
  const again = reason === 'trial-needs-reboot' ? {} : { retryNotBefore: addSeconds(pass.now, seconds) };
  pass.event({ kind: 'refused', body: { target, reason, ...again, detail: clip(detail, 1000) } });
}
