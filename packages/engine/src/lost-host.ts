import { addSeconds, type HostPhase, type Instant, type RolloutManifest } from '@nixfleet/contracts';
import type { HostView } from './planner-types.ts';
import { bootSecondsMax } from './reboot.ts';
import { confirmSecondsOf } from './switch-times.ts';

/** After the latest instant at which a switched host would have reverted by itself, it is given this long to be heard, in seconds. */
export const lostSecondsMax = 60;

export function isLost(
  view: HostView,
  {
    phase,
    manifest,
    now,
  }: { readonly phase: HostPhase | null; readonly manifest: RolloutManifest; readonly now: Instant },
): boolean {
  return !view.isOnline && lostAt(view, phase, manifest) <= now;
}

/** When a silent host counts as lost: its own deadline, or the policy's longest switch after it was last heard. */
export function lostAt(view: HostView, phase: HostPhase | null, { policy }: RolloutManifest): Instant {
  if (phase && 'deadline' in phase) return addSeconds(phase.deadline, lostSecondsMax);
  const since = view.lastSeenAt ?? view.issued?.at;
  const bootSeconds = view.issued?.reboot || policy.reboots ? bootSecondsMax : 0;
  const switchSeconds = policy.activationTimeoutSeconds + confirmSecondsOf(policy) + bootSeconds;
  return since ? addSeconds(since, switchSeconds + lostSecondsMax) : ('2999-12-31T23:59:59Z' as Instant);
}
