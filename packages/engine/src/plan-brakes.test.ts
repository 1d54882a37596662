import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Freeze, Instant, Interval } from '@nixfleet/contracts';
import { channelBrake } from './brake.ts';
import { manifest, PlannedFleet } from './fixtures/fleet.ts';
import { forecast } from './forecast/forecast.ts';
import { switchSecondsDefault } from './forecast/switch-seconds.ts';

/** An instant of June 2026, as `02T21:00`; every fleet here starts at noon of the first. */
const june = (text: string) => `2026-06-${text}:00Z` as Instant;
const span = (from: string, to: string): Interval => ({ from: june(from), to: june(to) });
const freeze = (from: string, to: string, reason: string): Freeze => ({ ...span(from, to), reason });
const hold = (expiresAt: string, reason: string, channel = 'stable') => ({
  ...{ channel, reason },
  expiresAt: june(expiresAt),
});

interface Standing {
  readonly windows?: readonly Interval[];
  readonly freezes?: readonly Freeze[];
  readonly holds?: readonly ReturnType<typeof hold>[];
  readonly resolvedUntil?: string;
}

function fleetOf({ windows, freezes = [], holds = [], resolvedUntil = '30T00:00' }: Standing): PlannedFleet {
  const resolved = windows ? { windows, resolvedUntil: june(resolvedUntil) } : {};
  const current = manifest({ introducedIn: 1, waves: [['a']], ...resolved });
  const fleet = new PlannedFleet({ stable: { current, freezes } });
  fleet.headExpiresAt = june('20T00:00');
  fleet.holds = holds;
  return fleet;
}

/** What stands against `a`, and, the same, against its rollout: an end is given only if nothing of its kind stands after it. */
function told(fleet: PlannedFleet, now?: string): readonly (readonly (string | undefined)[])[] {
  const at = now === undefined ? undefined : june(now);
  const withheld = fleet.withheld('a', at);
  assert.deepEqual(fleet.plan(at).rollouts[0]?.withheld, withheld, 'as of the rollout');
  return withheld.map(({ code, until, reason }) => {
    if (until) assert.equal(fleet.codes('a', until).includes(code), false, `${code} stands at its end`);
    return [code, until?.slice(8, 16), reason];
  });
}

