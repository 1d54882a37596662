import type { AgentRefusalCode, HostTarget } from '@nixfleet/contracts';
import { clip } from './clip.ts';
import type { Pass } from './pass.ts';

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
  pass.event({ kind: 'refused', body: { target, reason, detail: clip(detail, 1000) } });
}
