import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FreezeRule, LocalDateTime, WindowRule, windowStartsMax } from './change-window.ts';
import { Instant } from './instant.ts';
import { isPinExpired, Pin, pinAt } from './pin.ts';

const window = { starts: ['22:00'], durationMinutes: 240, timezone: 'Europe/Paris' };
const freeze = { from: '2026-12-23T18:00', to: '2027-01-04T08:00', timezone: 'Europe/Paris', reason: 'end of year' };
const instants = { from: '2026-12-23T18:00:00Z', to: '2027-01-04T08:00:00Z', reason: 'end of year' };
const storePath = `/nix/store/${'0'.repeat(32)}-nixos-system`;

describe('window rules', () => {
  const cases: readonly (readonly [boolean, string, object])[] = [
    [true, 'without days', {}],
    [true, 'days of every kind', { days: ['mon', 'sun'], daysOfMonth: [1, 31], months: [12] }],
    [true, 'a field of a later version', { calendar: 'gregorian' }],
    [false, 'no days', { days: [] }],
    [false, 'a day in words', { days: ['monday'] }],
    [false, 'a day that no month has', { daysOfMonth: [32] }],
    [false, 'a month that no year has', { months: [0] }],
    [false, 'no starts', { starts: [] }],
    [false, 'more starts than are resolved', { starts: Array(windowStartsMax + 1).fill('22:00') }],
    [false, 'a time that no clock shows', { starts: ['24:00'] }],
    [false, 'no length', { durationMinutes: 0 }],
    [false, 'longer than a week', { durationMinutes: 7 * 24 * 60 + 1 }],
    [false, 'an offset for a zone', { timezone: '+01:00' }],
    [false, 'a path for a zone', { timezone: '../../etc/passwd' }],
  ];
  for (const [isAccepted, what, change] of cases) {
    test(`${isAccepted ? 'accepted' : 'refused'}: ${what}`, () => {
      assert.equal(WindowRule.safeParse({ ...window, ...change }).success, isAccepted);
    });
  }
});

describe('freeze rules', () => {
  const cases: readonly (readonly [boolean, string, object])[] = [
    [true, 'local times with a zone', freeze],
    [true, 'instants without', instants],
    [false, 'local times without a zone', { ...freeze, timezone: undefined }],
    [false, 'without a reason', { ...instants, reason: '' }],
    [false, 'backwards', { ...freeze, from: freeze.to, to: freeze.from }],
    [false, 'of no length', { ...instants, to: instants.from }],
    [false, 'one of each', { ...freeze, to: instants.to }],
  ];
  for (const [isAccepted, what, value] of cases) {
    test(`${isAccepted ? 'accepted' : 'refused'}: ${what}`, () => {
      assert.equal(FreezeRule.safeParse(value).success, isAccepted);
    });
  }

  test('only days of the calendar', () => {
    for (const [text, isDay] of [
      ['2028-02-29T00:00', true],
      ['2027-02-29T00:00', false],
      ['2027-04-31T00:00', false],
      ['2027-04-30', false],
      ['not a day', false],
    ] as const) {
      assert.equal(LocalDateTime.safeParse(text).success, isDay, text);
    }
  });
});

test('a pin names a commit or a closure, and ends with its last second', () => {
  const why = { reason: 'ticket 4711' };
  assert.ok(Pin.safeParse({ ...why, commit: 'a'.repeat(40) }).success);
  const pin = Pin.parse({ ...why, closure: storePath, expiresAt: '2026-06-01T08:00:00Z' });
  for (const wrong of [
    why,
    { ...why, commit: 'main' },
    { ...why, closure: `${storePath}/bin` },
    { closure: storePath },
  ]) {
    assert.ok(!Pin.safeParse(wrong).success, JSON.stringify(wrong));
  }
  assert.equal(isPinExpired(pin, Instant.parse('2026-06-01T07:59:59Z')), false);
  assert.equal(isPinExpired(pin, Instant.parse('2026-06-01T08:00:00Z')), true);
  const { expiresAt, ...forEver } = pin;
  const wider = Pin.parse({ commit: 'b'.repeat(40), reason: 'the channel' });
  assert.equal(pinAt({ pin, widerPins: [wider] }, Instant.parse('2026-06-01T07:59:59Z')), pin);
  assert.equal(pinAt({ pin, widerPins: [wider] }, Instant.parse('2026-06-01T08:00:00Z')), wider);
  assert.equal(pinAt({ pin }, Instant.parse('2026-06-01T08:00:00Z')), pin);
  assert.equal(pinAt({}, Instant.parse('2026-06-01T08:00:00Z')), null);
  assert.equal(isPinExpired(forEver, Instant.parse('2999-12-31T23:59:59Z')), false);
});