describe('brakes that stand together', () => {
  it('P1: every brake that stands is told, not the first alone', () => {
    const all = { freezes: [freeze('01T00:00', '08T00:00', 'sale')], holds: [hold('01T13:00', 'disk')] };
    const fleet = fleetOf({ ...all, windows: [span('09T21:00', '09T23:00')] });
    const brakes = [
      ['hold', '01T13:00', 'disk'],
      ['freeze', '08T00:00', 'sale'],
      ['outside-window', '09T21:00', undefined],
    ];
    assert.deepEqual(told(fleet), brakes);
    fleet.headExpiresAt = june('01T12:00');
    assert.deepEqual(told(fleet), [['head-expired', undefined, undefined], ...brakes]);
    fleet.headExpiresAt = june('20T00:00');
    assert.deepEqual(fleet.goes(june('09T20:59')), []);
    assert.deepEqual(fleet.goes(june('09T21:00')), ['a'], 'the last end is the truth');
  });

  it('P1: holds and freezes that follow each other without a gap end together, with all their reasons', () => {
    const holds = [hold('04T12:00', 'audit'), hold('01T13:00', 'disk'), hold('09T00:00', 'x', 'other')];
    assert.deepEqual(told(fleetOf({ holds })), [['hold', '04T12:00', 'disk; audit']]);
    const freezes = [
      freeze('03T00:00', '05T00:00', 'audit'),
      freeze('01T00:00', '02T00:00', 'sale'),
      freeze('02T00:00', '03T06:00', 'sale'),
      freeze('05T00:01', '06T00:00', 'later'),
    ];
    assert.deepEqual(told(fleetOf({ freezes })), [['freeze', '05T00:00', 'sale; audit']]);
    assert.deepEqual(told(fleetOf({ freezes: freezes.toReversed() })), [['freeze', '05T00:00', 'sale; audit']]);
    const long = fleetOf({ holds: [hold('02T00:00', 'a'.repeat(900)), hold('03T00:00', 'b'.repeat(900))] });
    assert.equal(long.withheld('a')[0]?.reason?.length, 1000);
  });

  it('P1: an opening that lies in freezes and holds is none, and one that begins in them begins at their end', () => {
    const windows = [span('02T22:00', '03T02:00'), span('01T22:00', '02T02:00'), span('03T22:00', '04T02:00')];
    assert.deepEqual(told(fleetOf({ windows })), [['outside-window', '01T22:00', undefined]]);
    const covered = [freeze('01T21:00', '02T03:00', 'sale')];
    assert.deepEqual(told(fleetOf({ windows, freezes: covered })), [['outside-window', '02T22:00', undefined]]);
    const exactly = [freeze('01T22:00', '02T02:00', 'sale')];
    assert.deepEqual(told(fleetOf({ windows, freezes: exactly })), [['outside-window', '02T22:00', undefined]]);
    const begun = [freeze('01T21:00', '01T23:00', 'sale'), freeze('02T01:00', '02T03:00', 'audit')];
    assert.deepEqual(told(fleetOf({ windows, freezes: begun })), [['outside-window', '01T23:00', undefined]]);
    const held = fleetOf({ windows, holds: [hold('02T23:30', 'audit')] });
    assert.deepEqual(told(held).at(-1), ['outside-window', '02T23:30', undefined]);
    const never = fleetOf({ windows, freezes: [freeze('01T13:00', '09T00:00', 'sale')] });
    assert.deepEqual(told(never), [['outside-window', undefined, undefined]], 'no opening is known');
    const unknown = fleetOf({ windows, freezes: covered, resolvedUntil: '02T22:00' });
    assert.deepEqual(told(unknown), [['outside-window', undefined, undefined]], 'past what was resolved');
  });

  it('P20: the plan is made again at every edge of a brake, also where what is told ends later', () => {
    const windows = [span('02T22:00', '03T02:00')];
    const freezes = [freeze('01T00:00', '02T00:00', 'sale'), freeze('02T00:00', '02T23:00', 'audit')];
    const fleet = fleetOf({ windows, freezes });
    const deadlines: string[] = [];
    for (let now: string | null = fleet.now; now !== null && now < june('03T03:00'); ) {
      now = fleet.plan(now).nextDeadline;
      if (now !== null) deadlines.push(now.slice(8, 16));
    }
    assert.deepEqual(deadlines.slice(0, 4), ['02T00:00', '02T22:00', '02T23:00', '03T02:00']);
    assert.deepEqual(fleet.codes('a', june('02T22:00')), ['freeze']);
  });

  it('P1: what an agent says is the first of them, with the end that the planner gives', () => {
    const holds = [hold('01T13:00', 'disk'), hold('04T12:00', 'audit')];
    const freezes = [freeze('01T00:00', '08T00:00', 'sale')];
    const brakes = {
      ...{ holds, freezes, windows: null, resolvedUntil: null },
      ...{ headExpiresAt: june('20T00:00'), isEmergency: false },
    };
    assert.deepEqual(channelBrake('stable', brakes, june('01T12:00')), fleetOf({ holds, freezes }).withheld('a')[0]);
    assert.equal(channelBrake('other', { ...brakes, freezes: [] }, june('01T12:00')), null);
  });

  it('a forecast tells what ends together as one block, with the reasons of all', () => {
    const fleet = fleetOf({ holds: [hold('01T13:00', 'disk'), hold('01T18:00', 'audit')] });
    const secondsOf = () => switchSecondsDefault;
    const views = { hosts: fleet.views, rebuild: null };
    const { rollouts } = forecast({ release: fleet.release(), views, now: fleet.now, secondsOf });
    assert.deepEqual(
      rollouts[0]?.blockedBy.map(({ withheld, from, to }) => [withheld.reason, from, to]),
      [['disk; audit', june('01T12:00'), june('01T18:00')]],
    );
  });
});
