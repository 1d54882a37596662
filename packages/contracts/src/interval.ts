import { z } from 'zod';
import { Instant } from './instant.ts';

/** A half-open span of time, `from` included and `to` excluded. */
export const Interval = z
  .object({ from: Instant, to: Instant })
  .refine(({ from, to }) => from < to, 'an interval ends after it starts');
export type Interval = z.infer<typeof Interval>;

/** Most resolved intervals of one kind in a document: 400 days of six windows a day, rounded up. */
export const intervalsMax = 3000;

/** The interval that holds `now`, if any. */
export function intervalAt<Span extends Interval>(intervals: readonly Span[], now: Instant): Span | undefined {
  return intervals.find(({ from, to }) => from <= now && now < to);
}
