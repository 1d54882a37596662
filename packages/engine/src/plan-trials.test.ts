import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { HostTarget, Instant } from '@nixfleet/contracts';
import { manifest, PlannedFleet, targetIn } from './fixtures/fleet.ts';
import { closureOf, switchPolicy } from './fixtures/host.ts';

const later = '2026-06-01T13:00:00Z' as Instant;
const budgets = [{ name: 'one', hosts: ['a', 'b', 'c'], maxInFlight: 1 }];
const release = manifest({ introducedIn: 1, waves: [['a'], ['b', 'c']], budgets });
const trial = {
  ...manifest({ introducedIn: 2, waves: [['a']], closure: () => 'tried' }),
  rolloutId: 'f'.repeat(64) as never,
};
const target: HostTarget = { ...targetIn(trial, 'a'), trialUntil: later };

function fleetOf({ of = release, isConverged = true } = {}): PlannedFleet {
  const fleet = new PlannedFleet({ stable: { current: of } });
  if (isConverged) fleet.converged(of, 'a', 'b', 'c');
  fleet.trials.set('a', { of: trial, expiresAt: later });
  return fleet;
}

function trying(fleet: PlannedFleet): PlannedFleet {
  const deadline = later;
  return fleet.tell(
    'a',
    { kind: 'fetching', body: { target, policy: switchPolicy } },
    { kind: 'activating', body: { target, revertTo: closureOf('v1'), deadline } },
    { kind: 'confirming', body: { target, deadline } },
    { kind: 'trying', body: { target, revertTo: closureOf('v1'), deadline } },
  );
}

