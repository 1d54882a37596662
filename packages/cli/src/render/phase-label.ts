import type { HostPhase, Instant } from '@nixfleet/contracts';
import { printable } from '../printable.ts';

/** When the host entered its phase; null for one that has none yet. */
export function phaseSince(phase: HostPhase | null): Instant | null {
  if (!phase || phase.name === 'pending') return null;
  if ('since' in phase) return phase.since;
  return 'at' in phase ? phase.at : phase.confirmedAt;
}

/** `failed (probe-failed)`, `reverting (unconfirmed)`: the phase, and its cause where it has one. */
export function phaseLabel(phase: HostPhase | null): string {
  if (!phase) return '-';
  if (phase.name === 'refused') return `refused (${phase.reason})`;
  if (phase.name === 'deferred') return `deferred (${printable(phase.component)})`;
  return 'cause' in phase ? `${phase.name} (${phase.cause})` : phase.name;
}
