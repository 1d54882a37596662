import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  ChannelName,
  FreezeRule,
  Instant,
  type Interval,
  instantToMs,
  intervalAt,
  intervalsMax,
  msToInstant,
  WindowRule,
} from '@nixfleet/contracts';
import fc from 'fast-check';
import { resolveChannelTimes } from './resolve-windows.ts';

const channel = ChannelName.parse('stable');
const instant = (text: string) => Instant.parse(text);

const resolved = (rules: readonly object[] | null, now: string, freezes: readonly object[] = []) =>
  resolveChannelTimes(
    { windows: rules && WindowRule.array().parse(rules), freezes: FreezeRule.array().parse(freezes) },
    { channel, now: instant(now) },
  );

/** `from to`, those that overlap the days from `first` up to `last`, or the first three. */
function windowsOf(rules: readonly object[], now: string, days?: readonly [first: string, last: string]): string[] {
  const found = resolved(rules, now);
  assert.ok(found.ok, JSON.stringify(found));
  const all = (found.value.windows ?? []).map(({ from, to }) => `${from} ${to}`);
  return days ? all.filter((text) => days[0] <= text && text < days[1]) : all.slice(0, 3);
}

const nightly = (start: string, durationMinutes: number, timezone = 'Europe/Paris') => ({
  starts: [start],
  durationMinutes,
  timezone,
});

