import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Instant } from '@nixfleet/contracts';
import { manifest, PlannedFleet, targetIn } from './fixtures/fleet.ts';
import { closureOf, noon } from './fixtures/host.ts';

const oneWave = manifest({ introducedIn: 1, waves: [['a', 'b']] });
const twoWaves = manifest({ introducedIn: 1, waves: [['a'], ['b', 'c']] });
const later = '2026-06-01T13:00:00Z';
const instant = (text: string) => text as Instant;

function fleetOf(current: ReturnType<typeof manifest>, ...mayFinish: ReturnType<typeof manifest>[]) {
  return new PlannedFleet({ [current.document.channel]: { current, mayFinish } });
}

describe('brakes', () => {
  it('P1: an expired head, a hold, a freeze and a closed window each withhold, with the instant they end', () => {
    const cases: [string, string | undefined, (fleet: PlannedFleet) => void][] = [
      ['head-expired', undefined, (fleet) => (fleet.headExpiresAt = instant('2026-06-01T12:00:00Z'))],
      ['hold', later, (fleet) => (fleet.holds = [{ channel: 'stable', reason: 'audit', expiresAt: instant(later) }])],
      [
        'freeze',
        later,
        (fleet) => {
          const freezes = [{ from: instant('2026-06-01T12:00:00Z'), to: instant(later), reason: 'sale' }];
          fleet.channels = { stable: { current: oneWave, freezes } };
        },
      ],
    ];
    for (const [code, until, arrange] of cases) {
      const fleet = fleetOf(oneWave);
      arrange(fleet);
      assert.deepEqual(fleet.goes(), [], code);
      const [first] = fleet.withheld('a');
      assert.deepEqual([first?.code, first?.until], [code, until]);
      assert.deepEqual(
        fleet.state(oneWave)?.withheld.map((withheld) => withheld.code),
        [code],
      );
      if (until) assert.deepEqual(fleet.goes(until), ['a', 'b'], `${code} ends`);
      if (until) assert.equal(fleet.plan().nextDeadline, until);
    }
  });

  it('P1: other channels’ and expired holds, and coming freezes, withhold nothing', () => {
    const freezes = [{ from: instant(later), to: instant('2026-06-01T14:00:00Z'), reason: 'sale' }];
    const fleet = new PlannedFleet({ stable: { current: oneWave, freezes } });
    fleet.holds = [
      { channel: 'other', reason: 'x', expiresAt: instant(later) },
      { channel: 'stable', reason: 'x', expiresAt: instant('2026-06-01T12:00:00Z') },
    ];
    assert.deepEqual(fleet.goes(), ['a', 'b']);
    fleet.holds = [];
    assert.equal(fleet.plan().nextDeadline, later, 'when the freeze begins');
  });

  it('P1: windows open and close, and nothing is open past what was resolved', () => {
    const windows = [
      { from: '2026-06-01T10:00:00Z', to: '2026-06-01T11:00:00Z' },
      { from: later, to: '2026-06-01T14:00:00Z' },
    ];
    const fleet = fleetOf(
      manifest({ introducedIn: 1, waves: [['a']], windows, resolvedUntil: '2026-06-01T13:30:00Z' }),
    );
    assert.deepEqual(fleet.withheld('a'), [{ code: 'outside-window', until: later }]);
    assert.deepEqual(fleet.goes(later), ['a']);
    assert.equal(fleet.plan(later).nextDeadline, '2026-06-01T13:30:00Z');
    assert.deepEqual(fleet.withheld('a', '2026-06-01T13:30:00Z'), [{ code: 'outside-window' }]);
    const closed = fleetOf(manifest({ introducedIn: 1, waves: [['a']], windows: [], resolvedUntil: later }));
    assert.deepEqual(closed.withheld('a'), [{ code: 'outside-window' }]);
  });

  it('P2: an approved emergency passes windows and freezes until it expires, never holds', () => {
    const current = manifest({ introducedIn: 1, waves: [['a']], windows: [], resolvedUntil: '2026-06-02T00:00:00Z' });
    const freezes = [{ from: instant('2026-06-01T11:00:00Z'), to: instant('2026-06-01T20:00:00Z'), reason: 'x' }];
    const fleet = new PlannedFleet({ stable: { current, freezes } });
    fleet.emergency = { reason: 'cve', expiresAt: instant(later) };
    assert.deepEqual(fleet.codes('a'), ['freeze'], 'not approved');
    fleet.emergencyApproved = true;
    assert.deepEqual(fleet.goes(), ['a']);
    assert.equal(fleet.plan().nextDeadline, later);
    assert.deepEqual(fleet.codes('a', later), ['freeze'], 'expired');
    fleet.holds = [{ channel: 'stable', reason: 'x', expiresAt: instant('2026-06-01T18:00:00Z') }];
    assert.deepEqual(fleet.codes('a'), ['hold']);
  });

  it('P1: a channel that observes starts nothing', () => {
    assert.deepEqual(fleetOf(manifest({ introducedIn: 1, waves: [['a']], policy: { mode: 'observe' } })).codes('a'), [
      'observe',
    ]);
  });

  it('P1: reasons come in the order of the gates', () => {
    const current = manifest({
      introducedIn: 1,
      waves: [['a'], ['b']],
      after: [{ channel: 'early' }],
      edges: [{ gated: 'b', gates: 'a' }],
      policy: { maxFailures: { count: 0 } },
    });
    const early = manifest({ channel: 'early', introducedIn: 1, waves: [['x']] });
    const freezes = [{ from: instant('2026-06-01T11:00:00Z'), to: instant(later), reason: 'x' }];
    const fleet = new PlannedFleet({ early: { current: early }, stable: { current, freezes } });
    fleet.failed(current, 'a');
    fleet.failed(current, 'b').see('b', { fold: fleet.views.get('b' as never)?.fold ?? null });
    const view = fleet.views.get('b' as never);
    assert.ok(view?.fold);
    fleet.see('b', { fold: { ...view.fold, outcomes: new Map() } });
    assert.deepEqual(fleet.codes('b'), ['halted', 'quarantined', 'freeze', 'channel-edge', 'wave', 'host-edge']);
  });
});

