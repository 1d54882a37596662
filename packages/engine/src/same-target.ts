import type { HostTarget } from '@nixfleet/contracts';

export function isSame(left: HostTarget, right: HostTarget): boolean {
  return left.rolloutId === right.rolloutId && left.closure === right.closure && left.attempt === right.attempt;
}