describe('change windows', () => {
  test('none declared: always open, and nothing that could run out', () => {
    const found = resolved(null, '2026-06-01T08:00:00Z');
    assert.deepEqual(found, { ok: true, value: { windows: null, resolvedUntil: null, freezes: [] } });
  });

  test('local times of the zone, over midnight, from the one that is open now', () => {
    assert.deepEqual(windowsOf([{ ...nightly('22:00', 240), days: ['mon', 'thu'] }], '2026-06-01T23:00:00Z'), [
      '2026-06-01T20:00:00Z 2026-06-02T00:00:00Z',
      '2026-06-04T20:00:00Z 2026-06-05T00:00:00Z',
      '2026-06-08T20:00:00Z 2026-06-09T00:00:00Z',
    ]);
    // Its end is not in it.
    const [first] = windowsOf([{ ...nightly('22:00', 240), days: ['mon', 'thu'] }], '2026-06-02T00:00:00Z');
    assert.equal(first, '2026-06-04T20:00:00Z 2026-06-05T00:00:00Z');
  });

  test('the day is that of the zone, not of UTC', () => {
    assert.deepEqual(
      windowsOf([{ ...nightly('08:00', 60, 'Pacific/Auckland'), days: ['mon'] }], '2026-06-05T00:00:00Z'),
      [
        '2026-06-07T20:00:00Z 2026-06-07T21:00:00Z',
        '2026-06-14T20:00:00Z 2026-06-14T21:00:00Z',
        '2026-06-21T20:00:00Z 2026-06-21T21:00:00Z',
      ],
    );
  });

  test('days, days of the month and months narrow each other down', () => {
    const secondTuesday = { days: ['tue'], daysOfMonth: [8, 9, 10, 11, 12, 13, 14], months: [1, 4, 7, 10] };
    assert.deepEqual(windowsOf([{ ...nightly('08:30', 60, 'UTC'), ...secondTuesday }], '2026-06-01T08:00:00Z'), [
      '2026-07-14T08:30:00Z 2026-07-14T09:30:00Z',
      '2026-10-13T08:30:00Z 2026-10-13T09:30:00Z',
      '2027-01-12T08:30:00Z 2027-01-12T09:30:00Z',
    ]);
  });

  // Paris: 2027-03-28 01:00Z from +1 to +2, 2026-10-25 01:00Z from +2 to +1.
  test('clocks go forward: a skipped start is the moment they do, and the window keeps its length', () => {
    const days = ['2027-03-27T12:00:00Z', '2027-03-29'] as const;
    assert.deepEqual(windowsOf([nightly('02:30', 60)], '2026-12-01T00:00:00Z', days), [
      '2027-03-28T01:00:00Z 2027-03-28T02:00:00Z',
    ]);
    assert.deepEqual(windowsOf([nightly('22:00', 480)], '2026-12-01T00:00:00Z', ['2027-03-26', '2027-03-29']), [
      '2027-03-26T21:00:00Z 2027-03-27T05:00:00Z',
      '2027-03-27T21:00:00Z 2027-03-28T05:00:00Z',
      '2027-03-28T20:00:00Z 2027-03-29T04:00:00Z',
    ]);
  });

  test('clocks go back: of a start that comes twice the first counts, once', () => {
    assert.deepEqual(windowsOf([nightly('02:30', 30)], '2026-06-01T00:00:00Z', ['2026-10-24', '2026-10-27']), [
      '2026-10-24T00:30:00Z 2026-10-24T01:00:00Z',
      '2026-10-25T00:30:00Z 2026-10-25T01:00:00Z',
      '2026-10-26T01:30:00Z 2026-10-26T02:00:00Z',
    ]);
    // Half an hour that clocks are put back by, south of the equator, and an offset of half an hour besides.
    assert.deepEqual(
      windowsOf([nightly('01:45', 30, 'Australia/Lord_Howe')], '2026-12-01T00:00:00Z', ['2027-04-02', '2027-04-05']),
      [
        '2027-04-02T14:45:00Z 2027-04-02T15:15:00Z',
        '2027-04-03T14:45:00Z 2027-04-03T15:15:00Z',
        '2027-04-04T15:15:00Z 2027-04-04T15:45:00Z',
      ],
    );
  });

  test('what overlaps or touches is one window, from whatever rules', () => {
    const rules = [
      nightly('20:00', 60, 'UTC'),
      nightly('21:00', 90, 'UTC'),
      { ...nightly('23:00', 60), days: ['mon'] },
    ];
    assert.deepEqual(windowsOf(rules, '2026-06-01T08:00:00Z').slice(0, 2), [
      '2026-06-01T20:00:00Z 2026-06-01T22:30:00Z',
      '2026-06-02T20:00:00Z 2026-06-02T22:30:00Z',
    ]);
    // Nothing but open: one interval, up to where it was resolved.
    const always = resolved([nightly('00:00', 1440, 'UTC')], '2026-06-01T08:00:00Z');
    assert.ok(always.ok);
    assert.deepEqual(always.value.windows, [{ from: '2026-06-01T00:00:00Z', to: '2027-07-06T08:00:00Z' }]);
    assert.equal(always.value.resolvedUntil, '2027-07-06T08:00:00Z');
  });

  const refused: readonly (readonly [string, readonly object[], string])[] = [
    [
      'a zone that does not exist',
      [nightly('22:00', 60, 'UTC'), nightly('22:00', 60, 'Europe/Pari')],
      'channels.stable.windows[1].timezone: Europe/Pari is no time zone that this machine knows; write it as Europe/Paris, or UTC',
    ],
    [
      'a day that no month has',
      [{ ...nightly('22:00', 60), daysOfMonth: [30], months: [2] }],
      'channels.stable.windows[0]: opens on no day of the next 400',
    ],
    [
      'more intervals than a document holds',
      [{ ...nightly('22:00', 1, 'UTC'), starts: Array.from({ length: 12 }, (_, hour) => `${hour + 10}:00`) }],
      `channels.stable.windows: 4800 intervals in 400 days, at most ${intervalsMax}: open less often, for longer`,
    ],
  ];
  for (const [what, rules, detail] of refused) {
    test(`refused: ${what}`, () => {
      assert.deepEqual(resolved(rules, '2026-06-01T00:00:00Z'), { ok: false, reason: 'fleet-invalid', detail });
    });
  }
});

