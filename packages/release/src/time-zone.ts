/** A stretch of time in which a zone's clocks keep one distance from UTC, to the next stretch's start. */
interface Stretch {
  readonly fromMs: number;
  readonly offsetMs: number;
}

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;

/** The clocks of one time zone over a span, by the time zone database of the platform. */
export class TimeZone {
  readonly #stretches: readonly Stretch[];

  private constructor(stretches: readonly Stretch[]) {
    this.#stretches = stretches;
  }

  /** `fromMs` and `toMs`: what will be asked about, in UTC; a day is added on either side. Null for a zone that does not exist. */
  static open(name: string, { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number }): TimeZone | null {
    const offsetAt = offsets(name);
    return offsetAt && new TimeZone(stretchesOf(offsetAt, fromMs - dayMs, toMs + dayMs));
  }

  /**
   * The first instant at which the clock shows `localMs` or later, both in milliseconds: local time as if it were UTC.
   * So a time that is skipped when clocks go forward is the moment they do, and one that comes twice is the first of the two.
   */
  instantOf(localMs: number): number {
    for (const [index, { fromMs, offsetMs }] of this.#stretches.entries()) {
      const endMs = this.#stretches[index + 1]?.fromMs ?? Number.POSITIVE_INFINITY;
      if (localMs < endMs + offsetMs) return Math.max(fromMs, localMs - offsetMs);
    }
    throw new RangeError('a time zone without an offset');
  }

  /** What the clock shows, as if it were UTC. */
  localOf(ms: number): number {
    const stretch = this.#stretches.findLast(({ fromMs }) => fromMs <= ms) ?? this.#stretches[0];
    return ms + (stretch?.offsetMs ?? 0);
  }
}

/** Zones keep an offset for weeks at least, so that looking once a day finds every change; halving finds its minute. */
function stretchesOf(offsetAt: (ms: number) => number, fromMs: number, toMs: number): Stretch[] {
  const first: Stretch = { fromMs, offsetMs: offsetAt(fromMs) };
  const stretches = [first];
  let last = first;
  for (let at = fromMs + dayMs; at < toMs + dayMs; at += dayMs) {
    const offsetMs = offsetAt(at);
    if (offsetMs === last.offsetMs) continue;
    last = { fromMs: changeBetween(offsetAt, at - dayMs, at), offsetMs };
    stretches.push(last);
  }
  return stretches;
}

/** The first minute whose offset is that at `afterMs`. */
function changeBetween(offsetAt: (ms: number) => number, beforeMs: number, afterMs: number): number {
  const offsetMs = offsetAt(afterMs);
  let low = Math.floor(beforeMs / minuteMs);
  let high = Math.ceil(afterMs / minuteMs);
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (offsetAt(middle * minuteMs) === offsetMs) high = middle;
    else low = middle;
  }
  return high * minuteMs;
}

/** UTC → offset from UTC, both in milliseconds; null for a zone that the platform does not know. */
function offsets(name: string): ((ms: number) => number) | null {
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat('en-US', { timeZone: name, timeZoneName: 'longOffset' });
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
  return (ms) => {
    const shown = format.formatToParts(ms).find(({ type }) => type === 'timeZoneName')?.value ?? '';
    // `GMT`, `GMT+05:30` or `GMT-08:00`: whole minutes everywhere since 1972.
    const [, sign, hours, minutes] = /^GMT(?:([+-])(\d\d):(\d\d))?$/.exec(shown) ?? [];
    if (sign === undefined) return 0;
    return (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) * minuteMs;
  };
}
