import type { FleetView, Instant } from '@nixfleet/contracts';
import { printable } from './printable.ts';

/** Everything that keeps a fleet from being wholly converged, in few words each; empty when it is. */
export function fleetCheck(view: FleetView, now: Instant): string[] {
  const found: string[] = [];
  const { release, head, rebuilding, problems, hosts, rollouts } = view;
  if (!release) found.push('no release');
  if (!head) found.push('no head');
  else if (head.expiresAt <= now || head.expiresAt <= view.now) found.push(`head expired at ${head.expiresAt}`);
  if (rebuilding) found.push('rebuilding');
  found.push(...problems.map(printable));
  for (const { name, health, online, running, target } of hosts) {
    if (health !== 'converged') found.push(`${name} ${health}`);
    else if (!online) found.push(`${name} offline`);
    else if (running === null || running !== target) found.push(`${name} does not run its target`);
  }
  for (const { displayName, state } of rollouts) {
    if (state !== 'converged' && state !== 'superseded') found.push(`rollout ${printable(displayName)} ${state}`);
  }
  return found;
}
