import { addSeconds, type HostPhase, type HostTarget, type StorePath } from '@nixfleet/contracts';
import { clip } from './clip.ts';
import { heldByDrift } from './drift.ts';
import type { HostInput, Intent } from './host-input.ts';
import type { Pass } from './pass.ts';
import { refused } from './refused.ts';
import { isSame } from './same-target.ts';
import { confirmSeconds } from './switch-times.ts';

/** How long a machine may take to go down and come up again, in seconds: firmware of servers counts its memory. */
export const bootSecondsMax = 1800;

/** Takes note of a raised `reboots`, so that a boot from now on, whoever causes it, is known to be one for it. */
export function seeReboots(pass: Pass): void {
  const { intent } = pass.working;
  const reboots = intent?.target.reboots ?? 0;
  if (reboots > (pass.state.reboots?.number ?? 0)) pass.event({ kind: 'reboots-seen', body: { reboots } });
}

/** What waits for a boot that this intent permits now; null for nothing. */
function rebootDue({ phase, state }: Pass, intent: Intent): string | null {
  if (phase.name !== 'converged' && phase.name !== 'deferred') return null;
  const { policy, brake, mayReboot, target } = intent;
  if (!mayReboot || policy.reboot === 'never' || !isSame(phase.target, target)) return null;
  const isBraked = brake !== null && !(policy.reboot === 'immediate' && brake.code === 'outside-window');
  if (isBraked || heldByDrift(state, { closure: target.closure, policy })) return null;
  return phase.name === 'deferred' ? phase.component : (state.rebootPending?.component ?? null);
}

/** The control plane is asked once more before the machine goes down, as before a switch. */
export function askToReboot(pass: Pass, intent: Intent): void {
  const { phase } = pass;
  if (pass.working.busy !== null || rebootDue(pass, intent) === null || !('target' in phase)) return;
  pass.start({ type: 'recheck', target: phase.target });
}

export function rebootIfDue(pass: Pass, intent: Intent | null): void {
  const { phase } = pass;
  const component = intent === null ? null : rebootDue(pass, intent);
  if (component !== null && 'target' in phase) bootInto(pass, phase.target, component);
}

export function bootInto(pass: Pass, target: HostTarget, component: string): void {
  const revertTo = pass.state.confirmed?.closure ?? null;
  const deadline = addSeconds(pass.now, bootSecondsMax + confirmSeconds(pass));
  pass.event({ kind: 'rebooting', body: { target, revertTo, deadline, component: clip(component, 64) } });
  startReboot(pass, { target, revertTo });
}

export function startReboot(
  pass: Pass,
  { target, revertTo }: { readonly target: HostTarget; readonly revertTo: StorePath | null },
): void {
  pass.start({ type: 'reboot', target, revertTo, guardSeconds: confirmSeconds(pass) });
}

export function onRebootRefused(pass: Pass, { id, detail }: Extract<HostInput, { type: 'reboot-refused' }>): void {
  const { phase } = pass;
  if (phase.name !== 'rebooting' || !pass.awaits(id, 'reboot')) return;
  refused(pass, { target: phase.target, reason: 'reboot-refused', detail });
}

/** It was told to go down and is still the same boot. Once it is up again, another deadline counts. */
export function onRebootDeadline(pass: Pass, phase: Extract<HostPhase, { name: 'rebooting' }>): void {
  if (phase.deadline > pass.now || pass.working.busy?.type === 'arm') return;
  refused(pass, { target: phase.target, reason: 'reboot-refused', detail: 'the machine did not go down in time' });
}
