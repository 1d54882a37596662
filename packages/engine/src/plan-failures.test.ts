import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Instant } from '@nixfleet/contracts';
import { describeWithheld } from './describe-withheld.ts';
import { manifest, PlannedFleet, targetIn } from './fixtures/fleet.ts';
import { closureOf } from './fixtures/host.ts';

const oneWave = manifest({ introducedIn: 1, waves: [['a', 'b']] });
const _twoWaves = manifest({ introducedIn: 1, waves: [['a'], ['b', 'c']] });
const later = '2026-06-01T13:00:00Z';
const instant = (text: string) => text as Instant;

function fleetOf(current: ReturnType<typeof manifest>, ...mayFinish: ReturnType<typeof manifest>[]) {
  return new PlannedFleet({ [current.document.channel]: { current, mayFinish } });
}

function stateOf(fleet: PlannedFleet, name: string) {
  const state = fleet.views.get(name as never)?.fold?.state;
  assert.ok(state);
  return state;
}

describe('failures', () => {
  it('P5: more failures than tolerated halt every host that was not let go, at once', () => {
    const hosts = ['a', 'b', 'c', 'd'];
    for (const [maxFailures, borne] of [
      [{}, 0],
      [{ count: 1 }, 1],
      [{ percent: 50 }, 2],
      [{ count: 2, percent: 25 }, 1],
      [{ count: 1, percent: 100 }, 1],
    ] as const) {
      const current = manifest({ introducedIn: 1, waves: [hosts], policy: { maxFailures } });
      const fleet = fleetOf(current).failed(current, ...hosts.slice(0, borne));
      assert.equal(fleet.goes().length, 4 - borne, 'borne');
      fleet.failed(current, ...hosts.slice(0, borne + 1));
      assert.deepEqual(fleet.goes(), [], JSON.stringify(maxFailures));
      assert.deepEqual(fleet.withheld('d')[0], {
        code: 'halted',
        names: hosts.slice(0, borne + 1),
        have: borne + 1,
        need: borne,
      });
      assert.equal(fleet.state(current)?.state, 'reverted');
      assert.equal(fleet.state(current)?.failed, borne + 1);
    }
  });

  it('says why a host failed when it is back, too, and when its phase tells of no rollout any more', () => {
    const fleet = fleetOf(oneWave).failed(oneWave, 'a');
    assert.deepEqual(fleet.withheld('a')[0], { code: 'failed', reason: 'probe-failed' });
    fleet.tell('a', { kind: 'checkpoint', body: { state: { ...stateOf(fleet, 'a'), phase: { name: 'pending' } } } });
    assert.deepEqual(fleet.withheld('a')[0], { code: 'failed', reason: 'probe-failed' });
  });

  it('P5: a halt also takes back the go of hosts that only fetch, not of those that switch', () => {
    const current = manifest({ introducedIn: 1, waves: [['a', 'b', 'c']] });
    const fleet = fleetOf(current).fetching(current, 'b').activating(current, 'c');
    assert.deepEqual(fleet.goes(), ['a', 'b']);
    fleet.failed(current, 'a');
    assert.deepEqual(fleet.goes(), []);
    assert.deepEqual(fleet.codes('b'), ['halted', 'in-progress']);
    assert.deepEqual(fleet.withheld('c'), [
      { code: 'in-progress', reason: 'activating', until: '2026-06-01T12:07:00Z' },
    ]);
  });

  it('what a host told of a wait is not shown past its end', () => {
    const said = (until: string) =>
      fleetOf(oneWave).tell('a', {
        kind: 'withheld',
        body: { withheld: { code: 'retry-backoff', until: instant(until) } },
      });
    assert.deepEqual(said(later).codes('a'), ['retry-backoff']);
    assert.deepEqual(said('2026-06-01T11:59:00Z').codes('a'), []);
  });

  it('P5: a failure is not forgotten when the host reports something newer, is reinstalled, or replays a checkpoint', () => {
    const fleet = fleetOf(oneWave).failed(oneWave, 'a');
    fleet.tell('a', { kind: 'withheld', body: { withheld: null } });
    assert.equal(fleet.state(oneWave)?.failed, 1);
    const state = stateOf(fleet, 'a');
    const replayed = fleetOf(oneWave).tell('a', { kind: 'checkpoint', body: { state } });
    assert.equal(replayed.state(oneWave)?.failed, 1);
    const body = { reason: 'state-lost', running: closureOf('v0'), confirmed: null, agentVersion: '1' } as const;
    assert.equal(fleet.tell('a', { kind: 'journal-started', body }).state(oneWave)?.failed, 1);
  });

  it('P5: a host that is reinstalled has not converged any more', () => {
    const fleet = fleetOf(oneWave).converged(oneWave, 'a', 'b');
    const body = { reason: 'state-lost', running: closureOf('v0'), confirmed: null, agentVersion: '1' } as const;
    assert.deepEqual(fleet.tell('a', { kind: 'journal-started', body }).goes(), ['a']);
  });

  it('P6: a host that falls silent after dispatch has failed, one deadline and a minute later', () => {
    const current = manifest({ introducedIn: 1, waves: [['a', 'b', 'c']], policy: { offlineGraceSeconds: 1 } });
    const cases: [(fleet: PlannedFleet) => void, string][] = [
      [(fleet) => fleet.activating(current, 'a'), '2026-06-01T12:08:00Z'],
      [(fleet) => fleet.fetching(current, 'a'), '2026-06-01T12:08:00Z'],
      [(fleet) => fleet.issue(current, 'a'), '2026-06-01T12:08:00Z'],
      [(fleet) => fleet.soaking(current, 'a'), '2026-06-01T12:08:00Z'],
    ];
    for (const [arrange, lost] of cases) {
      const fleet = fleetOf(current);
      arrange(fleet);
      fleet.offline('2026-06-01T12:00:00Z', 'a');
      assert.equal(fleet.state(current, '2026-06-01T12:07:59Z')?.failed, 0);
      const deadlines = [fleet.plan().nextDeadline, fleet.plan('2026-06-01T12:07:30Z').nextDeadline];
      assert.ok(deadlines.includes(instant(lost)), `${deadlines}`);
      assert.deepEqual([fleet.state(current, lost)?.state, fleet.codes('b', lost)], ['halted', ['halted']]);
      assert.ok(fleet.codes('a', lost).includes('offline'));
      fleet.see('a', { isOnline: true });
      assert.equal(fleet.state(current, lost)?.failed, 0, 'heard again: its journal tells');
    }
  });

  it('P7: quarantine withholds by attempt', () => {
    const again = (attempt: number) => manifest({ introducedIn: 2, waves: [['a', 'b']], closure: () => 'v1', attempt });
    const fleet = fleetOf(oneWave).failed(oneWave, 'a');
    fleet.channels = { stable: { current: again(1) } };
    assert.deepEqual(fleet.withheld('a')[0], { code: 'quarantined', reason: 'probe-failed' });
    assert.deepEqual(fleet.goes(), ['b']);
    fleet.channels = { stable: { current: again(2) } };
    assert.deepEqual(fleet.goes(), ['a', 'b']);
  });

  it('P8: an unconfirmed host waits for its back-off, is no failure, and is free for a newer release', () => {
    const fleet = fleetOf(oneWave).unconfirmed(oneWave, later, 'a');
    assert.deepEqual(fleet.withheld('a')[0], { code: 'retry-backoff', until: later, have: 1 });
    assert.deepEqual([fleet.goes(), fleet.state(oneWave)?.failed], [['b'], 0]);
    assert.deepEqual(fleet.goes(later), ['a', 'b']);
    fleet.channels = { stable: { current: manifest({ introducedIn: 2, waves: [['a', 'b']] }) } };
    assert.deepEqual(fleet.goes(), ['a', 'b']);
  });

  it('P8: what a host holds itself back for takes no slot and is no dispatch', () => {
    const current = manifest({
      introducedIn: 1,
      waves: [['a', 'b']],
      budgets: [{ name: 'one', hosts: ['a', 'b'], maxInFlight: 1 }],
    });
    const held = fleetOf(current).tell('a', {
      kind: 'local-hold',
      body: { hold: { until: instant(later), reason: 'disk' } },
    });
    assert.deepEqual(held.withheld('a')[0], { code: 'local-hold', until: later, reason: 'disk' });
    assert.deepEqual(held.goes(), ['b']);
    assert.deepEqual(held.issue(current, 'a').goes(), ['b'], 'not even with a go in hand');
    const clock = { kind: 'withheld', body: { withheld: { code: 'clock-unsynchronised' } } } as const;
    assert.deepEqual(fleetOf(current).tell('a', clock).goes(), ['b']);
    const reboot = { kind: 'deferred', body: { target: targetIn(current, 'a'), component: 'dbus' } } as const;
    const deferred = fleetOf(current).fetching(current, 'a').tell('a', reboot);
    assert.deepEqual([deferred.withheld('a')[0], deferred.goes()], [{ code: 'reboot-needed', reason: 'dbus' }, ['b']]);
    const refused = fleetOf(current).refused(current, 'a');
    const until = '2026-06-01T12:00:30Z';
    assert.deepEqual(refused.withheld('a')[0], { code: 'refused', until, refusal: 'closure-unavailable' });
    assert.deepEqual([refused.goes(), refused.goes(until)], [['b'], ['b']], 'one that refused comes last');
    refused.offline('2026-06-01T12:00:00Z', 'b');
    assert.deepEqual([refused.goes(), refused.goes(until)], [[], ['a']]);
  });

  it('P8: one that refuses rests as long as it says itself, and takes no slot of another that refuses', () => {
    const budgets = [{ name: 'one', hosts: ['a', 'b'], maxInFlight: 1 }];
    const current = manifest({ introducedIn: 1, waves: [['a', 'b']], budgets });
    const fleet = fleetOf(current).refused(current, 'b');
    const body = { target: targetIn(current, 'a'), reason: 'closure-unavailable' } as const;
    fleet.tell('a', { kind: 'refused', body: { ...body, retryNotBefore: instant(later) } });
    const shown = { code: 'refused', until: later, refusal: 'closure-unavailable' };
    assert.deepEqual(fleet.withheld('a', '2026-06-01T12:00:30Z')[0], shown);
    assert.deepEqual([fleet.goes('2026-06-01T12:00:30Z'), fleet.goes(later)], [['b'], ['a']]);
    fleet.offline('2026-06-01T12:00:00Z', 'a').failed(current, 'b');
    assert.deepEqual(fleet.withheld('a').at(-1), shown, 'while something else stands against it, too');
  });

  it('P8: a refusal of an older journal has no end, and comes last', () => {
    const fleet = fleetOf(oneWave).tell('a', {
      kind: 'refused',
      body: { target: targetIn(oneWave, 'a'), reason: 'closure-unavailable' },
    });
    assert.deepEqual(fleet.withheld('a'), [{ code: 'refused', refusal: 'closure-unavailable' }]);
    assert.deepEqual([...fleet.plan().hosts.keys()], ['b', 'a']);
  });
});