describe('trials', () => {
  it('P25: one host is told of its trial until it ends there or runs out, and then has its channel again', () => {
    const fleet = fleetOf();
    assert.deepEqual(fleet.plan().hosts.get('a' as never)?.go, { rolloutId: trial.rolloutId, wave: 0, attempt: 1 });
    assert.equal(fleet.plan().hosts.get('a' as never)?.entry?.closure, closureOf('tried'));
    assert.deepEqual(fleet.goes(), ['a']);
    assert.equal(fleet.plan().nextDeadline, later);
    trying(fleet);
    assert.deepEqual(fleet.withheld('a'), [{ code: 'trial', until: later }]);
    assert.deepEqual(fleet.goes(), []);
    fleet.tell('a', { kind: 'reverted', body: { target, to: closureOf('v1'), cause: 'trial-ended', by: 'agent' } });
    assert.deepEqual([fleet.withheld('a'), fleet.plan().hosts.get('a' as never)?.rolloutId], [[], release.rolloutId]);
    assert.deepEqual(fleetOf().goes(later), [], 'run out');
  });

  it('P25: brakes, quarantine, local holds and budgets of its channel keep it from starting, a halt does not', () => {
    const held = fleetOf();
    held.holds = [{ channel: 'stable', reason: 'audit', expiresAt: later }];
    assert.deepEqual(held.codes('a'), ['hold', 'trial']);
    const freezes = [{ from: '2026-06-01T11:00:00Z' as Instant, to: later, reason: 'x' }];
    const frozen = fleetOf();
    frozen.channels = { stable: { current: release, freezes } };
    assert.deepEqual(frozen.codes('a'), ['freeze', 'trial']);
    const local = fleetOf().tell('a', { kind: 'local-hold', body: { hold: { until: later, reason: 'disk' } } });
    assert.deepEqual(local.codes('a'), ['local-hold', 'trial']);
    assert.deepEqual(fleetOf().activating(release, 'b').codes('a'), ['budget', 'trial']);
    assert.deepEqual(trying(fleetOf()).issue(release).goes(), [], 'and it takes a slot itself');
    const taken = trying(fleetOf({ isConverged: false }).converged(release, 'a'));
    assert.deepEqual(taken.codes('b'), ['budget']);
    const slow = manifest({ introducedIn: 1, waves: [['a', 'b']], policy: { fetchesMax: 1 } });
    const fetching = new PlannedFleet({ stable: { current: slow } }).converged(slow, 'a').fetching(slow, 'b');
    fetching.trials.set('a', { of: trial, expiresAt: later });
    assert.deepEqual(fetching.codes('a'), ['fetch-limit', 'trial']);
    const again = manifest({ introducedIn: 0 + 1, waves: [['a']], closure: () => 'tried' });
    assert.deepEqual(fleetOf().failed(again, 'a').converged(release, 'a').codes('a'), ['quarantined', 'trial']);
    const halted = fleetOf().failed(release, 'b');
    assert.deepEqual(halted.goes(), ['a']);
    assert.deepEqual(fleetOf().offline(later, 'a').codes('a'), ['offline', 'trial']);
  });

  it('P25: until it begins its target is told to be a trial, with its end, and no brake twice', () => {
    const ahead = { code: 'trial', reason: 'not begun yet', until: later };
    assert.deepEqual(fleetOf().withheld('a'), [ahead], 'with a go');
    const hold = { code: 'hold', until: later, reason: 'audit' } as const;
    const fleet = fleetOf().tell('a', { kind: 'withheld', body: { withheld: hold } });
    fleet.holds = [{ channel: 'stable', reason: 'audit', expiresAt: later }];
    assert.deepEqual(fleet.withheld('a'), [hold, ahead], 'the host says the same');
    const clock = { code: 'clock-unsynchronised' } as const;
    assert.deepEqual(
      fleetOf()
        .tell('a', { kind: 'withheld', body: { withheld: clock } })
        .withheld('a'),
      [clock, ahead],
    );
    const fetches = fleetOf().tell('a', { kind: 'fetching', body: { target, policy: switchPolicy } });
    assert.deepEqual(fetches.codes('a'), ['in-progress', 'trial']);
    const deadline = later;
    fetches.tell('a', { kind: 'activating', body: { target, revertTo: closureOf('v1'), deadline } });
    assert.deepEqual(fetches.codes('a'), ['in-progress'], 'it has begun');
  });

  it('P25: it keeps its place among those that fetch from its go on, and holds nobody up once it has fetched', () => {
    const slow = manifest({ introducedIn: 1, waves: [['a', 'b', 'c']], policy: { fetchesMax: 1 } });
    const limited = (): PlannedFleet => {
      const fleet = new PlannedFleet({ stable: { current: slow } }).converged(slow, 'a');
      fleet.trials.set('a', { of: trial, expiresAt: later });
      return fleet;
    };
    const told = limited().issue(trial, 'a');
    assert.deepEqual([told.goes(), told.codes('b')], [['a'], ['fetch-limit']], 'told, and not yet heard of');
    const fetches = limited().tell('a', { kind: 'fetching', body: { target, policy: switchPolicy } });
    assert.deepEqual([fetches.goes(), fetches.codes('b')], [['a'], ['fetch-limit']]);
    assert.deepEqual(trying(limited()).goes(), ['b'], 'past it');
    const ending = limited().issue(slow, 'b').fetching(slow, 'b').soaking(slow, 'b');
    ending.trials.set('b', { of: trial, expiresAt: later });
    assert.deepEqual(ending.codes('b').includes('fetch-limit'), false, 'its switch ends first');
  });

  it('P25: it waits for a switch that is under way, and nothing of it counts for the rollout', () => {
    const busy = fleetOf({ isConverged: false }).activating(release, 'a');
    assert.deepEqual(busy.codes('a'), ['in-progress', 'trial']);
    const fleet = trying(fleetOf({ isConverged: false }));
    assert.deepEqual([fleet.state(release)?.converged, fleet.state(release)?.failed], [0, 0]);
    assert.deepEqual(fleet.codes('b'), ['wave'], 'its wave waits for it');
    fleet.tell('a', { kind: 'failed', body: { target, cause: 'probe-failed', revertTo: closureOf('v0') } });
    assert.deepEqual([fleet.state(release)?.failed, fleet.state(release)?.state], [0, 'waiting']);
    assert.ok(!fleet.views.get('a' as never)?.fold?.outcomes.has(trial.rolloutId), 'no outcome is kept of it');
    const silent = trying(fleetOf()).offline('2026-06-01T12:00:00Z', 'a');
    assert.equal(silent.state(release, '2026-06-02T00:00:00Z')?.failed, 0);
  });

  it('P25: an earlier rollout does not keep its turn for a host that tries something', () => {
    const next = manifest({ introducedIn: 3, waves: [['a'], ['b', 'c']] });
    const wide = manifest({ introducedIn: 1, waves: [['a', 'b']] });
    const two = new PlannedFleet({ stable: { current: next, mayFinish: [wide] } }).converged(wide, 'b');
    assert.equal(two.plan().hosts.get('b' as never)?.rolloutId, wide.rolloutId);
    two.trials.set('a', { of: trial, expiresAt: later });
    assert.equal(two.plan().hosts.get('b' as never)?.rolloutId, next.rolloutId);
  });

  it('P25: after an empty start it waits for the journal, and a host that left the channel has none', () => {
    const fleet = fleetOf();
    fleet.rebuild = { until: '2026-06-01T11:00:00Z' as Instant, releaseVersion: 5 };
    fleet.see('a', { isReplayed: false });
    assert.deepEqual(fleet.codes('a'), ['unheard-after-rebuild', 'trial']);
    const moved = fleetOf();
    moved.moved.set('a', 'elsewhere');
    assert.deepEqual(moved.codes('a'), ['not-in-rollout']);
  });
});
