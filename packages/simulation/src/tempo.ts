import { type Weather, weathers } from './weather.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

/** How fast a run's people live, how much befalls them, and how long it is calm at the end. */
export interface Tempo {
  /** Between two decisions of the people of this fleet, in milliseconds of the time in which they work. */
  readonly pauseMs: { readonly from: number; readonly to: number };
  /** A head is signed anew this often, in milliseconds, and lives for one of these times, in seconds. */
  readonly headMs: number;
  readonly headSeconds: readonly number[];
  readonly weathers: readonly Weather[];
  /** People work, and trouble strikes, in so many hours from each day's beginning. */
  readonly busyHours: number;
  /** The time at the end in which nothing goes wrong, in hours. */
  readonly calmHours: number;
  /** Time in which a fleet is at rest is skipped (`quiet.ts`). */
  readonly skipsQuiet: boolean;
}

/** A day or less, crowded: the shorter the time between two things that happen, the more of them meet. */
const hurried: Tempo = {
  pauseMs: { from: 8 * minuteMs, to: 50 * minuteMs },
  headMs: hourMs,
  headSeconds: [50 * 60, 3 * 3600, 24 * 3600],
  weathers,
  busyHours: 24,
  calmHours: 2.5,
  skipsQuiet: false,
};

/** Days of their own: some hours of work and trouble, then what comes of it, then nothing. */
const daily: Tempo = {
  pauseMs: { from: 20 * minuteMs, to: 90 * minuteMs },
  headMs: 4 * hourMs,
  headSeconds: [24 * 3600],
  weathers: weathers.slice(0, 1),
  busyHours: 3,
  calmHours: 20,
  skipsQuiet: true,
};

export function tempoOf(hours: number): Tempo {
  return hours > 24 ? daily : hurried;
}

/** How long it is from `nowMs` until so much busy time has passed, in milliseconds. */
export function untilBusyMs({ busyHours }: Pick<Tempo, 'busyHours'>, nowMs: number, waitMs: number): number {
  const busyMs = busyHours * hourMs;
  const ofDayMs = Math.min(nowMs % dayMs, busyMs);
  const busyAtMs = ofDayMs + waitMs;
  const days = Math.floor(busyAtMs / busyMs);
  return Math.floor(nowMs / dayMs) * dayMs + days * dayMs + (busyAtMs - days * busyMs) - nowMs;
}
