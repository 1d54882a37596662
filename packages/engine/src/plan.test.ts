import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Instant } from '@nixfleet/contracts';
import { manifest, PlannedFleet, targetIn } from './fixtures/fleet.ts';

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
    assert.deepEqual(fleet.codes('a'), ['freeze', 'outside-window'], 'not approved');
    fleet.emergencyApproved = true;
    assert.deepEqual(fleet.goes(), ['a']);
    assert.equal(fleet.plan().nextDeadline, later);
    assert.deepEqual(fleet.codes('a', later), ['freeze', 'outside-window'], 'expired');
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
    assert.deepEqual(fleet.state(current)?.leftBehind, []);
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

  it('P4: a wave that waits for a grace alone says when it ends', () => {
    const offline = { offlineGraceSeconds: 3600 };
    const graced = (hosts: readonly string[], promoteWhen = { convergedPercent: 100, receiptsPercent: 0 }) =>
      manifest({ introducedIn: 1, waves: [hosts, ['z']], promoteWhen, policy: offline });
    const both = graced(['a', 'b', 'c']);
    const away = () =>
      fleetOf(both).converged(both, 'c').offline('2026-06-01T11:30:00Z', 'a').offline('2026-06-01T11:45:00Z', 'b');
    const until = '2026-06-01T12:45:00Z';
    assert.deepEqual(away().withheld('z'), [{ code: 'wave', until, names: ['a', 'b'], have: 1, need: 3 }]);
    assert.deepEqual(away().withheld('z', '2026-06-01T12:30:00Z')[0]?.until, until, 'the last of them');
    assert.deepEqual([away().goes('2026-06-01T12:44:59Z'), away().goes(until)], [[], ['z']]);
    const refused = away().tell('b', { kind: 'refused', body: { target: targetIn(both, 'b'), reason: 'disk-full' } });
    assert.equal(refused.withheld('z')[0]?.until, until, 'it may be excused, too');
    for (const [what, change] of Object.entries<(fleet: PlannedFleet) => void>({
      'one is here': (fleet) => fleet.see('b', { isOnline: true }),
      'one is at work': (fleet) => fleet.activating(both, 'b').offline('2026-06-01T12:00:00Z', 'b'),
      'one went silent in its switch': (fleet) => fleet.unconfirmed(both, '2026-06-01T12:00:30Z', 'b'),
    })) {
      const fleet = away();
      change(fleet);
      assert.equal(fleet.withheld('z')[0]?.until, undefined, what);
    }
    const half = graced(['a', 'b', 'c', 'd'], { convergedPercent: 50, receiptsPercent: 25 });
    const early = fleetOf(half).converged(half, 'c');
    early.offline('2026-06-01T11:30:00Z', 'a').offline('2026-06-01T11:45:00Z', 'b');
    assert.equal(
      early.withheld('z')[0]?.until,
      until,
      'half of the two that are left, though one of them is at nothing',
    );
    assert.equal(early.goes(until).includes('z'), true);
  });

  it('P4: where receipts of all are demanded no grace opens a wave: that is what is said, and nobody is left behind', () => {
    const policy = { offlineGraceSeconds: 3600 };
    const strict = manifest({ introducedIn: 1, waves: [['a', 'b'], ['z']], policy });
    const fleet = fleetOf(strict).converged(strict, 'b').offline('2026-06-01T11:00:00Z', 'a');
    const waiting = { code: 'wave', names: ['a'], have: 1, need: 2, reason: 'receipts' };
    assert.deepEqual([fleet.withheld('z'), fleet.state(strict)?.leftBehind], [[waiting], []]);
    const soon = fleetOf(strict).converged(strict, 'b').offline('2026-06-01T11:30:00Z', 'a');
    assert.deepEqual(soon.withheld('z'), [{ code: 'wave', names: ['a'], have: 1, need: 2 }]);
    // Everybody who is there runs it: nobody waits for it any more.
    assert.deepEqual(fleet.converged(strict, 'z').state(strict)?.leftBehind, ['a']);
    const later = manifest({ introducedIn: 1, waves: [['a'], ['z']], policy });
    const behind = fleetOf(later).offline('2026-06-01T11:00:00Z', 'z');
    assert.deepEqual(behind.state(later)?.leftBehind, [], 'its own wave has not come');
    assert.deepEqual(behind.converged(later, 'a').state(later)?.leftBehind, ['z']);
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
