import type { EventContent } from '@nixfleet/contracts';

/**
 * Its host says that it starts nothing now, so that others may have its place: what it was permitted before counts no more, for
 * itself and for the planner (decision 0026).
 */
export function givesUp({ kind, body }: EventContent): boolean {
  return kind === 'local-hold' || (kind === 'withheld' && body.withheld !== null);
}