describe('freezes', () => {
  const freezesOf = (freezes: readonly object[]) => {
    const found = resolved(null, '2026-06-01T08:00:00Z', freezes);
    return found.ok ? found.value.freezes.map(({ from, to }) => `${from} ${to}`) : found.detail;
  };
  const local = (from: string, to: string, timezone = 'Europe/Paris') => [{ from, to, timezone, reason: 'quiet' }];

  test('instants stay, local times are the zone’s, past ones are kept', () => {
    const instants = { from: '2026-12-23T00:00:00Z', to: '2027-01-02T00:00:00Z', reason: 'end of year' };
    assert.deepEqual(freezesOf([instants, ...local('2020-07-13T18:00', '2020-12-15T08:00')]), [
      '2026-12-23T00:00:00Z 2027-01-02T00:00:00Z',
      '2020-07-13T16:00:00Z 2020-12-15T07:00:00Z',
    ]);
  });

  test('from and to where clocks skip or repeat them', () => {
    assert.deepEqual(freezesOf(local('2026-10-25T02:30', '2027-03-28T02:30')), [
      '2026-10-25T00:30:00Z 2027-03-28T01:00:00Z',
    ]);
    assert.equal(
      freezesOf(local('2027-03-28T02:10', '2027-03-28T02:50')),
      'channels.stable.freezes[0]: clocks skip all of it',
    );
  });

  test('a zone that does not exist is named', () => {
    assert.match(
      String(freezesOf(local('2026-10-25T02:30', '2027-03-28T02:30', 'Mars/Base'))),
      /^channels.stable.freezes\[0\].timezone: Mars\/Base /,
    );
  });
});

/** The same question asked of each minute's wall clock: another way to the answer, and far too slow for a release. */
test('a window is open exactly for its length from the first minute whose clock shows a start or later', () => {
  const minuteMs = 60_000;
  // Each zone's changes fall into the fortnight looked at.
  const zones = [
    { timezone: 'Europe/Paris', about: '2026-10-20T00:00:00Z' },
    { timezone: 'Europe/Paris', about: '2027-03-22T00:00:00Z' },
    { timezone: 'America/New_York', about: '2026-10-27T00:00:00Z' },
    { timezone: 'Australia/Lord_Howe', about: '2026-09-28T00:00:00Z' },
    { timezone: 'Asia/Kolkata', about: '2026-06-01T00:00:00Z' },
  ];
  const two = (n: number) => String(n).padStart(2, '0');
  const time = fc.tuple(fc.nat(23), fc.nat(59)).map(([hour, minute]) => `${two(hour)}:${two(minute)}`);
  const rule = fc.record({
    starts: fc.uniqueArray(time, { minLength: 1, maxLength: 3 }),
    durationMinutes: fc.integer({ min: 1, max: 600 }),
  });
  const lookedAtMs = 14 * 24 * 60 * minuteMs;
  fc.assert(
    fc.property(fc.constantFrom(...zones), rule, ({ timezone, about }, given) => {
      const found = resolved([{ ...given, timezone }], about);
      assert.ok(found.ok);
      const format = new Intl.DateTimeFormat('sv-SE', { timeZone: timezone, dateStyle: 'short', timeStyle: 'short' });
      const startMs = instantToMs(instant(about));
      const opened = new Set<string>();
      let openUntilMs = 0;
      let isCertain = false;
      for (let ms = startMs - 24 * 60 * minuteMs; ms < startMs + lookedAtMs; ms += minuteMs) {
        const [day = '', shown = ''] = format.format(ms).split(' ');
        for (const start of given.starts) {
          if (shown < start || opened.has(`${day} ${start}`)) continue;
          opened.add(`${day} ${start}`);
          openUntilMs = Math.max(openUntilMs, ms + given.durationMinutes * minuteMs);
        }
        // The first day shows some starts late, since nobody looked earlier.
        isCertain ||= ms >= startMs;
        if (!isCertain) continue;
        const windows: readonly Interval[] = found.value.windows ?? [];
        assert.equal(
          intervalAt(windows, msToInstant(ms)) !== undefined,
          ms < openUntilMs,
          `${timezone} ${day} ${shown}`,
        );
      }
    }),
    { numRuns: 12 },
  );
});
