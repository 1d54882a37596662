import type { Instant } from '@nixfleet/contracts';

/** From an instant up to another one. */
export interface Period {
  readonly from: Instant;
  readonly to: Instant;
}

/** What two periods have in common; null where that is nothing. */
export function overlapOf(left: Period, right: Period): Period | null {
  const from = left.from > right.from ? left.from : right.from;
  const to = left.to < right.to ? left.to : right.to;
  return from < to ? { from, to } : null;
}

/** Whether one of them has all of `period`. */
export function isCovered(period: Period, by: readonly Period[]): boolean {
  return by.some(({ from, to }) => from <= period.from && to >= period.to);
}
