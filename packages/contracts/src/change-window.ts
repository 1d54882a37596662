import { z } from 'zod';
import { Reason } from './document.ts';
import { Freeze } from './release.ts';

/** Monday first, as ISO 8601 counts. */
export const weekdays = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
export const Weekday = z.enum(weekdays);
export type Weekday = z.infer<typeof Weekday>;

/** A name of the IANA time zone database, such as `Europe/Paris`. Only a machine that has the database can say whether it is one. */
export const TimezoneName = z
  .string()
  .max(64)
  .regex(/^[A-Za-z][A-Za-z0-9_+-]*(?:\/[A-Za-z0-9_+-]+)*$/, 'expected the name of a time zone, such as Europe/Paris');
export type TimezoneName = z.infer<typeof TimezoneName>;

/** What a clock on the wall shows: `22:00`. */
export const LocalTime = z
  .string()
  .regex(/^(?:[01]\d|2[0-3]):[0-5]\d$/, 'expected a time of day such as 22:00')
  .brand<'LocalTime'>();
export type LocalTime = z.infer<typeof LocalTime>;

/** A day of the calendar and a time of day, without a time zone: `2026-12-23T18:00`. */
export const LocalDateTime = z
  .string()
  .regex(/^2\d{3}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d$/, {
    error: 'expected a local time such as 2026-12-23T18:00',
    abort: true,
  })
  .refine((text) => new Date(`${text}:00Z`).toISOString().startsWith(text), 'not a day of the calendar')
  .brand<'LocalDateTime'>();
export type LocalDateTime = z.infer<typeof LocalDateTime>;

/** Most rules of one channel, and starts of one rule: every ten minutes of a day. */
export const windowRulesMax = 32;
export const windowStartsMax = 144;

/**
 * When a channel may start switches, as declared; a manifest has what it resolves to. `days`, `daysOfMonth` and `months`
 * narrow each other down, and each is every one where it is absent. A window opens when the clock first shows a start or
 * later on such a day, and stays open for exactly `durationMinutes`.
 */
export const WindowRule = z.object({
  days: z.array(Weekday).min(1).max(7).optional(),
  daysOfMonth: z.array(z.int().min(1).max(31)).min(1).max(31).optional(),
  months: z.array(z.int().min(1).max(12)).min(1).max(12).optional(),
  starts: z.array(LocalTime).min(1).max(windowStartsMax),
  durationMinutes: z
    .int()
    .min(1)
    .max(7 * 24 * 60),
  timezone: TimezoneName,
});
export type WindowRule = z.infer<typeof WindowRule>;

/** A freeze as declared: from one local time of `timezone` to another, or from instant to instant. */
export const FreezeRule = z.union([
  z
    .object({ from: LocalDateTime, to: LocalDateTime, timezone: TimezoneName, reason: Reason })
    .refine(({ from, to }) => from < to, 'a freeze ends after it starts'),
  Freeze,
]);
export type FreezeRule = z.infer<typeof FreezeRule>;