describe('waves', () => {
  it('P3: a wave opens when every host of the earlier ones has converged', () => {
    const fleet = fleetOf(twoWaves);
    assert.deepEqual(fleet.goes(), ['a']);
    assert.deepEqual(fleet.withheld('b'), [{ code: 'wave', names: ['a'], have: 0, need: 1 }]);
    fleet.soaking(twoWaves, 'a');
    assert.deepEqual(fleet.withheld('b'), [
      { code: 'soak', until: '2026-06-01T12:01:00Z', names: ['a'], have: 0, need: 1 },
    ]);
    assert.deepEqual(fleet.codes('b', '2026-06-01T12:01:00Z'), ['wave'], 'a soak that is over has no instant');
    fleet.converged(twoWaves, 'a');
    assert.deepEqual(fleet.goes(), ['b', 'c']);
    assert.equal(fleet.state(twoWaves)?.wave, 1);
    fleet.converged(twoWaves, 'b', 'c');
    assert.deepEqual([fleet.goes(), fleet.state(twoWaves)?.state], [[], 'converged']);
  });

  it('P3: a go carries rollout, wave and attempt of the host’s entry', () => {
    const current = manifest({ introducedIn: 1, waves: [['a'], ['b']], attempt: 3 });
    const fleet = fleetOf(current).converged(current, 'a');
    assert.deepEqual(fleet.plan().hosts.get('b' as never)?.go, { rolloutId: current.rolloutId, wave: 1, attempt: 3 });
  });

  it('P3: percent counts what can be reached, and agents’ receipts count all', () => {
    const hosts = ['a', 'b', 'c', 'd'];
    const half = manifest({
      introducedIn: 1,
      waves: [hosts, ['z']],
      promoteWhen: { convergedPercent: 50, receiptsPercent: 25 },
      policy: { offlineGraceSeconds: 600 },
    });
    const fleet = fleetOf(half).converged(half, 'a');
    assert.deepEqual(fleet.withheld('z')[0], { code: 'wave', names: ['b', 'c', 'd'], have: 1, need: 2 });
    fleet.offline('2026-06-01T11:00:00Z', 'c', 'd');
    assert.deepEqual(fleet.goes().includes('z'), true, 'half of the two that can be reached');
    const strict = manifest({
      ...{ introducedIn: 1, waves: [hosts, ['z']] },
      promoteWhen: { convergedPercent: 50, receiptsPercent: 75 },
    });
    const other = fleetOf(strict).converged(strict, 'a', 'b');
    assert.deepEqual(other.withheld('z')[0]?.need, 3);
  });

  it('P4: an offline host blocks its wave up to the declared grace, is named, and is caught up', () => {
    const promoteWhen = { convergedPercent: 100, receiptsPercent: 0 };
    const current = manifest({
      introducedIn: 1,
      waves: [['a', 'b'], ['c']],
      promoteWhen,
      policy: { offlineGraceSeconds: 600 },
    });
    const fleet = fleetOf(current).converged(current, 'a').offline('2026-06-01T12:00:00Z', 'b');
    assert.deepEqual([fleet.codes('b'), fleet.codes('c')], [['offline'], ['wave']]);
    assert.equal(fleet.plan().nextDeadline, '2026-06-01T12:10:00Z');
    const past = '2026-06-01T12:10:00Z';
    assert.deepEqual(fleet.goes(past), ['c']);
    assert.deepEqual(fleet.state(current, past)?.leftBehind, ['b']);
    fleet.converged(current, 'c');
    assert.equal(fleet.state(current, past)?.state, 'converged');
    fleet.see('b', { isOnline: true, lastSeenAt: instant(past) });
    assert.deepEqual(fleet.goes(past), ['b']);
    const never = manifest({ introducedIn: 1, waves: [['a'], ['c']], promoteWhen });
    assert.deepEqual(fleetOf(never).offline('2026-05-01T12:00:00Z', 'a').codes('c'), ['wave']);
  });

  it('P4: after an unconfirmed switch no grace excuses silence', () => {
    const promoteWhen = { convergedPercent: 100, receiptsPercent: 0 };
    const current = manifest({
      introducedIn: 1,
      waves: [['a'], ['b']],
      promoteWhen,
      policy: { offlineGraceSeconds: 60 },
    });
    const fleet = fleetOf(current)
      .unconfirmed(current, '2026-06-01T12:00:30Z', 'a')
      .offline('2026-06-01T12:00:00Z', 'a');
    assert.deepEqual(fleet.codes('b', later), ['wave']);
  });
});

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

  it('P5: a failure is not forgotten when the host reports something newer, is reinstalled, or replays a checkpoint', () => {
    const fleet = fleetOf(oneWave).failed(oneWave, 'a');
    fleet.tell('a', { kind: 'withheld', body: { withheld: null } });
    assert.equal(fleet.state(oneWave)?.failed, 1);
    const state = fleet.views.get('a' as never)?.fold?.state;
    assert.ok(state);
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
});

