import { z } from 'zod';

/** RFC 3339, UTC, whole seconds: `2026-06-01T08:00:00Z`. Years 2000 to 2999. Text order is time order. */
export const Instant = z
  .string()
  .regex(/^2\d{3}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\dZ$/, {
    error: 'expected an RFC 3339 instant in UTC with whole seconds, such as 2026-06-01T08:00:00Z',
    abort: true,
  })
  // Every month has 28 days; making a Date for each instant of a journal would be most of its parsing.
  .refine((text) => text.slice(8, 10) <= '28' || isOfCalendar(text), 'not a day of the calendar')
  .brand<'Instant'>();
export type Instant = z.infer<typeof Instant>;

function isOfCalendar(text: string): boolean {
  return new Date(text).toISOString().startsWith(text.slice(0, 19));
}

/** Milliseconds since the epoch. */
export function instantToMs(instant: Instant): number {
  return Date.parse(instant);
}

/** Rounds down to a whole second. Throws `RangeError` outside the years 2000 to 2999. */
export function msToInstant(ms: number): Instant {
  // An agent asks for the time at every step: within these years the text needs no checking.
  if (!(ms >= firstMs && ms < lastMs + 1000)) throw new RangeError(`no instant for ${ms} ms since the epoch`);
  return `${new Date(ms).toISOString().slice(0, 19)}Z` as Instant;
}

const firstMs = Date.UTC(2000, 0, 1);
const lastMs = Date.UTC(2999, 11, 31, 23, 59, 59);

/** The instant nearest to it: before the year 2000 the first there is, after 2999 the last. For clocks that may be wrong. */
export function nearestInstant(ms: number): Instant {
  return msToInstant(Math.min(Math.max(ms, firstMs), lastMs));
}

/** Ends at the last instant there is: what a host signs about the year 2999 must not throw where it is reckoned with. */
export function addSeconds(instant: Instant, seconds: number): Instant {
  return nearestInstant(instantToMs(instant) + seconds * 1000);
}

export function isBefore(left: Instant, right: Instant): boolean {
  return left < right;
}

export function latest(first: Instant, ...others: readonly Instant[]): Instant {
  return others.reduce((left, right) => (left < right ? right : left), first);
}
