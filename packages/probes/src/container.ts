import type { Machine } from './machine.ts';
import type { Finding } from './probe.ts';

/** What a container cannot say about itself, because its kernel is its host's; null where this is none. */
export function inContainer(machine: Machine, what: string): Finding | null {
  // Written by systemd in PID 1; root alone could make it, and root alone could forge whatever a probe says anyway.
  const kind = machine.read('/run/systemd/container')?.trim();
  if (kind === undefined || kind === '') return null;
  return { notApplicable: 'container', detail: `${kind}: ${what} of a container is its host's` };
}