describe('edges', () => {
  const early = manifest({ channel: 'early', introducedIn: 1, waves: [['x', 'y']] });
  const gated = manifest({ introducedIn: 1, waves: [['a']], after: [{ channel: 'early', reason: 'first' }] });

  it('P9: a channel waits until the one before it has converged, and halted or reverted is not converged', () => {
    const fleet = new PlannedFleet({ early: { current: early }, stable: { current: gated } });
    const waiting = [{ code: 'channel-edge', names: ['early'], reason: 'first' }];
    assert.deepEqual(fleet.withheld('a'), waiting);
    fleet.converged(early, 'x');
    assert.deepEqual(fleet.withheld('a'), waiting);
    fleet.failed(early, 'y');
    assert.deepEqual(fleet.withheld('a'), waiting);
    assert.equal(fleet.state(early)?.state, 'reverted');
    const fine = new PlannedFleet({ early: { current: early }, stable: { current: gated } }).converged(early, 'x', 'y');
    assert.deepEqual(fine.goes(), ['a']);
  });

  it('P9: without history there is nothing to wait for', () => {
    assert.deepEqual(fleetOf(gated).goes(), ['a']);
  });

  it('P9: a predecessor with a newer release waiting has not converged', () => {
    const newer = manifest({ channel: 'early', introducedIn: 2, waves: [['x', 'y']] });
    const fleet = new PlannedFleet({ early: { current: newer, mayFinish: [early] }, stable: { current: gated } });
    fleet.converged(early, 'x').fetching(early, 'y');
    assert.deepEqual(fleet.codes('a'), ['channel-edge']);
    fleet.converged(early, 'y');
    assert.deepEqual(fleet.codes('a'), ['channel-edge']);
  });

  it('P10: a host waits for the hosts before it, unless they left the rollout', () => {
    const edges = [{ gated: 'b', gates: 'a', reason: 'leader' }];
    const current = manifest({ introducedIn: 1, waves: [['a', 'b', 'c']], edges });
    const fleet = fleetOf(current);
    assert.deepEqual(fleet.goes(), ['a', 'c']);
    assert.deepEqual(fleet.withheld('b'), [{ code: 'host-edge', names: ['a'], reason: 'leader' }]);
    assert.deepEqual(fleetOf(current).soaking(current, 'a').goes(), ['c']);
    assert.deepEqual(fleetOf(current).converged(current, 'a').goes(), ['b', 'c']);
    const moved = fleetOf(current);
    moved.moved.set('a', null);
    assert.deepEqual(moved.goes(), ['b', 'c']);
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
    assert.deepEqual(fleet.goes('2026-06-01T12:01:00Z'), ['a']);
  });

  it('P11: a host that is heard and does nothing with its go keeps no slot', () => {
    const fleet = fleetOf(current).issue(current, 'b');
    assert.deepEqual(fleet.goes('2026-06-01T12:00:59Z'), ['b']);
    assert.deepEqual(fleet.goes('2026-06-01T12:01:00Z'), ['a']);
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
});

describe('releases', () => {
  const first = manifest({ introducedIn: 1, waves: [['a'], ['b']] });
  const second = manifest({ introducedIn: 2, waves: [['a'], ['b']] });
  const third = manifest({ introducedIn: 3, waves: [['a'], ['b', 'new']] });

  it('P13: a running rollout finishes before the newest, and only the newest waits', () => {
    const fleet = fleetOf(third, second, first).activating(first, 'a');
    assert.equal(fleet.state(third)?.state, 'waiting');
    assert.deepEqual(fleet.state(third)?.withheld, [{ code: 'waiting-for-rollout', names: [first.rolloutId] }]);
    assert.deepEqual(fleet.withheld('new'), [{ code: 'waiting-for-rollout', names: [first.rolloutId] }]);
    fleet.converged(first, 'a');
    assert.deepEqual(fleet.plan().hosts.get('b' as never)?.go?.rolloutId, first.rolloutId);
    assert.deepEqual(fleet.codes('a'), ['waiting-for-rollout']);
    fleet.converged(first, 'b');
    assert.deepEqual(fleet.plan().hosts.get('a' as never)?.go?.rolloutId, third.rolloutId);
    assert.equal(fleet.state(second)?.state, 'superseded');
  });

  it('P13: one that was not started, or that the release does not let finish, is replaced', () => {
    assert.equal(
      fleetOf(second, first)
        .plan()
        .hosts.get('a' as never)?.go?.rolloutId,
      second.rolloutId,
    );
    const replaced = fleetOf(second).soaking(first, 'a');
    assert.equal(replaced.plan().hosts.get('a' as never)?.go?.rolloutId, second.rolloutId);
  });

  it('P13: an emergency does not wait', () => {
    const fleet = fleetOf(second, first).converged(first, 'a');
    assert.deepEqual(fleet.plan().hosts.get('b' as never)?.go?.rolloutId, first.rolloutId);
    fleet.emergency = { reason: 'cve', expiresAt: instant(later) };
    fleet.emergencyApproved = true;
    assert.equal(fleet.plan().hosts.get('a' as never)?.go?.rolloutId, second.rolloutId);
  });

  it('P14: one that waits only for offline, failing, refusing, deferred or held hosts yields to the newest', () => {
    const wide = manifest({ introducedIn: 1, waves: [['a', 'b']], policy: { maxFailures: { count: 1 } } });
    const reboot = { kind: 'deferred', body: { target: targetIn(wide, 'b'), component: 'dbus' } } as const;
    const hold = { kind: 'local-hold', body: { hold: { until: instant(later), reason: 'x' } } } as const;
    const cases: Record<string, (fleet: PlannedFleet) => void> = {
      offline: (fleet) => fleet.offline('2026-06-01T12:00:00Z', 'b'),
      failed: (fleet) => fleet.failed(wide, 'b'),
      refused: (fleet) => fleet.refused(wide, 'b'),
      'told again, and still refusing': (fleet) => {
        fleet.now = instant('2026-06-01T11:58:00Z');
        fleet.refused(wide, 'b').issue(wide, 'b').now = noon;
      },
      'refused, with a new go in its hand': (fleet) => fleet.refused(wide, 'b').issue(wide, 'b'),
      unconfirmed: (fleet) => fleet.unconfirmed(wide, later, 'b'),
      deferred: (fleet) => fleet.fetching(wide, 'b').tell('b', reboot),
      held: (fleet) => fleet.tell('b', hold),
    };
    for (const [why, arrange] of Object.entries(cases)) {
      const fleet = fleetOf(second, wide).converged(wide, 'a');
      assert.equal(fleet.plan().hosts.get('b' as never)?.go?.rolloutId, wide.rolloutId);
      arrange(fleet);
      assert.equal(fleet.plan().hosts.get('a' as never)?.go?.rolloutId, second.rolloutId, why);
    }
    const edged = manifest({ introducedIn: 1, waves: [['a', 'b', 'c']], edges: [{ gated: 'c', gates: 'b' }] });
    const stuck = fleetOf(second, edged).converged(edged, 'a').offline('2026-06-01T12:00:00Z', 'b');
    assert.equal(stuck.plan().hosts.get('a' as never)?.go?.rolloutId, second.rolloutId, 'and who waits for those');
    const waved = manifest({ introducedIn: 1, waves: [['a', 'b'], ['c']] });
    const shut = fleetOf(second, waved).converged(waved, 'a').offline('2026-06-01T12:00:00Z', 'b');
    assert.equal(shut.plan().hosts.get('a' as never)?.go?.rolloutId, second.rolloutId, 'and waves that cannot open');
  });

  it('P14: a turn never goes back, and hosts that moved on are waited for no more', () => {
    const fleet = fleetOf(second, first).converged(first, 'a').offline('2026-06-01T12:00:00Z', 'b');
    fleet.fetching(second, 'a').see('b', { isOnline: true });
    assert.equal(fleet.state(second)?.state, 'active');
    assert.deepEqual(fleet.codes('b'), ['wave']);
    const wide = manifest({ introducedIn: 1, waves: [['a', 'b', 'c']] });
    const moved = fleetOf(
      manifest({ introducedIn: 2, waves: [['a', 'b', 'c']], closure: (name) => (name === 'b' ? 'v0' : 'v2') }),
      wide,
    );
    moved.converged(wide, 'a').offline('2026-06-01T12:00:00Z', 'c');
    const body = { target: targetIn(moved.channels.stable?.current ?? wide, 'b'), switched: false };
    moved.tell('b', { kind: 'converged', body });
    assert.deepEqual(moved.goes(), ['a'], 'b stays where the newest release has it');
  });

  it('P15: hosts that were removed or moved are no longer a rollout’s concern', () => {
    const fleet = fleetOf(first);
    fleet.moved.set('a', null);
    assert.deepEqual(fleet.plan().hosts.has('a' as never), false);
    assert.equal(fleet.state(first)?.hosts, 1);
    fleet.moved.set('a', 'elsewhere');
    assert.deepEqual(fleet.withheld('a'), [{ code: 'not-in-rollout' }]);
  });

  it('P15: without the current manifest nothing of the channel has a turn', () => {
    const fleet = fleetOf(second, first).converged(first, 'a');
    const release = fleet.release();
    const manifests = new Map(release.manifests);
    manifests.delete(second.rolloutId);
    fleet.release = () => ({ ...release, manifests });
    assert.deepEqual([fleet.goes(), fleet.codes('b')], [[], ['not-in-rollout']]);
  });

  it('P16: a host that runs its target already is not dispatched; it converges by itself', () => {
    const same = manifest({
      introducedIn: 2,
      waves: [['a', 'b']],
      closure: () => 'v1',
      budgets: [{ name: 'n', hosts: ['a', 'b'], maxInFlight: 1 }],
    });
    const fleet = fleetOf(same).converged(first, 'a');
    assert.deepEqual([fleet.goes(), fleet.codes('a')], [['b'], ['in-progress']]);
    const failing = { kind: 'withheld', body: { withheld: { code: 'failed', reason: 'probe http fails' } } } as const;
    assert.deepEqual(fleet.tell('a', failing).codes('a'), ['failed']);
    assert.deepEqual(
      fleet.tell('a', { kind: 'converged', body: { target: targetIn(same, 'a'), switched: false } }).codes('a'),
      [],
    );
    assert.deepEqual(fleet.offline('2026-06-01T12:00:00Z', 'a').codes('a'), ['offline'], 'never green while offline');
  });
});

describe('rebuild', () => {
  const until = instant('2026-06-01T12:05:00Z');
  const current = manifest({
    introducedIn: 5,
    waves: [['a'], ['b', 'c']],
    budgets: [{ name: 'n', hosts: ['b', 'c'], maxInFlight: 1 }],
  });
  const rebuilt = (of = current) => {
    const fleet = fleetOf(of);
    fleet.rebuild = { until, releaseVersion: 5 };
    return fleet.see(fleet.names(), { isReplayed: false });
  };

  it('P17: nothing is dispatched until every declared host has replayed, or the wait is over', () => {
    const fleet = rebuilt().see(['a', 'b'], { isReplayed: true });
    assert.deepEqual(fleet.goes(), []);
    assert.deepEqual(fleet.withheld('a')[0], { code: 'rebuilding', until, names: ['c'] });
    assert.equal(fleet.plan().nextDeadline, until);
    assert.deepEqual(fleet.goes(until), ['a']);
    assert.deepEqual(fleet.see('c', { isReplayed: true }).goes(), ['a']);
  });

  it('P17: then an unheard host is told nothing, is not excused, counts against budgets and holds its channel', () => {
    const grace = manifest({
      ...{ introducedIn: 5, waves: [['a'], ['b']] },
      policy: { offlineGraceSeconds: 0 },
      promoteWhen: { convergedPercent: 1, receiptsPercent: 0 },
    });
    const fleet = rebuilt(grace).see('b', { isReplayed: true }).offline('2026-06-01T10:00:00Z', 'a');
    assert.deepEqual(fleet.withheld('b', until), [{ code: 'unheard-after-rebuild', names: ['a'] }]);
    assert.deepEqual(fleet.codes('a', until), ['unheard-after-rebuild']);
    const budget = rebuilt().see(['a', 'c'], { isReplayed: true }).converged(current, 'a');
    assert.deepEqual([budget.goes(until), budget.codes('c', until)], [[], ['budget']]);
  });

  it('P17: a newer release supersedes the wait', () => {
    const promoteWhen = { convergedPercent: 100, receiptsPercent: 0 };
    const newer = manifest({ introducedIn: 6, waves: [['a'], ['b']], policy: { offlineGraceSeconds: 0 }, promoteWhen });
    const fleet = rebuilt(newer).see('b', { isReplayed: true }).offline('2026-06-01T10:00:00Z', 'a');
    assert.deepEqual(fleet.goes(until), ['b']);
    assert.deepEqual(fleet.state(newer, until)?.leftBehind, ['a']);
  });

  it('P17: once every journal is back, the plan is what it was', () => {
    const before = fleetOf(current).converged(current, 'a').activating(current, 'b');
    const after = rebuilt().converged(current, 'a').activating(current, 'b');
    after.see(after.names(), { isReplayed: true });
    assert.deepEqual(after.plan().hosts, before.plan().hosts);
    assert.deepEqual(after.plan().rollouts, before.plan().rollouts);
  });
});