describe('a refusal', () => {
  it('is shown in the words of the host, while it is resting and afterwards', () => {
    const current = manifest({ introducedIn: 1, waves: [['a']] });
    const detail = 'alice is logged in';
    const fleet = new PlannedFleet({ stable: { current } }).fetching(current, 'a');
    fleet.tell('a', { kind: 'refused', body: { target: targetIn(current, 'a'), reason: 'reboot-refused', detail } });
    for (const now of [fleet.now, '2026-06-01T13:00:00Z' as Instant]) {
      fleet.now = now;
      const [withheld] = fleet.withheld('a').filter(({ code }) => code === 'refused');
      assert.deepEqual([withheld?.refusal, withheld?.reason], ['reboot-refused', detail], now);
    }
    assert.match(
      describeWithheld({ code: 'refused', refusal: 'reboot-refused', reason: detail }),
      /alice is logged in/,
    );
  });
});

describe('budgets', () => {
  const hosts = ['a', 'b', 'c'];
  const one = { name: 'one', hosts: ['a', 'b', 'c', 'x'], maxInFlight: 1 };
  const current = manifest({ introducedIn: 1, waves: [hosts], budgets: [one] });

  it('P11: never more in flight than the budget, within a pass and across passes', () => {
    const fleet = fleetOf(current);
    assert.deepEqual(fleet.goes(), ['a']);
    assert.deepEqual(fleet.withheld('b'), [{ code: 'budget', names: ['one'], have: 1, need: 1 }]);
    fleet.see('a', { isOnline: false });
    assert.deepEqual(fleet.goes(), ['b'], 'an offline host takes no slot');
    fleet.issue(current, 'b').see('a', { isOnline: true });
    assert.deepEqual(fleet.goes(), ['b'], 'a go that was handed out keeps its slot');
    fleet.fetching(current, 'b');
    assert.deepEqual(fleet.goes(), ['b']);
    fleet.activating(current, 'b');
    assert.deepEqual(fleet.goes(), []);
    fleet.offline('2026-06-01T12:00:00Z', 'b');
    assert.deepEqual(fleet.goes('2026-06-01T12:07:59Z'), [], 'silent, and still counted');
    fleet.see('b', { isOnline: true }).converged(current, 'b');
    assert.deepEqual(fleet.goes(), ['a']);
  });

  it('P11: over all rollouts, the smaller limit of one name, and hosts in flight for a superseded release', () => {
    const other = manifest({
      channel: 'other',
      introducedIn: 1,
      waves: [['x']],
      budgets: [{ ...one, maxInFlight: 3 }],
    });
    const both = new PlannedFleet({ other: { current: other }, stable: { current } });
    assert.deepEqual(both.goes(), ['x']);
    const superseded = manifest({ introducedIn: 0 + 1, channel: 'stable', waves: [hosts], closure: () => 'old' });
    const old = { ...superseded, rolloutId: '9'.repeat(64) as typeof superseded.rolloutId };
    const gone = manifest({ channel: 'gone', introducedIn: 1, waves: [['x']] });
    assert.deepEqual(fleetOf(current).activating(gone, 'x').goes(), [], 'of a channel that is no more');
    const fleet = fleetOf(current).activating(old, 'c');
    assert.deepEqual(fleet.goes(), []);
    assert.deepEqual(fleet.withheld('c'), [{ code: 'in-progress', reason: 'activating', names: [old.rolloutId] }]);
  });

  it('P11: a go of the release before counts until the host has had time to tell', () => {
    const before = manifest({ introducedIn: 1, waves: [hosts], budgets: [one] });
    const after = manifest({ introducedIn: 2, waves: [hosts], budgets: [one] });
    const fleet = fleetOf(before).issue(before, 'b');
    fleet.channels = { stable: { current: after } };
    assert.deepEqual(fleet.goes(), ['b'], 'it keeps its slot for the newer one');
    assert.equal(fleet.plan().nextDeadline, '2026-06-01T12:01:00Z');
    fleet.see(['b'], { lastSeenAt: '2026-06-01T12:01:00Z' as Instant });
    assert.deepEqual(fleet.goes('2026-06-01T12:01:00Z'), ['a']);
  });

  it('P11: a host that is heard and does nothing with its go keeps no slot', () => {
    const fleet = fleetOf(current).issue(current, 'b');
    assert.deepEqual(fleet.goes('2026-06-01T12:00:59Z'), ['b']);
    fleet.see(['b'], { lastSeenAt: '2026-06-01T12:01:00Z' as Instant });
    assert.deepEqual(fleet.goes('2026-06-01T12:01:00Z'), ['a']);
  });

  it('P11: a host that was told and not heard since keeps its slot, though it does not count as offline yet', () => {
    const fleet = fleetOf(current).issue(current, 'b');
    fleet.see(['b'], { lastSeenAt: '2026-06-01T12:00:30Z' as Instant });
    assert.deepEqual(fleet.goes('2026-06-01T12:02:00Z'), ['b']);
  });

  it('P12: never more fetch than the limit, those just told included', () => {
    const limited = manifest({ introducedIn: 1, waves: [hosts], policy: { fetchesMax: 1 } });
    const fleet = fleetOf(limited);
    assert.deepEqual(fleet.goes(), ['a']);
    assert.deepEqual(fleet.withheld('b'), [{ code: 'fetch-limit', have: 1, need: 1 }]);
    fleet.issue(limited, 'b');
    assert.deepEqual(fleet.goes(), ['b']);
    fleet.fetching(limited, 'b');
    assert.deepEqual(fleet.goes(), ['b']);
    fleet.activating(limited, 'b');
    assert.deepEqual(fleet.goes(), ['a']);
  });

  it('P12: a host that fetches for an earlier rollout has its place in the newest as well', () => {
    const policy = { fetchesMax: 1, onNewRelease: 'replace' } as const;
    const before = manifest({ introducedIn: 1, waves: [hosts], policy });
    const limited = manifest({ introducedIn: 2, waves: [hosts], policy });
    const fleet = fleetOf(limited).fetching(before, 'b');
    assert.deepEqual(fleet.goes(), ['b']);
    assert.ok(fleet.codes('a').includes('fetch-limit'));
    fleet.soaking(before, 'b').fetching(limited, 'a');
    assert.ok(
      fleet.codes('b').includes('fetch-limit'),
      'who holds a slot for the earlier one waits for a place in the newest',
    );
    fleet.soaking(limited, 'a');
    assert.deepEqual(fleet.goes(), ['b'], 'once the other is past it');
    const told = fleetOf(limited).soaking(before, 'b').issue(limited, 'b');
    assert.ok(told.codes('a').includes('fetch-limit'), 'told, and still at the end of the earlier one');
  });
});
