import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Instant } from '@nixfleet/contracts';
import { manifest, PlannedFleet, targetIn } from './fixtures/fleet.ts';
import { noon } from './fixtures/host.ts';

const _oneWave = manifest({ introducedIn: 1, waves: [['a', 'b']] });
const _twoWaves = manifest({ introducedIn: 1, waves: [['a'], ['b', 'c']] });
const later = '2026-06-01T13:00:00Z';
const instant = (text: string) => text as Instant;

function fleetOf(current: ReturnType<typeof manifest>, ...mayFinish: ReturnType<typeof manifest>[]) {
  return new PlannedFleet({ [current.document.channel]: { current, mayFinish } });
}

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
      'unconfirmed, and trying again': (fleet) => fleet.unconfirmed(wide, later, 'b').fetching(wide, 'b'),
      deferred: (fleet) => fleet.fetching(wide, 'b').tell('b', reboot),
      held: (fleet) => fleet.tell('b', hold),
      'running it already': (fleet) => {
        const { closure } = targetIn(wide, 'b');
        const reason = { reason: 'restored', running: closure, confirmed: closure, agentVersion: '1' } as const;
        fleet.tell('b', { kind: 'journal-started', body: reason });
      },
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

  it('P17: a failure that is known counts, though the rest of its host’s journal is not here', () => {
    const fleet = rebuilt().failed(current, 'b').see(['a', 'c'], { isReplayed: true });
    assert.deepEqual(fleet.goes(until), []);
    assert.deepEqual(fleet.codes('a', until), ['halted']);
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
